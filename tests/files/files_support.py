# SPDX-License-Identifier: MIT
"""aperto-files on folders made for the tests, what is in a folder, and a wire that can be cut."""

import hashlib
import os
import pathlib
import shutil
import signal
import socket
import stat
import struct
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "interop"))

from ports import free_port  # noqa: E402, F401
from programs import wait_until_listening  # noqa: E402

BUILD = pathlib.Path(os.environ["APERTO_BUILD_DIR"])
PROGRAM = BUILD / "aperto-files"


def tree(root):
    """Everything in a folder: kind, mode, time and bytes by name."""
    found = {}
    root = os.fsencode(root)
    for above, folders, files in os.walk(root):
        for name in folders + files:
            path = os.path.join(above, name)
            about = os.lstat(path)
            inside = None
            if stat.S_ISREG(about.st_mode):
                with open(path, "rb") as file:
                    inside = hashlib.file_digest(file, "sha256").hexdigest()
            found[os.path.relpath(path, root)] = (stat.S_IFMT(about.st_mode), stat.S_IMODE(about.st_mode), about.st_mtime_ns, inside)
    return found


def make_folder(test):
    folder = pathlib.Path(tempfile.mkdtemp(dir=os.environ.get("APERTO_FILES_DIR")))
    test.addCleanup(shutil.rmtree, folder, ignore_errors=True)
    return folder


class Server:
    """The program's server on a folder; it can be killed, and started again."""

    def __init__(self, test, folder, *more, plain=False, prefix=(), preexec=None):
        self.folder, self.port = folder, free_port()
        self.command = [*prefix, PROGRAM, "serve", "--host", "127.0.0.1", "--port", str(self.port), *more, folder]
        self.keys = make_folder(test)
        self.command[len(prefix) + 2:len(prefix) + 2] = ["--plain"] if plain else ["--keys", self.keys]
        self.plain, self.preexec, self.process = plain, preexec, None
        self.start()
        test.addCleanup(self.end)

    def start(self):
        self.log = tempfile.TemporaryFile("w+")
        self.process = subprocess.Popen(self.command, stderr=self.log, preexec_fn=self.preexec)
        wait_until_listening(self.port, self.process)

    def said(self):
        self.log.seek(0)
        return self.log.read()

    def pin(self):
        return self.said().split("pin: ")[1].split()[0]

    def kill(self):
        self.process.kill()
        self.process.wait()

    def end(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(20)
        self.log.close()

    def words(self):
        return ["--plain"] if self.plain else ["--pin", self.pin()]


def client(*words, timeout=120, **more):
    return subprocess.run([PROGRAM, *words], capture_output=True, text=True, timeout=timeout, check=False, **more)


class Wire:
    """Between the two: passes bytes on, and cuts all there is when asked to."""

    def __init__(self, test, to):
        self.to, self.open, self.lock, self.passed = to, [], threading.Lock(), 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.run, daemon=True).start()
        test.addCleanup(self.listener.close)
        test.addCleanup(self.cut)

    def run(self):
        while True:
            try:
                near, _ = self.listener.accept()
            except OSError:
                return
            try:
                far = socket.create_connection(("127.0.0.1", self.to))
            except OSError:
                near.close()
                continue
            with self.lock:
                self.open += [near, far]
            for pair in ((near, far), (far, near)):
                threading.Thread(target=self.pump, args=pair, daemon=True).start()

    def pump(self, source, to):
        try:
            while data := source.recv(1 << 18):
                to.sendall(data)
                self.passed += len(data)
            to.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def cut(self):
        with self.lock:
            for each in self.open:
                try:
                    each.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    each.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass
                each.close()
            self.open = []


def message(*fields):
    body = b"\0".join(each if isinstance(each, bytes) else str(each).encode() for each in fields)
    return struct.pack(">I", len(body)) + body


class Peer:
    """Speaks the protocol by hand."""

    def __init__(self, sock):
        self.sock = sock
        sock.settimeout(20)
        self.file = sock.makefile("rb")

    def say(self, *fields):
        self.sock.sendall(message(*fields))

    def hear(self):
        while True:
            head = self.file.read(4)
            if len(head) < 4:
                return None
            body = self.file.read(struct.unpack(">I", head)[0])
            if body:
                return body.split(b"\0")


