# SPDX-License-Identifier: MIT
"""A name with two addresses of which the first is dead: our client reaches the second, soon (RFC 8305).

The name stands in an /etc/hosts of the test's own, in a mount namespace of its own (unshare(1)).
"""

import contextlib
import os
import socket
import subprocess
import tempfile
import time
import unittest

from programs import ENGINES, LIMIT_S, PROGRAM, Server, require

NAME = "sala-3.example"


def with_hosts(hosts):
    """The command that runs another with that file as /etc/hosts; skips where this machine does not let us."""
    require("unshare")
    for namespace in (["unshare", "--mount"], ["unshare", "--map-root-user", "--mount"]):
        command = [*namespace, "sh", "-c", 'mount --bind "$0" /etc/hosts && exec "$@"', hosts]
        if subprocess.run([*command, "true"], capture_output=True, check=False).returncode == 0:
            return command
    raise unittest.SkipTest("no mount namespace is to be had here")


@contextlib.contextmanager
def hosts_file(*addresses):
    with tempfile.NamedTemporaryFile("w", suffix=".hosts") as file:
        file.write("".join(f"{address} {NAME}\n" for address in addresses))
        file.flush()
        os.chmod(file.name, 0o644)
        yield file.name


@contextlib.contextmanager
def silent_address(port):
    """[::1]:port answers no SYN: a listener whose queue is full drops them."""
    with socket.socket(socket.AF_INET6, socket.SOCK_STREAM) as door, \
            socket.socket(socket.AF_INET6, socket.SOCK_STREAM) as queued:
        door.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        door.bind(("::1", port))
        door.listen(0)
        queued.connect(("::1", port))
        yield


class Names(unittest.TestCase):
    def send(self, hosts, port, engine, *options):
        begun = time.monotonic()
        done = subprocess.run([*with_hosts(hosts), PROGRAM, "send", "--host", NAME, "--port", str(port), "--engine",
                               engine, *options, "texto original"], stdin=subprocess.DEVNULL, capture_output=True,
                              timeout=LIMIT_S, check=False)
        return done.returncode, done.stdout, done.stderr.decode(), time.monotonic() - begun

    def test_the_first_address_refuses(self):
        for engine in ENGINES:
            with self.subTest(engine=engine), Server("upper", engine, "stream", "--host", "127.0.0.1") as server, \
                    hosts_file("::1", "127.0.0.1") as hosts:
                code, reply, words, _ = self.send(hosts, server.port, engine)
                self.assertEqual((code, reply, words), (0, b"TEXTO ORIGINAL", ""))

    def test_the_first_address_keeps_silent(self):
        for engine in ENGINES:
            with self.subTest(engine=engine), Server("upper", engine, "stream", "--host", "127.0.0.1") as server, \
                    hosts_file("::1", "127.0.0.1") as hosts, silent_address(server.port):
                code, reply, words, took = self.send(hosts, server.port, engine)
                self.assertEqual((code, reply, words), (0, b"TEXTO ORIGINAL", ""))
                self.assertGreaterEqual(took, 0.25, "it gave the first its time")
                self.assertLess(took, 3, "the kernel would have tried for two minutes")

    def test_no_address_answers(self):
        for engine in ENGINES:
            with self.subTest(engine=engine), hosts_file("::1", "127.0.0.1") as hosts:
                with socket.create_server(("127.0.0.1", 0)) as passing:
                    port = passing.getsockname()[1]
                code, _, words, _ = self.send(hosts, port, engine)
                self.assertEqual(code, 3)
                self.assertIn("connection refused", words)
                self.assertIn("::1", words)
                self.assertIn("127.0.0.1", words)
                with silent_address(port):
                    code, _, words, took = self.send(hosts, port, engine, "--timeout", "600ms")
                self.assertEqual(code, 3)
                self.assertIn("no answer in 600 ms", words)
                self.assertGreaterEqual(took, 0.6)


if __name__ == "__main__":
    unittest.main()
