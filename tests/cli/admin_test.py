# SPDX-License-Identifier: MIT
"""`aperto serve --admin`: what those who watch a server see, as curl, promtool and a Prometheus of Debian's see it."""

import json
import os
import re
import signal
import socket
import subprocess
import tempfile
import time
import unittest
import urllib.error
import urllib.request
from pathlib import Path

from surroundings import LIMIT_S, ROOT, Server, free_port, require

OPENMETRICS = "application/openmetrics-text; version=1.0.0"


def curl(*arguments):
    require("curl")
    done = subprocess.run(["curl", "-s", "-m", str(LIMIT_S), *arguments], capture_output=True, check=False)
    assert done.returncode == 0, (arguments, done)
    return done.stdout.decode()


class Watched(Server):
    """A server of lines with its admin endpoint on a free port."""

    def __init__(self, *options):
        super().__init__("echo", "epoll", "line", "--admin", "127.0.0.1:0", *options)

    def __enter__(self):
        super().__enter__()
        self.admin = "http://127.0.0.1:%d" % self.wait_for("admin")["port"]
        return self

    def code(self, path, *more):
        return curl("-o", "/dev/null", "-w", "%{http_code}", *more, self.admin + path)

    def figures(self, *more):
        """{'name{label="value"}': number}"""
        rows = curl(*more, self.admin + "/metrics").splitlines()
        return {name: float(value) for name, value in (row.rsplit(" ", 1) for row in rows if not row.startswith("#"))}

    def talk(self, *lines):
        with self.connect() as client, client.makefile("rb") as replies:
            for line in lines:
                client.sendall(line + b"\n")
                assert replies.readline() == line + b"\n"

    def raw(self, request):
        with socket.create_connection(("127.0.0.1", int(self.admin.rsplit(":", 1)[1])), LIMIT_S) as client:
            client.sendall(request)
            client.shutdown(socket.SHUT_WR)
            return b"".join(iter(lambda: client.recv(65536), b"")).decode()


