# SPDX-License-Identifier: MIT
"""aperto-web on a folder made for the tests, and what comes back for bytes of any kind."""

import http.client
import io
import os
import pathlib
import shutil
import socket
import ssl
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "interop"))

from ports import free_port  # noqa: E402, F401

BUILD = pathlib.Path(os.environ["APERTO_BUILD_DIR"])
PROGRAM = BUILD / "aperto-web"
LARGE = bytes(i * i % 251 for i in range(1000)) * 3000


def make_site(folder):
    """What the tests ask for, and around it what they must not get."""
    outside, site = folder / "outside", folder / "site"
    outside.mkdir()
    (outside / "secret").write_text("SECRET")
    (site / "empty").mkdir(parents=True)
    (site / "sub").mkdir()
    (site / "a.txt").write_text("0123456789")
    (site / "none").write_bytes(b"")
    (site / "sub" / "index.html").write_text("<h1>sub</h1>")
    (site / "large").write_bytes(LARGE)
    (site / ".hidden").write_text("SECRET")
    (site / "a <b> & ção.txt").write_text("odd")
    os.symlink("../outside/secret", site / "out")
    os.symlink(str(outside / "secret"), site / "out-absolute")
    os.symlink("../outside", site / "out-folder")
    os.symlink("/proc/self/root", site / "magic")
    os.symlink("loop", site / "loop")
    os.symlink("a.txt", site / "in")
    os.mkfifo(site / "pipe")
    with socket.socket(socket.AF_UNIX) as unused:
        unused.bind(str(site / "socket"))
    if os.geteuid() == 0:
        os.mknod(site / "device", 0o666 | 0o020000, os.makedev(1, 5))  # /dev/zero
    return site


def make_certificate(folder):
    subprocess.run([BUILD / "aperto", "cert", "--dir", folder, "localhost", "127.0.0.1"], check=True, stdout=subprocess.DEVNULL)
    return folder / "ca.pem"


class Web:
    """The program, from its start to its end in order."""

    def __init__(self, test, *more, site=None, tls=False):
        folder = pathlib.Path(tempfile.mkdtemp())
        test.addClassCleanup(shutil.rmtree, folder) if isinstance(test, type) else test.addCleanup(shutil.rmtree, folder)
        os.chmod(folder, 0o755)
        self.site = site or make_site(folder)
        self.port = free_port()
        self.context = None
        if tls:
            self.authority = make_certificate(folder)
            self.context = ssl.create_default_context(cafile=self.authority)
            more += ("--tls", str(folder / "cert.pem"), str(folder / "key.pem"))
        self.url = f"{'https' if tls else 'http'}://localhost:{self.port}"
        self.process = subprocess.Popen([PROGRAM, "--host", "127.0.0.1", "--port", str(self.port), "--workers", "2", *more, self.site],
                                        stderr=subprocess.PIPE, text=True)
        (test.addClassCleanup if isinstance(test, type) else test.addCleanup)(self.end)
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port)).close()
                return
            except ConnectionRefusedError:
                if self.process.poll() is not None:
                    raise AssertionError(self.process.stderr.read()) from None

    def connect(self):
        plain = socket.create_connection(("127.0.0.1", self.port), timeout=20)
        return self.context.wrap_socket(plain, server_hostname="localhost") if self.context else plain

    def all_of(self, sent, ends=False):
        """What comes back until the server ends; `ends`: the client does first."""
        with self.connect() as client:
            try:
                client.sendall(sent)
                if ends:
                    client.shutdown(socket.SHUT_WR) if not self.context else client.unwrap()
            except (BrokenPipeError, ConnectionResetError, ssl.SSLEOFError):
                pass  # it has heard enough
            pieces = []
            while piece := client.recv(1 << 16):
                pieces.append(piece)
            return b"".join(pieces)

    def end(self):
        self.process.terminate()
        _, told = self.process.communicate(timeout=30)
        if self.process.returncode != 0:
            raise AssertionError(f"it ended with {self.process.returncode}: {told}")


class _Bytes:
    """Bytes where http.client expects a socket."""

    def __init__(self, file):
        self.file = file

    def makefile(self, *_):
        return self.file


def parse(answers, methods=()):
    """The answers one after the other, as Python's http.client understands them. `methods`: of their requests, GET by default."""
    file, found = io.BytesIO(answers), []
    file.close_for_good, file.close = file.close, lambda: None
    while file.tell() < len(answers):
        method = methods[len(found)] if len(found) < len(methods) else "GET"
        answer = http.client.HTTPResponse(_Bytes(file), method=method)
        answer.begin()
        answer.content = answer.read()
        found.append(answer)
    return found
