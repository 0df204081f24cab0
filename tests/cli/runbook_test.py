# SPDX-License-Identifier: MIT
"""The faults of the runbook in docs/operating.md, each provoked: what is seen is what stands there."""

import contextlib
import os
import re
import resource
import signal
import socket
import ssl
import subprocess
import tempfile
import time
import unittest
from pathlib import Path

from surroundings import LIMIT_S, PROGRAM, ROOT, Server, is_sanitized, run


def rows():
    """What is seen, by the number of the fault."""
    text = (ROOT / "docs/operating.md").read_text().partition("## When something is wrong")[2]
    return {int(number): seen for number, seen in re.findall(r"^\| (\d+) \| ([^|]*) \|", text, re.MULTILINE)}


class Told(Server):
    """A server of lines whose log is in sentences, with its admin endpoint."""

    def __init__(self, *options, service="echo"):
        self.lines = []
        super().__init__(service, "epoll", "line", "--log", "text", "--admin", "127.0.0.1:0", "--drain-grace", "0s", *options)
    
    def _read(self):
        for line in self._process.stdout:
            with self._changed:
                self.lines.append(line.decode())
                self._changed.notify_all()

    def __enter__(self):
        self.port = int(self.wait_line(r"listening on .*port (\d+)")[1])
        self.admin = int(self.wait_line(r"metrics and health at .*:(\d+)")[1])
        return self

    def wait_line(self, pattern):
        def there():
            return next(filter(None, (re.search(pattern, line) for line in self.lines)), None)
        with self._changed:
            if not self._changed.wait_for(there, LIMIT_S):
                raise AssertionError(f"{pattern!r} was not told: {self.lines}")
            return there()

    def get(self, path):
        with socket.create_connection(("127.0.0.1", self.admin), LIMIT_S) as client:
            client.sendall(f"GET {path} HTTP/1.0\r\n\r\n".encode())
            return b"".join(iter(lambda: client.recv(65536), b"")).decode().partition("\r\n\r\n")[2]

    def figure(self, name):
        return next(float(row.rsplit(" ", 1)[1]) for row in self.get("/metrics").splitlines() if row.startswith(name + " "))

    def ask(self, text=b"a\n"):
        with self.connect() as client:
            client.sendall(text)
            return client.makefile("rb").readline()


