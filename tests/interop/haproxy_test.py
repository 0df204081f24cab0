# SPDX-License-Identifier: MIT
"""Behind a real HAProxy, by both versions of its protocol."""

import contextlib
import socket
import ssl
import subprocess
import tempfile
import time
import unittest
from pathlib import Path

from programs import ENGINES, LIMIT_S, Server

HAPROXY = "/usr/sbin/haproxy"
CONFIG = """
global
    maxconn 200
defaults
    mode tcp
    timeout connect 5s
    timeout client 20s
    timeout server 20s
frontend in
    bind fd@{listener}
    unique-id-format id-%cp
    default_backend out
backend out
    server aperto 127.0.0.1:{behind} {how}
"""
WAYS = {
    "send-proxy": {"proxy_version": 1},
    "send-proxy-v2": {"proxy_version": 2},
    "send-proxy-v2 proxy-v2-options crc32c,unique-id": {"proxy_version": 2},
}


class HAProxy:
    """It gets a socket that listens already, so that who connects early waits."""

    def __init__(self, behind, how, first=True):
        with socket.create_server(("127.0.0.1", 0)) as listener, tempfile.NamedTemporaryFile("w", suffix=".cfg") as config:
            self.port = listener.getsockname()[1]
            config.write(CONFIG.format(listener=listener.fileno(), behind=behind, how=how))
            config.flush()
            self._process = subprocess.Popen([HAPROXY, "-db", "-q", "-f", config.name], stderr=subprocess.PIPE,
                                             pass_fds=[listener.fileno()])
            with self.connect() as client:  # its configuration has been read once it talks, or ends
                client.sendall(b"first\n")
                if (client.recv(100) != b"FIRST\n") == first:
                    self._process.kill()
                    raise AssertionError(f"HAProxy did not start: {self._process.stderr.read().decode()}")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._process.terminate()
        self._process.wait(LIMIT_S)
        self._process.stderr.close()

    def connect(self, source="127.0.0.1"):
        return socket.create_connection(("127.0.0.1", self.port), timeout=LIMIT_S, source_address=(source, 0))


@unittest.skipUnless(Path(HAPROXY).exists(), "NOT RUN HERE: HAProxy is not installed")
class BehindHAProxy(unittest.TestCase):
    def serve(self, engine, *more):
        return Server("upper", engine, "line", "--proxy-from", "127.0.0.0/8", *more)

    def test_the_client_is_told_by_each_way_of_its_protocol(self):
        for engine in ENGINES:
            for how, facts in WAYS.items():
                with self.subTest(engine=engine, how=how), self.serve(engine) as server, HAProxy(server.port, how) as proxy:
                    with proxy.connect("127.0.0.9") as client:
                        client.sendall(b"hello\n")
                        self.assertEqual(client.recv(100), b"HELLO\n")
                        name = "%s:%d" % client.getsockname()
                        port = client.getsockname()[1]
                    server.wait_for("accepted", 2)
                    [accepted] = [event for event in server.seen("accepted") if event["peer"] == name]
                    self.assertEqual(accepted["proxy_destination"], f"127.0.0.1:{proxy.port}")
                    self.assertTrue(accepted["proxy"].startswith("127.0.0.1:"))
                    self.assertEqual({key: accepted[key] for key in facts}, facts)
                    if "unique-id" in how:
                        self.assertEqual(accepted["proxy_unique_id"], f"id-{port}")
                    self.assertEqual(server.seen("limit"), [])

    def test_what_the_proxy_says_of_its_own_is_taken(self):
        how = "send-proxy-v2 check check-send-proxy inter 100ms"
        with self.serve("epoll") as server, HAProxy(server.port, how) as proxy:
            server.wait_for("accepted", 3)
            self.assertIn(True, [event["peer"] == event["proxy"] for event in server.seen("accepted")])
            with proxy.connect() as client:
                client.sendall(b"hello\n")
                self.assertEqual(client.recv(100), b"HELLO\n")
            self.assertEqual(server.seen("limit"), [])

    def test_a_check_without_a_word_is_no_event(self):
        with self.serve("epoll") as server, HAProxy(server.port, f"send-proxy-v2 check port {server.port} inter 20ms") as proxy:
            with proxy.connect() as client:
                time.sleep(0.2)  # ten checks
                client.sendall(b"hello\n")
                self.assertEqual(client.recv(100), b"HELLO\n")
                own = client.getsockname()[1]
            server.wait_for("accepted", 2)
            self.assertTrue(server.seen("accepted")[1]["peer"].endswith(f":{own}"))
            self.assertEqual(len(server.seen("accepted")), 2)
            self.assertEqual(server.seen("limit"), [])

    def test_the_limits_hold_for_the_client_behind_it(self):
        with self.serve("epoll", "--deny", "127.0.0.8", "--max-connections-per-address", "2") as server:
            with HAProxy(server.port, "send-proxy-v2") as proxy:
                with contextlib.ExitStack() as connected:
                    for source, reply in ((9, b"HELLO\n"), (9, b"HELLO\n"), (9, b""), (8, b""), (7, b"HELLO\n")):
                        client = connected.enter_context(proxy.connect(f"127.0.0.{source}"))
                        client.sendall(b"hello\n")
                        self.assertEqual(client.recv(100), reply)
                server.wait_for("limit", 2)
                struck = {event["name"] for event in server.seen("limit")}
        self.assertEqual(struck, {"deny", "max-connections-per-address"})


