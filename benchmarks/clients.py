# SPDX-License-Identifier: MIT
"""Ten thousand questions at once from one thread, a connection each: aperto's client beside the same in Asio."""

import subprocess
import time
from pathlib import Path
from statistics import median

import measure
from loads import Load
from peers import BUILT, OPTIMISED, PEERS, ROOT, aperto_program, build, run_build

QUESTIONS = 10_000
SOURCES = ROOT / "benchmarks" / "clients"
# On loopback a port that rests in TIME_WAIT may be used again after a second (tcp_tw_reuse, ip(7)).
PORTS_REST_S = 1.2
PROGRAMS = (
    ("aperto, every deadline set", ("ask_aperto",)),
    ("Asio, a deadline each", ("ask_asio", "deadline")),
    ("Asio, no deadline", ("ask_asio",)),
)


def build_clients():
    library = Path(aperto_program()).resolve().parent / "lib" / "libaperto.a"
    words = ["g++", "-std=c++20", *OPTIMISED, f"-I{ROOT / 'include'}"]
    ours = [*words, str(SOURCES / "ask_aperto.cpp"), str(library), "-o", str(BUILT / "ask_aperto"), "-luring", "-lfmt",
            "-pthread"]
    asio = [*words, str(SOURCES / "ask_asio.cpp"), "-o", str(BUILT / "ask_asio"), "-pthread"]
    return run_build(ours, BUILT / "ask_aperto.log") or run_build(asio, BUILT / "ask_asio.log")


def sample(words, port, core):
    program, *more = words
    done = subprocess.run(measure.on_core(core, [str(BUILT / program), str(port), str(QUESTIONS), *more]),
                          capture_output=True, text=True, check=False)
    time.sleep(PORTS_REST_S)
    if done.returncode != 0:
        raise measure.Failed((done.stderr.strip().splitlines() or ["it said nothing"])[-1])
    cpu_us, seconds, memory_kb = (float(word) for word in done.stdout.split())
    return {"cpu_us": cpu_us, "seconds": seconds, "memory_mb": memory_kb / 1e3}


def run(rounds, say, progress):
    """Prints the table and gives it, for the JSON."""
    floor = next(peer for peer in PEERS if peer.key == "epoll_c")
    wrong = build(floor) or build_clients()
    if wrong:
        say(wrong)
        return {}
    server_core, own_core = measure.cores()
    samples = {name: [] for name, _ in PROGRAMS}
    with measure.Server(floor, Load("client", "questions", framing="line"), server_core) as server:
        for number in range(rounds):
            for name, words in PROGRAMS:
                progress(f"{QUESTIONS:,} questions at once, round {number + 1} of {rounds}: {name}")
                try:
                    samples[name].append(sample(words, server.port, own_core))
                except measure.Failed as failed:
                    say(f"    {name}: {failed}")
                    samples[name].append(None)
    progress("")
    say(f"{f'(client) {QUESTIONS:,} questions at once':<40}{'CPU/question':>16}{'memory':>12}{'aperto is':>22}")
    ours = samples[PROGRAMS[0][0]]
    for name, _ in PROGRAMS:
        known = [s for s in samples[name] if s]
        if not known:
            continue
        ratios = [a["cpu_us"] / b["cpu_us"] for a, b in zip(ours, samples[name]) if a and b]
        spread = f"{median(ratios):.2f} ({min(ratios):.2f}–{max(ratios):.2f})" if ratios and samples[name] is not ours else ""
        say(f"{name:<40}{median(s['cpu_us'] for s in known):>13.1f} µs{median(s['memory_mb'] for s in known):>9.1f} MB{spread:>22}")
    say()
    return samples
