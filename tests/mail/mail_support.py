# SPDX-License-Identifier: MIT
"""aperto-mail on a free port with a Maildir of its own, read by Python's mailbox."""

import mailbox
import os
import pathlib
import socket
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "interop"))

from ports import free_port  # noqa: E402, F401
from programs import LIMIT_S, PROGRAM, missing, require  # noqa: E402, F401

BUILD = pathlib.Path(os.environ["APERTO_BUILD_DIR"])
ROOT = pathlib.Path(os.environ["APERTO_SOURCE_DIR"])
MAIL = BUILD / "aperto-mail"
ENGINES = ("uring", "epoll")


def temporary_folder(test):
    made = tempfile.TemporaryDirectory()
    test.addCleanup(made.cleanup)
    return pathlib.Path(made.name)


def make_certificate(folder):
    """Gives the authority's file, and the words that have aperto-mail show the certificate."""
    subprocess.run([PROGRAM, "cert", "--dir", folder, "localhost", "127.0.0.1"], check=True, stdout=subprocess.DEVNULL)
    return folder / "ca.pem", ["--tls", folder / "cert.pem", folder / "key.pem"]


class Mail:
    """It, from when it greets until its end in order. `prefix`: what runs it."""

    def __init__(self, test, *options, folder=None, program=MAIL, prefix=()):
        self.test = test
        self.folder = folder or temporary_folder(test) / "box"
        self.port = free_port()
        self.process = subprocess.Popen(
            [*prefix, program, "--host", "127.0.0.1", "--port", str(self.port), "--name", "here.example", "--workers", "2",
             *options, self.folder], stdin=subprocess.DEVNULL, stderr=subprocess.PIPE)
        self.ended = False
        self.stopped = False
        test.addCleanup(self.end)
        while True:
            try:
                self.connect().close()
                return
            except ConnectionRefusedError:
                if self.process.poll() is not None:
                    self.ended = True
                    raise AssertionError(self.process.stderr.read().decode()) from None

    def connect(self):
        return socket.create_connection(("127.0.0.1", self.port), timeout=LIMIT_S)

    def stop(self):
        if not self.stopped:
            self.process.terminate()  # a second one would not be waited with
        self.stopped = True

    def end(self):
        if self.ended:
            return
        self.ended = True
        self.stop()
        told = self.process.communicate(timeout=LIMIT_S)[1]
        self.test.assertEqual(self.process.returncode, 0, told)

    def letters(self):
        """The bytes of each, below the lines that the server has put on top."""
        box = mailbox.Maildir(self.folder, create=False)
        return [without_trace(box.get_bytes(key)) for key in box.keys()]

    def files(self):
        return sorted((self.folder / "new").iterdir())


def without_trace(whole):
    assert whole.startswith(b"Return-Path: <"), whole[:100]
    rest = whole.split(b"\n", 1)[1]
    assert rest.startswith(b"Received: from "), rest[:100]
    while True:
        rest = rest.split(b"\n", 1)[1]
        if not rest.startswith(b"\t"):
            return rest


def said_to(port, what):
    """Sends all of it at once, then the end of the stream, and gives the replies, a string each; of several lines their first
    three digits and the text of all."""
    with socket.create_connection(("127.0.0.1", port), timeout=LIMIT_S) as client:
        try:
            client.sendall(what)
            client.shutdown(socket.SHUT_WR)
        except (BrokenPipeError, ConnectionResetError):
            pass
        heard = b""
        while piece := client.recv(65536):
            heard += piece
    lines = heard.decode().split("\r\n")
    assert lines[-1] == "", heard
    return [line for line in lines[:-1] if line[3] == " "]
