# SPDX-License-Identifier: MIT
"""aperto-remote with certificates that openssl made, a proxy that cuts, and a client of Python's own."""

import os
import pathlib
import shutil
import socket
import ssl
import struct
import subprocess
import tempfile
import threading
import time

BUILD = pathlib.Path(os.environ["APERTO_BUILD_DIR"])
PROGRAM = BUILD / "aperto-remote"
ENGINES = ("uring", "epoll")


def openssl(*words):
    subprocess.run(["openssl", *map(str, words)], check=True, capture_output=True)


def make_authority(folder, name):
    openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "3000", "-subj", f"/CN={name}",
            "-keyout", folder / f"{name}.key", "-out", folder / f"{name}.pem")


def make_certificate(folder, name, authority, days=3000):
    (folder / "names").write_text("subjectAltName=DNS:localhost,DNS:server,IP:127.0.0.1\n")
    openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", f"/CN={name}", "-keyout", folder / f"{name}.key",
            "-out", folder / f"{name}.csr")
    openssl("x509", "-req", "-in", folder / f"{name}.csr", "-CA", folder / f"{authority}.pem", "-CAkey", folder / f"{authority}.key",
            "-CAcreateserial", "-days", str(days), "-extfile", folder / "names", "-out", folder / f"{name}.pem")


def make_certificates(folder):
    """Of the server, of two clients, of one whose time is over, and of one by somebody else's authority."""
    for authority in ("ca", "other-ca"):
        make_authority(folder, authority)
    for name in ("server", "ana", "rui"):
        make_certificate(folder, name, "ca")
    make_certificate(folder, "late", "ca", days=-1)
    make_certificate(folder, "foreign", "other-ca")


class Server:
    """The program, from its start to its end in order."""

    def __init__(self, test, *more, engine="auto", folder=None):
        self.log = []
        self.test = test
        if folder is None:
            folder = pathlib.Path(tempfile.mkdtemp())
            test.addCleanup(shutil.rmtree, folder)
            make_certificates(folder)
        self.folder = folder
        self.engine = engine
        self.process = subprocess.Popen(
            [PROGRAM, "serve", "--cert", folder / "server.pem", "--key", folder / "server.key", "--client-ca", folder / "ca.pem", "--host",
             "127.0.0.1", "--port", "0", "--engine", engine, *more],
            stderr=subprocess.PIPE, text=True, env={**os.environ, "SECRET_OF_THE_SERVER": "1"})
        test.addCleanup(self.end)
        first = self.process.stderr.readline()
        self.port = int(first.rsplit(":", 1)[1])
        self.reader = threading.Thread(target=lambda: self.log.extend(iter(self.process.stderr.readline, "")))
        self.reader.start()

    def end(self):
        self.process.terminate()
        code = self.process.wait(timeout=30)
        self.reader.join()
        self.process.stderr.close()
        if code != 0:
            raise AssertionError(f"it ended with {code}: {self.log}")

    def words(self, *command, who="ana", port=None, ca="ca", options=()):
        return [PROGRAM, "--cert", self.folder / f"{who}.pem", "--key", self.folder / f"{who}.key", "--ca", self.folder / f"{ca}.pem",
                "--engine", self.engine, *options, f"localhost:{port or self.port}", *command]

    def run(self, *command, given=b"", timeout=60, **how):
        return subprocess.run(self.words(*command, **how), input=given, capture_output=True, timeout=timeout, check=False)

    def wait_for_log(self, what):
        until = time.monotonic() + 20
        while not any(what in line for line in self.log):
            if time.monotonic() > until:
                raise AssertionError(f"no {what!r} in {self.log}")
            time.sleep(0.02)

    def connect(self, who="ana", port=None):
        """A client that speaks frames as one likes."""
        context = ssl.create_default_context(cafile=self.folder / "ca.pem")
        context.load_cert_chain(self.folder / f"{who}.pem", self.folder / f"{who}.key")
        context.set_alpn_protocols(["aperto-remote/1"])
        plain = socket.create_connection(("127.0.0.1", port or self.port), timeout=20)
        peer = Peer(context.wrap_socket(plain, server_hostname="localhost"))
        self.test.addCleanup(peer.close)
        return peer

    def memory(self):
        """Bytes that the server has of its own."""
        with open(f"/proc/{self.process.pid}/status", encoding="ascii") as status:
            return next(int(line.split()[1]) * 1024 for line in status if line.startswith("RssAnon:"))


class Peer:
    """Messages by hand."""

    def __init__(self, link):
        self.link = link
        self.bytes = b""

    def send(self, message):
        self.link.sendall(struct.pack("!I", len(message)) + message)

    def begin(self, command, terminal=False):
        self.send(b"N" + bytes([terminal]) + struct.pack("!HH", 24, 80) + b"dumb\0" + command.encode())
        return self.welcome()

    def resume(self, token, received, of_next=0):
        self.send(b"R" + token + struct.pack("!QI", received, of_next))
        return self.welcome()

    def welcome(self):
        answer = self.receive()
        if not answer or not answer.startswith(b"K"):
            return answer, None
        return answer[1:33], struct.unpack("!QI", answer[33:45])[0]

    def receive(self):
        """The next message; None at the end, however it comes."""
        try:
            while len(self.bytes) < 4 or len(self.bytes) < 4 + struct.unpack("!I", self.bytes[:4])[0]:
                more = self.link.recv(65536)
                if not more:
                    return None
                self.bytes += more
        except (ConnectionError, ssl.SSLError):
            return None
        size = struct.unpack("!I", self.bytes[:4])[0]
        message, self.bytes = self.bytes[4:4 + size], self.bytes[4 + size:]
        return message

    def next_of_command(self):
        while (message := self.receive()) is not None:
            if not message.startswith(b"A"):
                return message
        return None

    def close(self):
        self.link.close()


class Cutter:
    """A proxy that cuts a connection after so many bytes from the server; `limits` says how many, one each, then it cuts no more."""

    def __init__(self, test, port, limits):
        self.limits = iter(limits)
        self.cuts = 0
        self.port_of_server = port
        self.open = []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()
        test.addCleanup(self.end)

    def _accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            server = socket.create_connection(("127.0.0.1", self.port_of_server))
            limit = next(self.limits, None)
            self.open = [client, server]
            threading.Thread(target=self._pump, args=(client, server, None), daemon=True).start()
            threading.Thread(target=self._pump, args=(server, client, limit), daemon=True).start()

    def _pump(self, source, sink, limit):
        try:
            while piece := source.recv(4096 if limit is None else min(4096, limit)):
                sink.sendall(piece)
                if limit is not None:
                    limit -= len(piece)
                    if limit <= 0:
                        self.cuts += 1
                        self.cut(source, sink)
                        return
        except OSError:
            pass
        self.cut(source, sink)

    @staticmethod
    def cut(*ends):
        for end in ends:
            try:
                end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                end.shutdown(socket.SHUT_RDWR)
                end.close()
            except OSError:
                pass

    def cut_now(self):
        self.cuts += 1
        self.cut(*self.open)

    def end(self):
        self.listener.close()
        self.cut(*self.open)
