# SPDX-License-Identifier: MIT
"""One worker and two, with the load on the same two cores."""

import json
import subprocess
from dataclasses import replace
from statistics import median

import measure
from loads import LOADS
from peers import PEERS

WORKERS = (1, 2)
KEYS = ("1", "4")


def sample(peer, load, seconds, cores):
    with measure.Server(peer, load, cores) as server:
        seen = measure.generate(load, server, seconds, cores)
    return {"requests_per_second": seen["requests_per_second"], "cpu_us": seen["server"]["cpu_ns_per_request"] / 1e3,
            "p99_us": seen["latency_us"]["p99"]}


def run(rounds, seconds, say, progress):
    """Prints the table and gives it, for the JSON."""
    ours = next(peer for peer in PEERS if peer.key == "aperto")
    cores = ",".join(str(core) for core in sorted(set(measure.cores())))
    results = {}
    for load in (load for load in LOADS if load.key in KEYS):
        samples = {count: [] for count in WORKERS}
        for number in range(rounds):
            for count in WORKERS:
                progress(f"load {load.key} with {count} workers, round {number + 1} of {rounds}")
                words = tuple(str(count) if before == "--workers" else word
                              for before, word in zip(("", *ours.command), ours.command))
                try:
                    samples[count].append(sample(replace(ours, command=words), load, seconds, cores))
                except (measure.Failed, json.JSONDecodeError, subprocess.TimeoutExpired) as failed:
                    say(f"    {count} workers: {failed}")
        progress("")
        results[load.key] = samples
        say(f"(workers) {load.title}, server and load on cores {cores}")
        for count, known in samples.items():
            if known:
                say(f"    {count} worker{'s' if count > 1 else ' '}  {median(s['requests_per_second'] for s in known):>12,.0f} req/s"
                    f"  {median(s['cpu_us'] for s in known):>8.2f} µs CPU/req  p99 {median(s['p99_us'] for s in known) / 1e3:>6.2f} ms")
    say()
    return results
