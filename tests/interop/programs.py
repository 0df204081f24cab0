# SPDX-License-Identifier: MIT
"""The program under test as a server and as a client, and other people's programs beside it.

Nothing here sleeps to wait: a server is ready when its log says `listening`, a connection is over when it says `closed`.
"""

import contextlib
import hashlib
import json
import os
import resource
import shutil
import socket
import struct
import subprocess
import threading
import time
import unittest

from descriptors import open_descriptors
from ports import free_port  # noqa: F401

PROGRAM = os.environ.get("APERTO_BIN", "build/release/aperto")
ENGINES = ("uring", "epoll")
FRAMINGS = ("stream", "line", "length")
# Far more than anything here takes: reached only where something waits for ever.
LIMIT_S = 40


def require(*programs):
    """Skips the test where this machine lacks one of the programs; fails it where ./test has installed them."""
    for name in programs:
        if shutil.which(name) is None:
            missing(f"{name} is not installed")


def missing(what):
    if os.environ.get("APERTO_PACKAGES") == "installed":
        raise AssertionError(f"{what}: tools/packages lacks it")
    raise unittest.SkipTest(what)


class Server:
    """`aperto serve` on a free port. Use it in a `with`: leaving it stops the server and checks that it ended cleanly."""

    def __init__(self, service="upper", engine="epoll", framing="stream", *options):
        self.engine = engine
        self.events = []
        self._changed = threading.Condition()
        self._process = subprocess.Popen(
            [PROGRAM, "serve", service, "--port", "0", "--log", "json", "--engine", engine, "--framing", framing,
             "--workers", "2", "--messages", "some", "--log-level", "debug", *options],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self):
        for line in self._process.stdout:
            event = json.loads(line)
            with self._changed:
                self.events.append(event)
                self._changed.notify_all()
        with self._changed:
            self.events.append({"event": "end of log"})
            self._changed.notify_all()

    def __enter__(self):
        listening = self.wait_for("listening", or_end=True)
        if listening["event"] != "listening":
            words = self._process.stderr.read().decode()
            self._end()
            if self.engine == "uring" and "io_uring" in words:
                raise unittest.SkipTest(f"io_uring is not to be had here: {words.strip()}")
            raise AssertionError(f"the server did not start: {words}")
        self.port = listening.get("port")  # none on a Unix socket
        return self

    @property
    def pid(self):
        return self._process.pid

    def __exit__(self, kind, error, trace):
        self._process.terminate()
        words = self._end()
        if kind is None:
            assert self._process.returncode == 0, f"the server ended with {self._process.returncode}: {words}"
            assert words == "", f"the server complained: {words}"

    def _end(self):
        try:
            self._process.wait(LIMIT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            raise
        self._reader.join()
        words = self._process.stderr.read().decode()
        self._process.stdout.close()
        self._process.stderr.close()
        return words

    def seen(self, name):
        with self._changed:
            return [event for event in self.events if event["event"] == name]

    def wait_for(self, name, count=1, or_end=False):
        """The `count`th event of that name, as soon as the log has it."""
        def there():
            if or_end and self.events and self.events[-1]["event"] == "end of log":
                return self.events[-1]
            found = [event for event in self.events if event["event"] == name]
            return found[count - 1] if len(found) >= count else None
        with self._changed:
            if not self._changed.wait_for(there, LIMIT_S):
                raise AssertionError(f"the server did not say {name!r} {count} times: {self.events[-20:]}")
            return there()

    def connect(self, host="127.0.0.1"):
        return socket.create_connection((host, self.port), timeout=LIMIT_S)

    def descriptors(self):
        return open_descriptors(self._process.pid)

    def wait_for_descriptors(self, count):
        """Until the process has so many: `closed` is said just before the last of a connection goes back to the kernel."""
        until = time.monotonic() + LIMIT_S
        while self.descriptors() != count:
            if time.monotonic() > until:
                raise AssertionError(f"the server has {self.descriptors()} descriptors, not {count}")
            os.sched_yield()

    def private_kib(self):
        """Memory that this process has written, KiB (proc(5), smaps_rollup).

        Not Private_Clean: a page of a library counts as private for as long as no other program has it mapped."""
        with open(f"/proc/{self._process.pid}/smaps_rollup") as rollup:
            return sum(int(line.split()[1]) for line in rollup if line.startswith("Private_Dirty:"))


def on_each_engine_and_framing(test, talk, service="upper"):
    """Calls `talk(server, framing)` with a server of each kind, in a subtest of `test`."""
    for engine in ENGINES:
        for framing in FRAMINGS:
            with test.subTest(engine=engine, framing=framing), Server(service, engine, framing) as server:
                talk(server, framing)


def receive_all(connection):
    """Everything up to the end of the stream."""
    parts = []
    while part := connection.recv(1 << 16):
        parts.append(part)
    return b"".join(parts)


def receive_exactly(connection, size):
    parts = b""
    while len(parts) < size:
        part = connection.recv(size - len(parts))
        if not part:
            raise AssertionError(f"the stream ended after {len(parts)} of {size} bytes: {parts!r}")
        parts += part
    return parts


def reset(connection):
    """Closes with RST instead of FIN (socket(7), SO_LINGER)."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def framed(framing, message):
    if framing == "line":
        return message + b"\n"
    if framing == "length":
        return struct.pack(">I", len(message)) + message
    return message


def ask(port, *arguments, host="127.0.0.1", stdin=None, timeout=LIMIT_S):
    """Runs `aperto send` to its end; gives its exit code, output and complaints."""
    done = subprocess.run([PROGRAM, "send", "--host", host, "--port", str(port), *arguments],
                          input=stdin, stdin=subprocess.DEVNULL if stdin is None else None,
                          capture_output=True, timeout=timeout, check=False)
    return done.returncode, done.stdout, done.stderr.decode()


@contextlib.contextmanager
def python_server(conversation):
    """A server of Python's sockets that gives each connection to `conversation`, one after the other. Gives its port."""
    door = socket.create_server(("127.0.0.1", 0))
    failures = []

    def serve():
        while True:
            try:
                client, _ = door.accept()
            except OSError:
                return
            client.settimeout(LIMIT_S)
            try:
                conversation(client)
            except OSError as failure:
                failures.append(failure)
            finally:
                client.close()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield door.getsockname()[1]
    finally:
        door.shutdown(socket.SHUT_RDWR)  # ends the accept
        door.close()
        thread.join()


@contextlib.contextmanager
def foreign_server(command, port):
    """Another program that listens on `port`; ready when the kernel's own table says so. Gives its process."""
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        wait_until_listening(port, process)
        yield process
    finally:
        process.kill()
        process.communicate()


def wait_until_listening(port, process):
    """Until a socket listens on `port`: no program but ours tells, so the kernel is asked (/proc/net/tcp, state 0A)."""
    until = time.monotonic() + LIMIT_S
    while process.poll() is None and time.monotonic() < until:
        for table in ("/proc/net/tcp", "/proc/net/tcp6"):
            with open(table) as rows:
                for row in list(rows)[1:]:
                    columns = row.split()
                    if columns[3] == "0A" and int(columns[1].rsplit(":", 1)[1], 16) == port:
                        return
        os.sched_yield()
    raise AssertionError(f"{process.args[0]} does not listen on {port}")


def digest(data):
    return hashlib.sha256(data).hexdigest()


def is_sanitized():
    """Whether the program was built with a sanitizer, which keeps memory of its own."""
    with open(PROGRAM, "rb") as program:
        code = program.read()
    return b"__asan_init" in code or b"__tsan_init" in code


def allow_descriptors(count):
    """Lets this process, and those it starts, have so many descriptors; skips the test where that is forbidden."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft >= count or soft == resource.RLIM_INFINITY:
        return
    if hard != resource.RLIM_INFINITY and hard < count:
        raise unittest.SkipTest(f"the hard limit of descriptors is {hard}")
    resource.setrlimit(resource.RLIMIT_NOFILE, (count, hard))
