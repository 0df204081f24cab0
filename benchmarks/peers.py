# SPDX-License-Identifier: MIT
"""The servers side by side: how each is built and started."""

import os
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SOURCES = ROOT / "benchmarks" / "peers"
BUILT = ROOT / "build" / "bench"
OPTIMISED = ["-O3", "-Wall", "-Wextra"]


@dataclass(frozen=True)
class Peer:
    key: str
    title: str
    # Words of the command; {port}, {framing} and {buffer} are filled in.
    command: tuple
    role: str = "peer"  # "floor", "ours" or "peer"
    build: tuple = ()
    needs: str = ""  # a program that must be there
    # Tags of loads that it cannot or need not do, with the reason.
    skips: dict = field(default_factory=dict)
    only: frozenset = frozenset()
    environment: dict = field(default_factory=dict)
    # Whether its lines come from a codec or an idiom of its own library: what load 4 compares with.
    line_codec: bool = True

    def refuses(self, load):
        """Why it does not run a load; empty where it does."""
        if self.only and not self.only & load.tags:
            return "it answers one client at a time, once"
        return next((why for tag, why in self.skips.items() if tag in load.tags), "")

    def start_command(self, load, port):
        words = [w.format(port=port, framing=load.framing, buffer=load.buffer) for w in self.command]
        return words


def compiled(language, name, *libraries):
    compiler = ["gcc"] if language == "c" else ["g++", "-std=c++20"]
    source = SOURCES / name / f"{name}.{'c' if language == 'c' else 'cpp'}"
    return (*compiler, *OPTIMISED, str(source), "-o", str(BUILT / name), *libraries)


def aperto_program():
    return os.environ.get("APERTO_BIN") or str(ROOT / "build" / "release" / "aperto")


def generator_program():
    """The load generator: aperto's own program, or another build of it, so that one load measures several builds."""
    return os.environ.get("APERTO_GENERATOR") or aperto_program()


def aperto(engine):
    # IPv4 only, as all the others: by default it would listen on IPv6 too.
    return (aperto_program(), "serve", "--host", "0.0.0.0", "--port", "{port}", "--framing", "{framing}",
            "--workers", "1", "--engine", engine)


A_THREAD_EACH = {"many": "it needs a thread for each connection"}

PEERS = [
    Peer("uring_c", "floor: io_uring in C", (str(BUILT / "uring_c"), "{port}", "{framing}", "{buffer}"), "floor",
         build=compiled("c", "uring_c", "-luring")),
    Peer("epoll_c", "floor: epoll in C", (str(BUILT / "epoll_c"), "{port}", "{framing}"), "floor",
         build=compiled("c", "epoll_c")),
    Peer("aperto", "aperto", aperto("uring"), "ours"),
    Peer("aperto_epoll", "aperto on epoll", aperto("epoll"), "ours"),
    Peer("asio", "Asio, coroutines", (str(BUILT / "asio"), "{port}", "{framing}", "{buffer}"),
         build=compiled("c++", "asio", "-pthread")),
    Peer("libuv", "libuv", (str(BUILT / "libuv"), "{port}", "{framing}"), build=compiled("c", "libuv", "-luv"),
         line_codec=False),
    Peer("tokio", "tokio", (str(BUILT / "tokio" / "target" / "release" / "peer"), "{port}", "{framing}", "{buffer}"),
         build=("cargo",)),
    Peer("go", "Go", (str(BUILT / "go"), "{port}", "{framing}", "{buffer}"), build=("go",),
         environment={"GOMAXPROCS": "1"}),
    Peer("node", "Node", ("node", str(SOURCES / "node" / "server.js"), "{port}", "{framing}"), needs="node"),
    Peer("asyncio", "Python asyncio", ("/usr/bin/python3", str(SOURCES / "python" / "asyncio_server.py"), "{port}", "{framing}")),
    Peer("threads", "Python socketserver, threads",
         ("/usr/bin/python3", str(SOURCES / "python" / "threads_server.py"), "{port}", "{framing}"), skips=A_THREAD_EACH),
    Peer("lesson", "Python, the lesson's server", ("/usr/bin/python3", str(SOURCES / "python" / "lesson_server.py"), "{port}"),
         only=frozenset({"short"})),
]


def choose(names):
    """The peers named; all of them for an empty string. The floors and aperto are always there."""
    wanted = {name.strip() for name in names.split(",") if name.strip()}
    unknown = wanted - {peer.key for peer in PEERS}
    if unknown:
        raise SystemExit(f"error: there is no peer {', '.join(sorted(unknown))}; there are "
                         + ", ".join(peer.key for peer in PEERS))
    return [peer for peer in PEERS if not wanted or peer.role != "peer" or peer.key in wanted]


def stale(target, *sources):
    newest = max((path.stat().st_mtime for source in sources for path in [source, *source.rglob("*")]), default=0)
    return not target.exists() or target.stat().st_mtime < newest


def run_build(words, log, **how):
    with open(log, "wb") as output:
        done = subprocess.run(words, stdout=output, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, check=False, **how)
    if done.returncode == 0:
        return ""
    tail = Path(log).read_text(errors="replace").splitlines()[-15:]
    return "\n".join(tail)


def build(peer):
    """Builds a peer where that is needed. Returns what went wrong, or nothing."""
    if peer.needs and not shutil.which(peer.needs):
        return f"{peer.needs} is not on this machine"
    if peer.role == "ours":
        return "" if Path(aperto_program()).exists() else f"{aperto_program()} is not there"
    if not peer.build:
        return ""
    BUILT.mkdir(parents=True, exist_ok=True)
    log = BUILT / f"{peer.key}.log"
    source = SOURCES / peer.key
    if not stale(Path(peer.command[0]), source, SOURCES / "frames.h"):
        return ""
    if peer.build[0] == "cargo":
        # Debian's compiler, Debian's crates, in a copy: cargo writes beside what it builds.
        copy = BUILT / "tokio"
        shutil.copytree(source, copy, dirs_exist_ok=True)
        return run_build(["/usr/bin/cargo", "build", "--release", "--offline"], log, cwd=copy,
                         env={**os.environ, "RUSTC": "/usr/bin/rustc"})
    if peer.build[0] == "go":
        return run_build(["/usr/bin/go", "build", "-o", str(BUILT / "go"), "."], log, cwd=source,
                         env={**os.environ, "GOFLAGS": "-mod=mod", "GOTOOLCHAIN": "local"})
    return run_build(list(peer.build), log)
