# SPDX-License-Identifier: MIT
"""./bench --services: three examples, each beside the server that people use for it: a store and Redis, a broker and
mosquitto, a proxy and HAProxy; the TLS of a fourth beside nginx's and HAProxy's (tls_services.py), and the
web server (web_services.py)."""

import csv
import json
import shutil
import subprocess
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import measure
import tls_services
import web_services
from loads import Load
from peers import BUILT, OPTIMISED, ROOT, SOURCES, Peer, aperto_program, run_build
from summary import Goal, Results, count, microseconds

# What the example may take of its peer's CPU.
SHARE_MOST = 0.9
EXAMPLES = Path(aperto_program()).resolve().parent / "examples"
PUMP = BUILT / "mqtt_fan_out"
STORE_CLIENTS = 50
STORE_KEYS = 10_000
STORE_BYTES = 64
# Told to redis-benchmark as a number of requests: what a second brings at best, so that a sample lasts about as asked.
STORE_REQUESTS = {1: 150_000, 16: 800_000}


@dataclass(frozen=True)
class Service:
    load: Load
    ours: Peer
    theirs: Peer
    take: object  # a function of server, seconds and the load's core, that gives a sample
    share: float = SHARE_MOST


def cpu_ns(process):
    """The process's own clock, as clock_getcpuclockid(3) makes it."""
    return time.clock_gettime_ns(~process.pid << 3 | 2)


def run(words, core, seconds):
    try:
        done = subprocess.run(measure.on_core(core, words), capture_output=True, text=True, timeout=60 + 10 * seconds,
                              check=False)
    except subprocess.TimeoutExpired as late:
        raise measure.Failed(f"the load was not over after {late.timeout:.0f} s") from late
    if done.returncode != 0 or not done.stdout.strip():
        raise measure.Failed((done.stderr.strip().splitlines() or ["the load said nothing"])[-1])
    return done.stdout


def redis_benchmark(command, pipeline, requests, port):
    return ["redis-benchmark", "--csv", "-h", "127.0.0.1", "-p", str(port), "-c", str(STORE_CLIENTS), "-r", str(STORE_KEYS),
            "-d", str(STORE_BYTES), "-P", str(pipeline), "-n", str(requests), "-t", command]


def load_store(command, pipeline):
    def take(server, seconds, core):
        if command == "get":  # of keys that are there
            run(redis_benchmark("set", 16, 10 * STORE_KEYS, server.port), core, seconds)
        requests = int(STORE_REQUESTS[pipeline] * seconds)
        before = cpu_ns(server.process)
        told = run(redis_benchmark(command, pipeline, requests, server.port), core, seconds)
        used = cpu_ns(server.process) - before
        seen = next(csv.DictReader(told.splitlines()))
        return {"cpu_us": used / 1e3 / requests, "requests_per_second": float(seen["rps"]),
                "p50_us": float(seen["p50_latency_ms"]) * 1e3, "p99_us": float(seen["p99_latency_ms"]) * 1e3}

    return take


def load_broker(topics, subscribers, window):
    def take(server, seconds, core):
        words = [str(word) for word in (PUMP, server.port, topics, subscribers, window, seconds, server.process.pid)]
        delivered, measured, cpu, p50, p99 = (float(word) for word in run(words, core, seconds).split())
        return {"cpu_us": cpu / 1e3 / delivered, "requests_per_second": delivered / measured, "p50_us": p50, "p99_us": p99}

    return take


def load_proxy(load):
    def take(server, seconds, core):
        seen = measure.generate(load, server, seconds, core)
        if not seen["clean"] or seen["answered"] == 0:
            raise measure.Failed(measure.why_unclean(seen))
        return {"cpu_us": seen["server"]["cpu_ns_per_request"] / 1e3, "requests_per_second": seen["requests_per_second"],
                "p50_us": seen["latency_us"]["p50"], "p99_us": seen["latency_us"]["p99"]}

    return take


def services(upstream):
    """`upstream`: the port of what is behind the proxies."""
    store = Peer("store", "examples/store", (str(EXAMPLES / "store"), "{port}"), "ours")
    redis = Peer("redis", "Redis", ("redis-server", "--port", "{port}", "--bind", "127.0.0.1", "--save", "", "--appendonly",
                                    "no", "--io-threads", "1"), needs="redis-server")
    broker = Peer("broker", "examples/broker", (str(EXAMPLES / "broker"), "{port}"), "ours")
    # Not every user's PATH has /usr/sbin.
    mosquitto = Peer("mosquitto", "mosquitto", ("/usr/sbin/mosquitto", "-c", str(SOURCES / "mosquitto.conf"), "-p", "{port}"),
                     needs="/usr/sbin/mosquitto")
    where = f"127.0.0.1:{upstream}"
    proxy = Peer("proxy", "examples/proxy", (str(EXAMPLES / "proxy"), "{port}", where), "ours")
    haproxy = Peer("haproxy", "HAProxy", ("env", "PORT={port}", f"UPSTREAM={where}", "/usr/sbin/haproxy", "-db", "-f",
                                          str(SOURCES / "haproxy.cfg")), needs="/usr/sbin/haproxy")
    for pipeline in (1, 16):
        for command in ("ping_mbulk", "set", "get"):
            name = command.removesuffix("_mbulk").upper()
            title = name + (f", {pipeline} at a time" if pipeline > 1 else "")
            yield Service(Load(f"store-{name}-{pipeline}", title), store, redis, load_store(command, pipeline))
    for key, title, *shape in (("one", "one topic, 50 subscribers, a message at a time", 1, 50, 1),
                               ("many", "one topic, 50 subscribers, 32 messages at a time", 1, 50, 32),
                               ("pairs", "50 topics, a subscriber each, a message at a time", 50, 1, 1)):
        yield Service(Load(f"broker-{key}", title, unit="message"), broker, mosquitto, load_broker(*shape))
    for load in (Load("proxy-small", "64 B there and back on 64 connections", ("--size", "64")),
                 Load("proxy-short", "a connection for each message of 64 B", ("--size", "64", "--per-message-connection")),
                 Load("proxy-bulk", "256 KB there and back on 16 connections", ("--size", "256KiB"), connections=16)):
        yield Service(load, proxy, haproxy, load_proxy(load))
    tls_services.make_files()
    ours, nginx, sealed_haproxy = tls_services.peers(EXAMPLES, "small")
    for how, title in (("full", "a handshake in full"), ("resumed", "a session resumed")):
        for theirs in (nginx, sealed_haproxy):
            yield Service(Load(f"tls-{how}-{theirs.key}", f"{title}, and 64 B", unit="connection"), ours, theirs,
                          tls_services.load(how, run, cpu_ns))
    ours, nginx, _ = tls_services.peers(EXAMPLES, "bulk")
    yield Service(Load("tls-bulk-nginx", "a file of 32 MiB", unit="MiB"), ours, nginx, tls_services.load("bulk", run, cpu_ns))
    yield from web()


