# SPDX-License-Identifier: MIT
"""./bench: aperto, the floors and the peers side by side in one run."""

import argparse
import json
import os
import platform
import sys
import time
from dataclasses import replace
from pathlib import Path

import against
import clients
import files as files_bench
import guard
import journal
import loads as load_table
import mail
import measure
import peers as peer_table
import plot
import scaling
import services
import summary
import wrk
from summary import Results


# So many failed samples of a load, and a peer is left out of its later rounds.
FAILURES_MAX = 2


def parse():
    parser = argparse.ArgumentParser(
        prog="./bench", description="Builds and runs aperto, the floors and the peers side by side, in rounds. All of it, "
                                   "once built, takes about a quarter of an hour.")
    parser.add_argument("--loads", default="", help="which loads, as in 1,3,6a; 9 is all of them on epoll alone")
    parser.add_argument("--peers", default="", help="which peers, as in asio,tokio; the floors and aperto always run")
    parser.add_argument("--rounds", type=int, default=5, help="rounds, interleaved (5; at most 3 of loads 2, 6b and 7)")
    parser.add_argument("--seconds", type=float, default=0.6, help="how long a sample measures (0.6)")
    parser.add_argument("--out", default=str(peer_table.BUILT / "results"), help="folder for results.json and results.svg")
    parser.add_argument("--quick", action="store_true",
                        help="under three minutes: aperto against the floors, failing beyond a tolerance")
    parser.add_argument("--wrk", action="store_true", help="compare our load generator with wrk, on a server both can load")
    parser.add_argument("--client", action="store_true", help="only the client: ten thousand questions at once, beside Asio")
    parser.add_argument("--workers", action="store_true", help="only one worker and two, with the load on the same two cores")
    parser.add_argument("--services", action="store_true",
                        help="only the examples beside Redis, mosquitto, HAProxy and nginx; --loads then takes store, broker, proxy, tls_file")
    parser.add_argument("--against", metavar="PROGRAM", default="",
                        help="only this build beside another one of aperto, such as that of the commit before; with --loads, --rounds")
    parser.add_argument("--journal", action="store_true", help="only what it costs to record every message before its reply")
    parser.add_argument("--mail", action="store_true", help="only aperto-mail beside Postfix, on the same disk")
    parser.add_argument("--files", action="store_true", help="only aperto-files beside nc, rsync and scp")
    parser.add_argument("--list", action="store_true", help="name the loads and the peers")
    arguments = parser.parse_args()
    if arguments.rounds < 1 or arguments.seconds <= 0:
        parser.error("it needs at least one round, and some time")
    return arguments


def say(text="", end="\n"):
    print(text, end=end, flush=True)


def progress(text):
    if sys.stderr.isatty():
        print(f"\r{text}\033[K", end="", file=sys.stderr, flush=True)