class Runbook(unittest.TestCase):
    def see(self, number, words):
        """They stand in the runbook, word for word."""
        self.assertIn(words, rows()[number])

    def test_has_ten_faults(self):
        self.assertEqual(sorted(rows()), list(range(1, 11)))

    def test_1_the_port_is_in_use(self):
        with socket.create_server(("127.0.0.1", 0)) as other:
            done = run("serve", "--host", "127.0.0.1", "--port", str(other.getsockname()[1]))
        self.assertEqual(done.returncode, 5)
        self.see(1, "exit code 5")
        self.see(1, "in use")
        self.assertIn("in use", done.stderr)

    def test_2_the_certificate_is_not_the_keys(self):
        with tempfile.TemporaryDirectory() as folder:
            for each in "ab":
                subprocess.run([PROGRAM, "cert", "--dir", f"{folder}/{each}", "localhost"], check=True, capture_output=True)
            done = run("serve", "--port", "0", "--tls", "--cert", f"{folder}/a/cert.pem", "--key", f"{folder}/b/key.pem")
        self.assertNotEqual(done.returncode, 0)
        self.assertIn(f"{folder}/b/key.pem", done.stderr)
        self.see(2, f"exit code {done.returncode}")

    def test_3_every_place_is_taken(self):
        words = "limit reached: max-connections"
        self.see(3, words)
        with Told("--max-connections", "2") as server:
            with server.connect() as one, server.connect():
                one.sendall(b"a\n")
                self.assertEqual(one.recv(2), b"a\n")
                with server.connect() as third:
                    server.wait_line(words)
                    third.sendall(b"b\n")
                    one.close()
                    self.assertEqual(third.recv(2), b"b\n")  # it waited, and then had its place

    @unittest.skipIf(is_sanitized(), "without a descriptor to be had a sanitizer takes memory for broken: it looks at it through a pipe")
    def test_4_descriptors_are_spent(self):
        words = "limit reached: descriptors"
        self.see(4, words)
        with Told() as server, contextlib.ExitStack() as clients:
            used = len(os.listdir(f"/proc/{server.pid}/fd"))
            resource.prlimit(server.pid, resource.RLIMIT_NOFILE, (used + 5, used + 5))
            open_ones = [clients.enter_context(server.connect()) for _ in range(10)]
            server.wait_line(words)
            for each in open_ones[:9]:
                each.close()
            open_ones[9].sendall(b"a\n")
            self.assertEqual(open_ones[9].recv(2), b"a\n")  # it goes on by itself

    def test_5_the_disk_is_full(self):
        self.see(5, "database or disk is full")
        with tempfile.TemporaryDirectory() as folder, Told("--journal", f"{folder}/book.db") as server:
            self.assertEqual(server.ask(), b"a\n")
            # Of what a full disk does the kernel gives the same to who may write no further: EFBIG in place of ENOSPC.
            size = sum(each.stat().st_size for each in Path(folder).iterdir())
            resource.prlimit(server.pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
            with contextlib.suppress(ConnectionError):
                for _ in range(40):
                    if server.ask(b"x" * 100_000 + b"\n") == b"":
                        break
            server.wait_line("the journal refused")
            self.see(5, "the journal refused")
            self.assertGreater(server.figure("aperto_journal_refused_total"), 0)
            resource.prlimit(server.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
            self.assertEqual(server.ask(), b"a\n")
            os.kill(server.pid, signal.SIGTERM)
            server._process.wait(LIMIT_S)
            self.assertEqual(run("journal", f"{folder}/book.db", "--verify").returncode, 0)

    def test_6_the_new_certificate_is_no_good(self):
        words = "the new certificate was not taken, the old one stays"
        self.see(6, words)
        with tempfile.TemporaryDirectory() as folder:
            subprocess.run([PROGRAM, "cert", "--dir", folder, "localhost"], check=True, capture_output=True)
            pair = ("--tls", "--cert", f"{folder}/cert.pem", "--key", f"{folder}/key.pem")
            good = Path(folder, "key.pem").read_text()
            with Told(*pair) as server:
                Path(folder, "key.pem").write_text("no key\n")
                os.kill(server.pid, signal.SIGHUP)
                server.wait_line(words)
                self.assertEqual(server.figure('aperto_tls_reloads_total{result="refused"}'), 1)
                trusting = ssl.create_default_context(cafile=f"{folder}/ca.pem")
                with server.connect() as plain, trusting.wrap_socket(plain, server_hostname="localhost") as client:
                    client.sendall(b"a\n")
                    self.assertEqual(client.recv(2), b"a\n")
                Path(folder, "key.pem").write_text(good)
                os.kill(server.pid, signal.SIGHUP)
                until = time.monotonic() + LIMIT_S
                while server.figure('aperto_tls_reloads_total{result="taken"}') < 1:
                    self.assertLess(time.monotonic(), until)

    # 7, a worker that hangs, is in admin_test.py: test_a_worker_that_hangs_is_passed_over_and_named.

    def test_8_clients_that_read_nothing(self):
        words = "limit reached: memory-budget"
        self.see(8, words)
        with Told("--memory-budget", "8MiB", "--high-water", "4MiB", "--messages", "none") as server, contextlib.ExitStack() as clients:
            for _ in range(24):
                deaf = clients.enter_context(server.connect())
                deaf.settimeout(0.2)
                with contextlib.suppress(OSError):
                    while True:
                        deaf.sendall(b"x" * 10_000 + b"\n")
            server.wait_line(rf"{words}|limits? reached \d+ times?")
            self.assertGreater(server.figure('aperto_limit_strikes_total{limit="memory-budget"}'), 0)
            self.assertGreater(server.figure('aperto_connections_closed_total{reason="limit"}'), 0)
            self.see(8, "the reason `limit`")

    def test_9_a_proxy_without_its_header(self):
        words = "limit reached: proxy-from"
        self.see(9, words)
        with Told("--proxy-from", "127.0.0.1") as server:
            self.assertEqual(server.ask(b"not the PROXY protocol\n"), b"")
            server.wait_line(words)
            self.assertEqual(server.figure('aperto_connections_refused_total{limit="proxy-from"}'), 1)
            self.assertEqual(server.ask(b"PROXY TCP4 192.0.2.1 192.0.2.2 1000 2000\r\nhello\n"), b"hello\n")

    def test_10_a_stop_that_no_balancer_saw(self):
        self.see(10, "refused")
        with Told("--drain-grace", "5s") as server, server.connect() as kept:
            kept.sendall(b"a\n")
            self.assertEqual(kept.recv(2), b"a\n")
            os.kill(server.pid, signal.SIGTERM)
            server.wait_line("stopping")
            with self.assertRaises(ConnectionError):  # refused at once: it listens no more, and no check had seen why
                for _ in range(200):
                    server.connect().close()
                    time.sleep(0.05)
            kept.close()
            server._process.wait(LIMIT_S)
        with Told("--drain-delay", "2s") as server:
            os.kill(server.pid, signal.SIGTERM)
            server.wait_line("stopping")
            self.assertEqual(server.get("/readyz"), "draining\n")
            self.assertEqual(server.ask(), b"a\n")  # and nobody is turned away while that is seen
            server._process.wait(LIMIT_S)


if __name__ == "__main__":
    unittest.main()
