# SPDX-License-Identifier: MIT
"""./bench --journal: what it costs to have every message on record before its reply is sent."""

import tempfile
from pathlib import Path
from statistics import median

import measure
from loads import Load
from peers import BUILT, Peer, aperto_program
from summary import count, microseconds

LOADS = (
    Load("journal-ask", "lines of 32 B, one at a time on each of 64 connections", ("--size", "32", "--expect", "echo"),
         framing="line"),
    Load("journal-many", "lines of 32 B, 16 in flight on each of 64 connections",
         ("--size", "32", "--pipeline", "16", "--expect", "echo"), framing="line"),
    Load("journal-one", "lines of 32 B, one at a time on one connection", ("--size", "32", "--expect", "echo"), connections=1,
         framing="line"),
)
WAYS = (("no journal", ""), ("--durability process", "process"), ("--durability power", "power"))


def server(title, durability, folder):
    words = (aperto_program(), "serve", "echo", "--host", "0.0.0.0", "--port", "{port}", "--framing", "{framing}", "--workers",
             "1", "--messages", "none")
    if durability:
        words += ("--journal", str(Path(folder) / f"{durability}.db"), "--durability", durability)
    return Peer(title, title, words, "ours")


def sample(load, title, durability, seconds):
    server_core, load_core = measure.cores()
    # Where the build is rather than in /tmp, which may be memory.
    with tempfile.TemporaryDirectory(dir=BUILT) as folder, measure.Server(server(title, durability, folder), load,
                                                                         server_core) as serving:
        done = measure.generate(load, serving, seconds, load_core)
    if not done["clean"]:
        raise measure.Failed("the run was not clean")
    return {"rate": done["requests_per_second"], "p50": done["latency_us"]["p50"], "p99": done["latency_us"]["p99"]}


def run(rounds, seconds, say, progress):
    """Prints a table for each load, as docs/performance.md has it, and gives the samples."""
    samples = {}
    for load in LOADS:
        taken = {title: [] for title, _ in WAYS}
        for number in range(rounds):
            for title, durability in WAYS:
                progress(f"{load.title}, round {number + 1} of {rounds}: {title}")
                taken[title].append(sample(load, title, durability, seconds))
        progress("")
        say(f"| {load.title} | requests a second | p50 | p99 |\n|---|---|---|---|")
        for title, some in taken.items():
            rate, p50, p99 = (median(each[figure] for each in some) for figure in ("rate", "p50", "p99"))
            say(f"| {title} | {count(rate)} | {microseconds(p50)} | {microseconds(p99)} |")
        say()
        samples[load.key] = taken
    return samples
