# SPDX-License-Identifier: MIT
"""./bench --wrk: the same server loaded by wrk and by `aperto bench`, in turn. Does ours flatter?"""

import json
import re
import shutil
import subprocess
from statistics import median

import measure
from loads import Load
from peers import BUILT, Peer, compiled, generator_program, run_build

CONNECTIONS = 64
REQUEST = "GET / HTTP/1.1\r\nHost: 127.0.0.1:12345\r\n\r\n"
UNITS_US = {"us": 1.0, "ms": 1e3, "s": 1e6}
FIGURES = (("requests_per_second", "req/s"), ("p50_us", "p50 µs"), ("p90_us", "p90 µs"), ("p99_us", "p99 µs"),
           ("cpu_us", "server CPU/req µs"))


def server_cpu_s(process):
    # Fields 14 and 15 of proc(5)'s stat, in ticks of 10 ms: fine for a run of seconds.
    with open(f"/proc/{process.pid}/stat", encoding="ascii") as stat:
        fields = stat.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / 100


def run_wrk(server, seconds, core):
    before = server_cpu_s(server.process)
    done = subprocess.run(
        measure.on_core(core, ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "--latency",
                               f"http://127.0.0.1:{server.port}/"]), capture_output=True, text=True, check=True)
    used = server_cpu_s(server.process) - before
    sample = {"requests_per_second": float(re.search(r"Requests/sec:\s*([\d.]+)", done.stdout)[1])}
    requests = int(re.search(r"(\d+) requests in", done.stdout)[1])
    for percent in (50, 90, 99):
        value, unit = re.search(rf"\b{percent}%\s+([\d.]+)(us|ms|s)", done.stdout).groups()
        sample[f"p{percent}_us"] = float(value) * UNITS_US[unit]
    sample["cpu_us"] = used * 1e6 / requests
    return sample


def run_ours(server, seconds, core):
    done = subprocess.run(
        measure.on_core(core, [generator_program(), "bench", "--json", "--port", str(server.port), "--expect", "none",
                               "--size", str(len(REQUEST)), "--connections", str(CONNECTIONS), "--duration",
                               f"{seconds}s", "--warm-up", "200ms", "--server-pid", str(server.process.pid)]),
        capture_output=True, text=True, check=True)
    seen = json.loads(done.stdout)
    return {"requests_per_second": seen["requests_per_second"], "p50_us": seen["latency_us"]["p50"],
            "p90_us": seen["latency_us"]["p90"], "p99_us": seen["latency_us"]["p99"],
            "cpu_us": seen["server"]["cpu_ns_per_request"] / 1e3}


def run(rounds, seconds, say):
    """0, or 1 where the two cannot be compared here."""
    if not shutil.which("wrk"):
        say("error: wrk is not on this machine: apt-get install wrk")
        return 1
    wrong = run_build(list(compiled("c", "http_c")), BUILT / "http_c.log")
    if wrong:
        say(wrong)
        return 1
    peer = Peer("http_c", "a fixed HTTP response", (str(BUILT / "http_c"), "{port}", "{framing}"))
    load = Load("wrk", "ping-pong")
    server_core, load_core = measure.cores()
    samples = {"wrk": [], "aperto bench": []}
    with measure.Server(peer, load, server_core) as server:
        for _ in range(rounds):
            samples["wrk"].append(run_wrk(server, round(seconds) or 1, load_core))
            samples["aperto bench"].append(run_ours(server, round(seconds) or 1, load_core))
    say(f"{'':14}" + "".join(f"{title:>20}" for _, title in FIGURES))
    for name, taken in samples.items():
        say(f"{name:14}" + "".join(f"{median(s[key] for s in taken):>20,.2f}" for key, _ in FIGURES))
    for key, title in FIGURES:
        ratios = [ours[key] / theirs[key] for ours, theirs in zip(samples["aperto bench"], samples["wrk"]) if theirs[key]]
        if ratios:
            say(f"  {title}: ours / wrk {median(ratios):.2f} ({min(ratios):.2f}–{max(ratios):.2f})")
    return 0