class Admin(unittest.TestCase):
    def test_the_figures_are_what_happened(self):
        with tempfile.TemporaryDirectory() as folder:
            book = os.path.join(folder, "book.db")
            with Watched("--journal", book, "--durability", "process", "--deny", "127.0.0.9") as server:
                for _ in range(3):
                    server.talk(b"hello", b"world!")
                with socket.create_connection(("127.0.0.1", server.port), LIMIT_S, ("127.0.0.9", 0)) as denied:
                    self.assertEqual(denied.recv(100), b"")
                with server.connect():
                    server.wait_for("closed", 3)
                    server.wait_for("accepted", 4)
                    figures = server.figures()
        expected = {"aperto_messages_total": 6, "aperto_message_bytes_total": 33, "aperto_replies_total": 6,
                    "aperto_reply_bytes_total": 33, "aperto_connections": 1, "aperto_connections_accepted_total": 4,
                    'aperto_connections_closed_total{reason="client"}': 3, 'aperto_connections_closed_total{reason="reset"}': 0,
                    'aperto_limit_strikes_total{limit="deny"}': 1, 'aperto_limit_strikes_total{limit="idle-timeout"}': 0,
                    "aperto_journal_recorded_total": 6, "aperto_journal_refused_total": 0, "aperto_ready": 1,
                    "aperto_workers": 2, "aperto_connection_duration_seconds_count": 3, "aperto_rtt_seconds_count": 3,
                    'aperto_rtt_seconds_bucket{le="+Inf"}': 3, "aperto_received_bytes_total": 39}
        self.assertEqual({name: figures.get(name) for name in expected}, expected)
        self.assertGreater(figures["process_resident_memory_bytes"], 1_000_000)
        self.assertGreater(figures["process_open_fds"], 5)
        self.assertIn("aperto_listen_overflows_total", figures)

    def test_promtool_finds_nothing_wrong_with_them(self):
        require("promtool")
        with Watched() as server:
            server.talk(b"hello")
            for accept in ("*/*", OPENMETRICS):
                text = curl("-H", f"Accept: {accept}", server.admin + "/metrics")
                if accept == OPENMETRICS:
                    self.assertTrue(text.endswith("# EOF\n"))
                    continue
                done = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, text=True, check=False)
                self.assertEqual((done.returncode, done.stdout + done.stderr), (0, ""))
            for accept, kind in (("*/*", "text/plain; version=0.0.4"), (OPENMETRICS, OPENMETRICS)):
                head = curl("-I", "-H", f"Accept: {accept}", server.admin + "/metrics")
                self.assertIn(f"Content-Type: {kind}; charset=utf-8", head)

    def test_a_prometheus_scrapes_them(self):
        require("prometheus")
        with tempfile.TemporaryDirectory() as folder, Watched() as server:
            server.talk(b"hello", b"world")
            port = free_port()
            config = (ROOT / "deploy/prometheus/prometheus.yml").read_text()
            config = config.replace("127.0.0.1:9100", server.admin.removeprefix("http://")).replace("15s", "200ms")
            config = config.replace("alerts.yml", str(ROOT / "deploy/prometheus/alerts.yml"))
            (Path(folder) / "prometheus.yml").write_text(config)
            with subprocess.Popen(["prometheus", f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data",
                                   f"--web.listen-address=127.0.0.1:{port}", "--log.level=error"],
                                  stderr=subprocess.PIPE) as prometheus:
                try:
                    self.assertEqual(self.ask(port, "aperto_messages_total", prometheus), "2")
                    self.assertEqual(self.ask(port, "up", prometheus), "1")
                finally:
                    prometheus.terminate()

    def ask(self, port, query, prometheus):
        until = time.monotonic() + LIMIT_S
        while time.monotonic() < until and prometheus.poll() is None:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/v1/query?query={query}", timeout=5) as reply:
                    found = json.load(reply)["data"]["result"]
                if found:
                    return found[0]["value"][1]
            except (urllib.error.URLError, ConnectionError):
                pass
            time.sleep(0.1)
        raise AssertionError(f"Prometheus has no {query}: {prometheus.stderr.peek()}")

    def test_health_and_readiness_from_the_start_to_the_drain(self):
        with Watched("--drain-delay", "1s") as server:
            self.assertEqual((server.code("/livez"), server.code("/readyz")), ("200", "200"))
            os.kill(server._process.pid, signal.SIGTERM)
            server.wait_for("stopping")
            self.assertEqual((server.code("/livez"), server.code("/readyz")), ("200", "503"))
            self.assertEqual(server.figures()["aperto_ready"], 0)
            server.talk(b"still welcome")
            server._process.wait(LIMIT_S)  # a second signal would end it at once

    def test_speaks_http_and_nothing_else(self):
        with Watched() as server:
            self.assertEqual(server.code("/nothing"), "404")
            self.assertEqual(server.code("/livez", "-X", "DELETE"), "405")
            self.assertEqual(server.code("/livez?verbose"), "200")
            self.assertEqual(server.code("/livez", "-d", "a body"), "400")
            self.assertEqual(server.code("/livez", "-H", "x: " + "y" * 20_000), "400")
            self.assertTrue(curl("-I", server.admin + "/livez").endswith("\r\n\r\n"))
            self.assertEqual(server.raw(b"GET /livez HTTP/1.1\r\nHost: a\r\n\r\n" * 3).count("\r\n\r\nalive\n"), 3)
            self.assertIn("Connection: close", server.raw(b"GET /livez HTTP/1.0\r\n\r\n"))
            for nonsense in (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b"nonsense\r\n\r\n", b"GET /livez HTTP/9.9\r\n\r\n"):
                self.assertTrue(server.raw(nonsense).startswith("HTTP/1.1 400 "), nonsense)
            self.assertEqual(server.raw(b""), "")
            self.assertEqual(server.code("/livez"), "200")

    def test_on_a_unix_socket(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "admin")
            with Server("echo", "epoll", "line", "--admin", f"unix:{path}") as server:
                server.wait_for("admin")
                self.assertEqual(curl("--unix-socket", path, "http://localhost/livez"), "alive\n")
            self.assertFalse(os.path.exists(path))

    def test_says_that_its_port_is_taken(self):
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            done = subprocess.run([os.environ.get("APERTO_BIN", "build/release/aperto"), "serve", "--port", "0", "--admin",
                                   f"127.0.0.1:{port}"], capture_output=True, text=True, timeout=LIMIT_S, check=False)
        self.assertEqual(done.returncode, 5)
        self.assertIn(f"127.0.0.1:{port}", done.stderr)


class Deployed(unittest.TestCase):
    """What stands in deploy/ fits what the program gives."""

    def test_the_alerts_strike_when_they_should(self):
        require("promtool")
        done = subprocess.run(["promtool", "test", "rules", "alerts_test.yml"], cwd=ROOT / "deploy/prometheus",
                              capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_alerts_and_dashboard_ask_for_figures_that_there_are(self):
        with tempfile.TemporaryDirectory() as folder, Watched("--journal", os.path.join(folder, "book.db")) as server:
            there = {re.sub(r"\{.*", "", name) for name in server.figures()}
        board = json.loads((ROOT / "deploy/grafana/aperto.json").read_text())
        asked = [target["expr"] for panel in board["panels"] for target in panel["targets"]]
        asked.append((ROOT / "deploy/prometheus/alerts.yml").read_text())
        names = {name for text in asked for name in re.findall(r"\b(?:aperto|process)_\w+", text)}
        self.assertGreater(len(names), 10)
        self.assertEqual(names - there, set())


if __name__ == "__main__":
    unittest.main()