def facts(arguments):
    model = next((line.split(":", 1)[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines()
                  if line.startswith("model name")), platform.machine())
    server, load = measure.cores()
    return {"when": time.strftime("%Y-%m-%d %H:%M:%S %z"), "machine": f"{os.cpu_count()} × {model}",
            "kernel": platform.release(), "rounds": arguments.rounds, "seconds": arguments.seconds,
            "server_core": server, "load_core": load}


def fit_idle(load, files):
    """A load that this machine's limit of open files leaves room for."""
    room = files - 200
    if load.idle + load.connections <= room:
        return load
    if not load.idle:
        return replace(load, connections=room, title=f"{load.title} (only {room}: see ulimit -Hn)")
    return replace(load, idle=room - load.connections, title=f"{load.title} (only {room - load.connections}: see ulimit -Hn)")


def build_all(peers):
    """The peers that could be built; the others are named with what went wrong."""
    built = []
    for peer in peers:
        progress(f"building {peer.title}")
        wrong = peer_table.build(peer)
        if wrong:
            progress("")
            say(f"{peer.title} cannot run here:\n{wrong}")
        else:
            built.append(peer)
    progress("")
    return built


def run_rounds(peers, loads, arguments):
    """samples[load][peer] and failures[load][peer]; within a load, round after round, every peer in turn."""
    samples = {load.key: {p.key: [] for p in peers} for load in loads}
    failures = {load.key: {} for load in loads}
    for load in loads:
        rounds = min(arguments.rounds, load.rounds_max)
        for round_number in range(rounds):
            for peer in peers:
                why = peer.refuses(load)
                if why or samples[load.key][peer.key].count(None) >= FAILURES_MAX:
                    failures[load.key].setdefault(peer.key, why)
                    continue
                progress(f"load {load.key}, round {round_number + 1} of {rounds}: {peer.title}")
                try:
                    sample = measure.take_sample(peer, load, arguments.seconds)
                except measure.Failed as failed:
                    failures[load.key][peer.key] = str(failed)
                    sample = None
                samples[load.key][peer.key].append(sample)
        progress("")
        say("\n".join(summary.table(Results(peers, samples), load, failures)) + "\n")
    return samples, failures


def write(report, peers, folder):
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "results.json").write_text(json.dumps(report, indent=1) + "\n")
    (folder / "results.svg").write_text(plot.draw(report, {p.key: p.role for p in peers}))
    say(f"\nwritten: {folder}/results.json and results.svg")


def main():
    arguments = parse()
    peer_table.BUILT.mkdir(parents=True, exist_ok=True)
    if arguments.list:
        say("\n".join(f"load {load.key:<3} {load.title}" for load in load_table.LOADS))
        say("\n".join(f"peer {peer.key:<13} {peer.title}" for peer in peer_table.PEERS))
        return 0
    files = measure.raise_file_limit()
    if arguments.quick:
        wanted = [p for p in peer_table.PEERS if p.role != "peer"]
        return guard.run(build_all(wanted), say, progress)
    if arguments.wrk:
        return wrk.run(arguments.rounds, arguments.seconds, say)
    if arguments.client:
        return 0 if clients.run(arguments.rounds, say, progress) else 1
    if arguments.workers:
        return 0 if scaling.run(arguments.rounds, arguments.seconds, say, progress) else 1
    if arguments.journal:
        return 0 if journal.run(arguments.rounds, arguments.seconds, say, progress) else 1
    if arguments.mail:
        return 0 if mail.run(arguments.rounds, say, progress) else 1
    if arguments.files:
        return 0 if files_bench.run_files(arguments.rounds, say, progress) else 1
    if arguments.services:
        known = facts(arguments)
        done = services.run_services(arguments.rounds, arguments.seconds, arguments.loads, known, arguments.out, say, progress)
        return 0 if done else 1
    loads = [fit_idle(load, files) for load in load_table.choose(arguments.loads)]
    peers = peer_table.choose(arguments.peers)
    if arguments.against:
        return against.run(arguments.against, loads, arguments.rounds, arguments.seconds, say, progress)
    if arguments.loads.strip() == "9":
        peers = [p for p in peers if p.key in ("epoll_c", "aperto_epoll")]
    known = facts(arguments)
    say(f"{known['machine']} · Linux {known['kernel']} · server on core {known['server_core']}, load on core "
        f"{known['load_core']} · {arguments.rounds} rounds of {arguments.seconds:g} s, interleaved\n")
    peers = build_all(peers)
    samples, failures = run_rounds(peers, loads, arguments)
    more = {}
    if not arguments.loads and not arguments.peers:
        more = {"client": clients.run(arguments.rounds, say, progress),
                "workers": scaling.run(arguments.rounds, arguments.seconds, say, progress)}
    results = Results(peers, samples)
    note = summary.generator_note(results)
    if note:
        say(note)
    reached = summary.goals(results)
    if reached:
        say("goals")
        say("\n".join(goal.line() for goal in reached))
    write({**summary.as_json(results, known, failures), **more}, peers, arguments.out)
    return 0


if __name__ == "__main__":
    sys.exit(main())
