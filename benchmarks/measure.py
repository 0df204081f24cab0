# SPDX-License-Identifier: MIT
"""One sample: a server started fresh on one core, the load on another, what the kernel counted."""

import json
import os
import random
import resource
import socket
import subprocess
import time

from peers import BUILT, ROOT, compiled, generator_program, run_build

STARTS_A_SAMPLE = 7
# A server that had less of its core than this was not measured.
SERVER_CPU_NS_MIN = 5_000_000
# With thousands of connections one turn of all of them takes a while: a sample needs several.
MANY_CONNECTIONS = 1000
MANY_SECONDS_MIN = 1.5
LONGEST_START_S = 20.0


class Failed(Exception):
    """A sample that did not come about; the text says why."""


def cores():
    """The core for the server and the one for the load; the same one where there is no second."""
    allowed = sorted(os.sched_getaffinity(0))
    return allowed[0], allowed[-1]


def raise_file_limit():
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


def free_port():
    """A port to listen on, outside the range that connections begin from: the load's own may rest in TIME_WAIT there."""
    while True:
        port = random.randrange(15_000, 32_000)
        with socket.socket() as probe:
            try:
                probe.bind(("0.0.0.0", port))
                return port
            except OSError:
                continue


def on_core(core, words):
    return ["taskset", "--cpu-list", str(core), *words]


class Server:
    """A server process, from its start to its end."""

    def __init__(self, peer, load, core):
        self.port = free_port()
        self.errors = open(ROOT / "build" / "bench" / "server-errors.log", "w+b")  # noqa: SIM115
        self.began = time.monotonic()
        self.process = subprocess.Popen(
            on_core(core, peer.start_command(load, self.port)), stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=self.errors, env={**os.environ, **peer.environment})

    def __enter__(self):
        try:
            self.wait_until_ready()
        except BaseException:
            self.end()
            raise
        return self

    def __exit__(self, *_):
        self.end()

    def connect(self):
        """A connection to it, tried until it is there."""
        while True:
            attempt = socket.socket()
            try:
                attempt.connect(("127.0.0.1", self.port))
                return attempt
            except ConnectionRefusedError:
                attempt.close()
            if self.process.poll() is not None:
                self.errors.seek(0)
                said = self.errors.read().decode(errors="replace").strip().splitlines()
                raise Failed(f"it ended with code {self.process.returncode}: {said[-1] if said else 'saying nothing'}")
            if time.monotonic() - self.began > LONGEST_START_S:
                raise Failed(f"it did not listen within {LONGEST_START_S:.0f} s")

    def wait_until_ready(self):
        self.connect().close()

    def end(self):
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(timeout=3)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.errors.close()


def generate(load, server, seconds, core):
    words = [generator_program(), "bench", "--json", "--port", str(server.port), "--server-pid", str(server.process.pid)]
    if "--requests" in load.arguments:
        seconds = 60
    try:
        done = subprocess.run(on_core(core, [*words, *load.generator(seconds)]), capture_output=True, text=True,
                              timeout=seconds * 2 + 60, check=False)
    except subprocess.TimeoutExpired as late:
        raise Failed(f"the load was not over after {late.timeout:.0f} s") from late
    if not done.stdout.strip():
        raise Failed((done.stderr.strip().splitlines() or ["the load said nothing"])[0])
    return json.loads(done.stdout)


def measure_start(peer, load, server_core, load_core):
    """Milliseconds from exec to the first reply, the median of some starts, timed by a program without a start of its own."""
    program = BUILT / "start_c"
    wrong = run_build(list(compiled("c", "start_c")), BUILT / "start_c.log") if not program.exists() else ""
    if wrong:
        raise Failed(wrong)
    times_us = []
    for _ in range(STARTS_A_SAMPLE):
        port = free_port()
        done = subprocess.run([str(program), str(server_core), str(load_core), str(port), *peer.start_command(load, port)],
                              capture_output=True, text=True, check=False, env={**os.environ, **peer.environment})
        if done.returncode != 0:
            raise Failed("it did not start, or its first reply was wrong")
        times_us.append(float(done.stdout.splitlines()[-1]))
    return {"start_ms": sorted(times_us)[len(times_us) // 2] / 1e3}


def take_sample(peer, load, seconds):
    """A dictionary of figures, all of them measured; what is not known is not in it."""
    server_core, load_core = cores()
    if load.special == "start":
        return measure_start(peer, load, server_core, load_core)
    if load.connections >= MANY_CONNECTIONS:
        seconds = max(seconds, MANY_SECONDS_MIN)
    with Server(peer, load, server_core) as server:
        seen = generate(load, server, seconds, load_core)
    told = seen["server"]
    # The lesson's server counts on its clients to come again; everybody else has to answer everything.
    if not seen["clean"] and peer.key != "lesson":
        raise Failed(why_unclean(seen))
    if seen["answered"] == 0 or (told["cpu_ns"] or 0) < SERVER_CPU_NS_MIN:
        raise Failed("in some sample it hardly ran: the machine was busy elsewhere")
    sample = {
        "requests_per_second": seen["requests_per_second"],
        "received_mb_per_second": seen["bytes_received"] / seen["seconds"] / 1e6,
        "p50_us": seen["latency_us"]["p50"],
        "p99_us": seen["latency_us"]["p99"],
        "p99_9_us": seen["latency_us"]["p99_9"],
        "memory_most_mb": told["memory_most_bytes"] / 1e6,
        "generator_share": seen["generator"]["cpu_share"],
        "generator_waited": seen["generator"]["waited_share"],
    }
    if "cpu_ns_per_request" in told:
        sample["cpu_us"] = told["cpu_ns_per_request"] / 1e3
    if load.idle:
        sample["bytes_per_idle"] = (told["memory_idle_bytes"] - told["memory_before_bytes"]) / load.idle
    return sample


def why_unclean(seen):
    if seen["ended_early"]:
        return f"the run ended early: {seen['ended_early']}"
    if seen["wrong"]:
        return f"a wrong byte came back: {seen['wrong']}"
    return (f"{seen['unanswered']} requests were not answered, {seen['closed_by_server']} connections and "
            f"{seen['idle_lost']} idle ones were closed by it, failures: {seen['failures']}")