class TlsBehindAHeader(unittest.TestCase):
    """The header comes before the handshake, whether or not the kernel keeps them apart."""

    def setUp(self):
        self._folder = tempfile.TemporaryDirectory()
        self.addCleanup(self._folder.cleanup)
        self.cert, self.key = f"{self._folder.name}/cert.pem", f"{self._folder.name}/key.pem"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj",
                        "/CN=localhost", "-keyout", self.key, "-out", self.cert], check=True, capture_output=True)
        self.context = ssl.create_default_context(cafile=self.cert)
        self.context.check_hostname = False

    def serve(self, engine):
        return Server("upper", engine, "line", "--proxy-from", "127.0.0.0/8", "--tls", "--cert", self.cert, "--key", self.key)

    def test_they_may_come_in_one_piece(self):
        for engine in ENGINES:
            with self.subTest(engine=engine), self.serve(engine) as server, server.connect() as client:
                coming, going = ssl.MemoryBIO(), ssl.MemoryBIO()
                session = self.context.wrap_bio(coming, going)
                header = b"PROXY TCP4 192.0.2.7 198.51.100.1 4000 443\r\n"

                def exchange(step):
                    nonlocal header
                    while True:
                        try:
                            done = step()
                        except ssl.SSLWantReadError:
                            done = None
                        client.sendall(header + going.read())
                        header = b""
                        if done is not None:
                            return done
                        coming.write(client.recv(65536))
                exchange(lambda: session.do_handshake() or True)
                session.write(b"hello\n")
                self.assertEqual(exchange(lambda: session.read(100)), b"HELLO\n")
                self.assertEqual(server.wait_for("accepted")["peer"], "192.0.2.7:4000")

    @unittest.skipUnless(Path(HAPROXY).exists(), "NOT RUN HERE: HAProxy is not installed")
    def test_haproxy_passes_it_on(self):
        for engine in ENGINES:
            with self.subTest(engine=engine), self.serve(engine) as server:
                with HAProxy(server.port, "send-proxy-v2", first=False) as proxy:
                    with self.context.wrap_socket(proxy.connect("127.0.0.9")) as client:
                        client.sendall(b"hello\n")
                        self.assertEqual(client.recv(100), b"HELLO\n")
                    self.assertTrue(server.wait_for("accepted", 2)["peer"].startswith("127.0.0.9:"))


if __name__ == "__main__":
    unittest.main()