def web():
    web_services.make_files()
    ours, others = web_services.peers()
    for path, (title, connections) in web_services.LOADS.items():
        for theirs in others:
            yield Service(Load(f"web-{path}-{theirs.key}", title), ours, theirs, web_services.load(path, connections, run, cpu_ns),
                          web_services.SHARES[theirs.key])


def missing(service):
    """What keeps it from being measured; empty where nothing does."""
    for peer in (service.ours, service.theirs):
        program = peer.needs or peer.command[0]
        if not shutil.which(program):
            return f"{program} is not on this machine"
    return ""


def sample(peer, service, seconds):
    server_core, load_core = measure.cores()
    with measure.Server(peer, service.load, server_core) as server:
        return service.take(server, seconds, load_core)


def measure_all(wanted, rounds, seconds, say, progress):
    """samples[load][peer], a list with an entry for each round."""
    samples = {}
    for service in wanted:
        both = (service.ours, service.theirs)
        taken = samples[service.load.key] = {peer.key: [] for peer in both}
        why = missing(service)
        if why:
            say(f"    {service.load.title}: {why}")
            continue
        for number in range(rounds):
            for peer in both:
                progress(f"{service.load.title}, round {number + 1} of {rounds}: {peer.title}")
                try:
                    taken[peer.key].append(sample(peer, service, seconds))
                except measure.Failed as failed:
                    say(f"    {service.load.title}, {peer.title}: {failed}")
                    taken[peer.key].append(None)
    progress("")
    return samples


def table(wanted, results):
    """As docs/performance.md has it."""
    yield "| | requests a second | p99 | CPU a request | of its peer's CPU |"
    yield "|---|---|---|---|---|"
    for service in wanted:
        key = service.load.key
        for peer in (service.ours, service.theirs):
            rate, p99, cpu = (results.middle(key, peer.key, figure) for figure in ("requests_per_second", "p99_us", "cpu_us"))
            ratio = results.ratio(key, peer.key, service.theirs.key) if peer is service.ours else None
            title = f"**{peer.title}**, {service.load.title}" if peer is service.ours else peer.title
            yield f"| {title} | {count(rate)} | {microseconds(p99)} | {microseconds(cpu)} | {ratio or ''} |"


def goals(wanted, results):
    for service in wanted:
        ratio = results.ratio(service.load.key, service.ours.key, service.theirs.key)
        if ratio:
            yield Goal(service.ours.key, f"{service.load.title}: CPU a {service.load.unit} at most {service.share} × "
                       f"{service.theirs.title}'s", ratio.middle <= service.share, str(ratio))


def run_services(rounds, seconds, names, known, folder, say, progress):
    """Prints the table and the goals, and leaves services.json; false where nothing could be measured."""
    wrong = run_build(["g++", "-std=c++20", *OPTIMISED, str(ROOT / "benchmarks" / "clients" / "mqtt_fan_out.cpp"), "-o",
                       str(PUMP)], BUILT / "mqtt_fan_out.log")
    if wrong:
        say(wrong)
        return False
    chosen = {name.strip() for name in names.split(",") if name.strip()}
    _, load_core = measure.cores()
    behind = Peer("upstream", "what is behind the proxies", (aperto_program(), "serve", "--host", "127.0.0.1", "--port", "{port}",
                                                            "--workers", "1", "--messages", "none"), "ours")
    with ExitStack() as stack:
        upstream = stack.enter_context(measure.Server(behind, Load("upstream", ""), load_core))
        wanted = [s for s in services(upstream.port) if not chosen or chosen & {s.ours.key, s.load.key}]
        if not wanted:
            raise SystemExit(f"error: there is no service {names}; there are store, broker, proxy, tls_file and web")
        samples = measure_all(wanted, rounds, seconds, say, progress)
    results = Results([peer for s in wanted for peer in (s.ours, s.theirs)], samples)
    say("\n".join(table(wanted, results)))
    reached = list(goals(wanted, results))
    say("\ngoals\n" + "\n".join(goal.line() for goal in reached))
    Path(folder).mkdir(parents=True, exist_ok=True)
    report = {"facts": known, "samples": samples, "goals": [vars(goal) for goal in reached]}
    (Path(folder) / "services.json").write_text(json.dumps(report, indent=1) + "\n")
    return bool(reached)
