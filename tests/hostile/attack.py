# SPDX-License-Identifier: MIT
"""A server under attack: starts the program, reads its log, measures what the attack costs it."""

import functools
import json
import os
import resource
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "interop"))

from descriptors import open_descriptors  # noqa: E402
from ports import free_port  # noqa: E402, F401
from programs import reset  # noqa: E402, F401

APERTO = os.environ.get("APERTO_BIN", "build/release/aperto")
BUILD = os.environ.get("APERTO_BUILD_DIR", os.path.dirname(os.path.abspath(APERTO)))
# What Python is too slow for (attacker.cpp).
ATTACKER = os.path.join(BUILD, "tests", "attacker")
FULL = os.environ.get("APERTO_HOSTILE") == "full"
ENGINES = ("uring", "epoll")
TICK = os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGESIZE")


def size(full, brief):
    """A count: the whole one where APERTO_HOSTILE=full asks for it."""
    return full if FULL else brief


def report(engine, figure, bound):
    print(f"    {engine:8} {figure}   (bound: {bound})", flush=True)


def raise_descriptor_limit():
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


class Server:
    """`aperto serve` with a JSON log. `with Server("epoll", "--framing", "line") as server: …`"""

    def __init__(self, engine, *arguments, service="upper", prepare=None, environment=None, output=None, port=0,
                 program=APERTO):
        self.log = tempfile.NamedTemporaryFile(mode="r", suffix=".jsonl")
        self.errors = tempfile.NamedTemporaryFile(mode="r", suffix=".txt")
        command = [program, "serve", service, "--host", "127.0.0.1", "--port", str(port), "--log", "json",
                   "--engine", engine, "--messages", "some", "--log-level", "debug", *arguments]
        with open(self.log.name, "w") as log, open(self.errors.name, "w") as errors:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log if output is None else output,
                                            stderr=errors, preexec_fn=prepare,
                                            env={**os.environ, "LC_ALL": "C", **(environment or {})})
        self.port = port
        if output is None:
            self.started = self.wait_for("listening")
            self.port = self.started["port"]
        else:
            wait_until(lambda: can_connect(port), 10, "the server to listen")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.process.kill()
        self.process.wait()
        self.log.close()
        self.errors.close()

    def events(self):
        self.log.seek(0)
        whole = self.log.read()
        return [json.loads(line) for line in whole.split("\n")[:-1] if line]

    def wait_for(self, name, seconds=10, where=lambda event: True):
        found = []

        def has():
            found[:] = [event for event in self.events() if event["event"] == name and where(event)]
            if not found and self.process.poll() is not None:
                raise AssertionError(f"the server ended: {self.complaint()}")
            return bool(found)

        wait_until(has, seconds, f'the event "{name}"')
        return found[0]

    def complaint(self):
        self.errors.seek(0)
        return self.errors.read()

    def closed(self, reason):
        return sum(event["event"] == "closed" and event["reason"] == reason for event in self.events())

    def connect(self, source=None, timeout=10, receive_buffer=None):
        peer = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        peer.settimeout(timeout)
        if receive_buffer:
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        if source:
            peer.bind((source, 0))
        peer.connect(("127.0.0.1", self.port))
        return peer

    def ask(self, line=b"question\n", **how):
        with self.connect(**how) as peer:
            peer.sendall(line)
            return receive(peer, len(line))

    def cpu_seconds(self):
        with open(f"/proc/{self.process.pid}/stat") as stat:
            fields = stat.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / TICK

    def resident(self):
        with open(f"/proc/{self.process.pid}/statm") as statm:
            return int(statm.read().split()[1]) * PAGE

    def peak_resident(self):
        with open(f"/proc/{self.process.pid}/status") as status:
            return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmHWM"))

    def descriptors(self):
        return open_descriptors(self.process.pid)

    def stop(self, seconds=20):
        """SIGTERM; the exit code and how long it took."""
        began = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(seconds)
        return code, time.monotonic() - began


def wait_until(condition, seconds, what, interval=0.01):
    until = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > until:
            raise AssertionError(f"waited {seconds} s for {what}")
        time.sleep(interval)


def attack(*words, seconds=1200):
    """Runs the attacker to its end; what it saw."""
    done = subprocess.run([ATTACKER, *map(str, words)], stdout=subprocess.PIPE, text=True, timeout=seconds)
    if done.returncode:
        raise AssertionError(f"the attacker failed: {done.stdout}")
    return json.loads(done.stdout)


def can_connect(port):
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
        return True
    except OSError:
        return False


def receive(peer, count):
    """`count` bytes, or what comes before the end."""
    got = b""
    while len(got) < count:
        more = peer.recv(min(count - len(got), 1 << 20))
        if not more:
            break
        got += more
    return got


def receive_all(peer):
    got = b""
    while more := peer.recv(1 << 20):
        got += more
    return got


def send_all_it_takes(peer, data):
    """Without waiting: how many bytes the kernel took."""
    peer.setblocking(False)
    sent = 0
    while sent < len(data):
        try:
            sent += peer.send(data[sent:])
        except BlockingIOError:
            break
    return sent


def on_each_engine(test):
    """The test, once on each engine, which it gets as its argument."""

    @functools.wraps(test)
    def run(self):
        for engine in ENGINES:
            with self.subTest(engine=engine):
                test(self, engine)

    return run
