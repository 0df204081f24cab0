# SPDX-License-Identifier: MIT
"""`aperto serve --admin`: what those who watch a server see, as curl, promtool and a Prometheus of Debian's see it."""

import contextlib
import json
import os
import re
import resource
import signal
import socket
import ssl
import subprocess
import tempfile
import threading
import time
import unittest
import urllib.error
import urllib.request
from pathlib import Path

from surroundings import LIMIT_S, PROGRAM, ROOT, Server, free_port, is_sanitized, require

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

    def wait_connections(self, count):
        until = time.monotonic() + LIMIT_S
        while self.figures()["aperto_connections"] != count:
            assert time.monotonic() < until, count
            time.sleep(0.02)

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


@contextlib.contextmanager
def one_worker_stopped(process):
    """The first worker's thread stands still, as one does whose handler hangs; by ptrace(2), from a process of its own."""
    waits = {"232", "281", "441", "22"}  # epoll_wait(2), epoll_pwait, epoll_pwait2; on arm64 epoll_pwait
    until = time.monotonic() + LIMIT_S
    loops = []
    while len(loops) < 2:  # the endpoint is on a loop of its own kind, of io_uring where there is one
        assert time.monotonic() < until, loops
        loops = sorted(thread for thread in map(int, os.listdir(f"/proc/{process}/task"))
                       if Path(f"/proc/{process}/task/{thread}/syscall").read_text().split()[0] in waits and thread != process)
    worker = loops[0]
    script = ("import ctypes, os, sys; trace = ctypes.CDLL(None).ptrace; thread = int(sys.argv[1]);"
              "assert trace(0x4206, thread, None, None) == 0;"  # PTRACE_SEIZE
              "trace(0x4207, thread, None, None);"  # PTRACE_INTERRUPT
              "os.waitpid(thread, 0x40000000);"  # __WALL
              "print(flush=True); sys.stdin.read();"
              "trace(17, thread, None, None)")  # PTRACE_DETACH
    with subprocess.Popen(["python3", "-c", script, str(worker)], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as tracer:
        if not tracer.stdout.readline():
            raise unittest.SkipTest("no thread of another process can be stopped here (ptrace(2))")
        try:
            yield
        finally:
            tracer.stdin.close()
            tracer.wait(LIMIT_S)


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
                    'aperto_connections_refused_total{limit="deny"}': 1, 'aperto_connections_by_state{state="opening"}': 1,
                    'aperto_connections_by_state{state="idle"}': 0, "aperto_workers_answering": 2,
                    "aperto_message_latency_seconds_count": 6, "aperto_turn_budget_struck_total": 0,
                    'aperto_limit_strikes_total{limit="deny"}': 1, 'aperto_limit_strikes_total{limit="idle-timeout"}': 0,
                    "aperto_journal_recorded_total": 6, "aperto_journal_refused_total": 0, "aperto_ready": 1,
                    "aperto_workers": 2, "aperto_connection_duration_seconds_count": 3, "aperto_rtt_seconds_count": 3,
                    'aperto_rtt_seconds_bucket{le="+Inf"}': 3, "aperto_received_bytes_total": 39}
        self.assertEqual({name: figures.get(name) for name in expected}, expected)
        self.assertGreater(figures["process_resident_memory_bytes"], 1_000_000)
        self.assertGreater(figures["process_open_fds"], 5)
        self.assertIn("aperto_listen_overflows_total", figures)

    def test_each_open_connection_is_told_with_what_the_kernel_knows(self):
        with Watched() as server, server.connect() as client, server.connect() as silent:
            replies = client.makefile("rb")
            for line in (b"hello\n", b"world!\n"):
                client.sendall(line)
                self.assertEqual(replies.readline(), line)
            server.wait_connections(2)
            looked = json.loads(curl(server.admin + "/connections"))
            self.assertEqual(looked["workers_passed_over"], [])
            told = {each["peer"]: each for each in looked["connections"]}
            name = "127.0.0.1:%d" % client.getsockname()[1]
            self.assertEqual(set(told), {name, "127.0.0.1:%d" % silent.getsockname()[1]})
            talked = told.pop(name)
            self.assertEqual((talked["state"], talked["messages"], talked["bytes_in"], talked["bytes_out"]), ("idle", 2, 13, 13))
            self.assertEqual((talked["tcp"]["state"], talked["tcp"]["bytes_received"]), ("ESTABLISHED", 13))
            self.assertIn(talked["tcp"].get("limited_by"), ("network", None))
            self.assertEqual(talked["local"], f"127.0.0.1:{server.port}")
            (other,) = told.values()
            self.assertEqual((other["state"], other["messages"]), ("opening", 0))
            self.assertTrue(curl("-I", server.admin + "/connections").endswith("\r\n\r\n"))

    def test_what_holds_a_connection_up_is_told(self):
        with Watched("--write-deadline", "60s") as server:
            with server.connect() as deaf:
                deaf.settimeout(0.5)
                with contextlib.suppress(TimeoutError):
                    while True:  # until nothing fits anywhere any more: its replies are not read
                        deaf.sendall(b"x" * 1000 + b"\n")
                until = time.monotonic() + LIMIT_S
                while time.monotonic() < until:
                    (told,) = json.loads(curl(server.admin + "/connections"))["connections"]
                    if (told["state"], told["tcp"].get("limited_by")) == ("sending", "receive_window"):
                        break
                    time.sleep(0.1)
                self.assertEqual((told["state"], told["tcp"]["limited_by"]), ("sending", "receive_window"))
                self.assertGreater(told["tcp"]["rwnd_limited_us"], 0)
                self.assertGreater(told["memory"], 0)

    def test_a_worker_that_hangs_is_passed_over_and_named(self):
        with Watched() as server, contextlib.ExitStack() as clients:
            for count in range(1, 41):
                client = clients.enter_context(server.connect())
                client.sendall(b"a\n")
                self.assertEqual(client.recv(2), b"a\n")
            whole = json.loads(curl(server.admin + "/connections"))
            self.assertEqual((len(whole["connections"]), whole["workers_passed_over"]), (count, []))
            with one_worker_stopped(server.pid):
                rest = json.loads(curl(server.admin + "/connections"))
                figures = server.figures()
            (missing,) = rest["workers_passed_over"]
            self.assertEqual([each for each in whole["connections"] if each["worker"] != missing and not self.is_in(each, rest)], [])
            self.assertEqual({each["worker"] for each in rest["connections"]}, {0, 1} - {missing})
            self.assertEqual((figures["aperto_workers"], figures["aperto_workers_answering"]), (2, 1))
            self.assertEqual(json.loads(curl(server.admin + "/connections"))["workers_passed_over"], [])
            self.assertEqual(server.figures()["aperto_workers_answering"], 2)

    @staticmethod
    def is_in(one, looked):
        return any(each["connection"] == one["connection"] for each in looked["connections"])

    def test_a_slow_reader_keeps_nobody_waiting(self):
        with Watched() as server, contextlib.ExitStack() as clients:
            for _ in range(2000):
                clients.enter_context(server.connect())
            server.wait_connections(2000)
            with self.admin_socket(server, 4096) as slow:
                slow.sendall(b"GET /connections HTTP/1.1\r\nHost: a\r\n\r\n")
                self.assertEqual(slow.recv(12), b"HTTP/1.1 200")  # two megabytes will not fit in between
                self.assertEqual(server.code("/connections"), "503")
                self.assertEqual(server.code("/livez"), "200")
                self.assertEqual(server.figures()["aperto_connections"], 2000)
                if "APERTO_WATCHED" not in os.environ:  # it takes the half a minute that a reader has
                    return
                begun = time.monotonic()
                while server.code("/connections") == "503":
                    self.assertLess(time.monotonic() - begun, 2 * LIMIT_S)
                    slow.recv(1)  # which is progress of a kind, and not enough
                    time.sleep(0.5)
                self.assertGreater(time.monotonic() - begun, 5)

    def admin_socket(self, server, buffer=0):
        client = socket.socket()
        if buffer:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        client.settimeout(LIMIT_S)
        client.connect(("127.0.0.1", int(server.admin.rsplit(":", 1)[1])))
        return client

    @unittest.skipUnless("APERTO_WATCHED" in os.environ, "it takes the ten seconds that a head has: APERTO_WATCHED=1")
    def test_a_head_that_drips_in_is_ended(self):
        with Watched() as server, self.admin_socket(server) as dripping:
            begun = time.monotonic()
            with self.assertRaises(ConnectionError):
                for each in b"GET /livez HTTP/1.1\r\nX: " + b"y" * 10_000:
                    dripping.sendall(bytes([each]))
                    time.sleep(0.2)
                    self.assertLess(time.monotonic() - begun, LIMIT_S)
            self.assertGreater(time.monotonic() - begun, 9)
            self.assertEqual(server.code("/livez"), "200")

    @unittest.skipIf(is_sanitized(), "the memory is a sanitizer's, and not held to this bound")
    def test_hostile_clients_cost_it_little(self):
        with Watched() as server:
            small = server.figures()["process_resident_memory_bytes"]
            with contextlib.ExitStack() as clients:
                for _ in range(40):
                    client = clients.enter_context(self.admin_socket(server))
                    with contextlib.suppress(ConnectionError):
                        client.sendall(b"GET /livez HTTP/1.1\r\n" + b"x: " + b"y" * 1_000_000)
                for _ in range(10):
                    client = clients.enter_context(self.admin_socket(server, 4096))
                    client.settimeout(0.2)
                    with contextlib.suppress(OSError):
                        client.sendall(b"GET /metrics HTTP/1.1\r\n\r\n" * 10_000)  # and not one reply read
                self.assertEqual(server.code("/livez"), "200")
                self.assertLess(server.figures()["process_resident_memory_bytes"] - small, 20_000_000)
            server.talk(b"hello")

    def test_ten_thousand_connections_are_told_while_the_server_serves(self):
        count = 10_000
        room = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(room[1], 4 * count), room[1]))
        self.addCleanup(resource.setrlimit, resource.RLIMIT_NOFILE, room)
        with contextlib.ExitStack() as open_ones, Watched("--messages", "none") as server:
            for i in range(count):
                address = f"127.0.{1 + i // 5000}.1"
                open_ones.enter_context(socket.create_connection(("127.0.0.1", server.port), LIMIT_S, (address, 0)))
            with server.connect() as client, client.makefile("rb") as replies:
                client.sendall(b"a\n")
                self.assertEqual(replies.readline(), b"a\n")
                with subprocess.Popen(["curl", "-s", "-m", str(LIMIT_S), server.admin + "/connections"],
                                      stdout=subprocess.PIPE) as asking:
                    reading = threading.Thread(target=lambda: told.append(asking.stdout.read()))
                    told, answered = [], 0
                    reading.start()
                    while reading.is_alive():
                        client.sendall(b"a\n")
                        self.assertEqual(replies.readline(), b"a\n")
                        answered += 1
                    reading.join()
            all_of_them = json.loads(told[0])["connections"]
            self.assertEqual((len(all_of_them), len({each["connection"] for each in all_of_them})), (count + 1, count + 1))
            self.assertGreater(answered, 1)

    def test_the_figures_of_tls_are_what_happened(self):
        with tempfile.TemporaryDirectory() as folder:
            subprocess.run([PROGRAM, "cert", "--dir", folder, "localhost"], check=True, capture_output=True)
            with Watched("--tls", "--cert", f"{folder}/cert.pem", "--key", f"{folder}/key.pem") as server:
                trusting = ssl.create_default_context(cafile=f"{folder}/ca.pem")
                older = ssl.create_default_context(cafile=f"{folder}/ca.pem")
                older.maximum_version = ssl.TLSVersion.TLSv1_2
                for context in (trusting, trusting, older):
                    with server.connect() as plain, context.wrap_socket(plain, server_hostname="localhost") as client:
                        client.sendall(b"a\n")
                        self.assertEqual(client.recv(2), b"a\n")
                with server.connect() as client:
                    client.sendall(b"GET / HTTP/1.0\r\n\r\n")
                    while client.recv(1000):
                        pass
                server.wait_for("closed", 4)
                figures = server.figures()
                shown = subprocess.run(["openssl", "x509", "-in", f"{folder}/cert.pem", "-noout", "-enddate"],
                                       check=True, capture_output=True, text=True).stdout
        self.assertEqual(figures['aperto_tls_handshakes_total{version="1.3"}'], 2)
        self.assertEqual(figures['aperto_tls_handshakes_total{version="1.2"}'], 1)
        self.assertEqual(figures['aperto_tls_failures_total{reason="not_tls"}'], 1)
        self.assertEqual(figures['aperto_tls_failures_total{reason="expired"}'], 0)
        self.assertEqual(figures["aperto_tls_certificate_expiry_timestamp_seconds"],
                         ssl.cert_time_to_seconds(shown.strip().removeprefix("notAfter=")))

    def test_a_loop_that_was_held_up_says_so(self):
        with Watched() as server:
            time.sleep(0.5)
            os.kill(server._process.pid, signal.SIGSTOP)
            time.sleep(0.7)
            os.kill(server._process.pid, signal.SIGCONT)
            time.sleep(0.3)
            figures = server.figures()
        late = figures["aperto_loop_lag_seconds_count"] - figures['aperto_loop_lag_seconds_bucket{le="0.50000"}']
        self.assertEqual(late, 2)  # a worker each
        self.assertGreater(figures["aperto_loop_lag_seconds_count"], 4)

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
        with tempfile.TemporaryDirectory() as folder:
            subprocess.run([PROGRAM, "cert", "--dir", folder, "localhost"], check=True, capture_output=True)
            pair = ("--tls", "--cert", f"{folder}/cert.pem", "--key", f"{folder}/key.pem")
            with Watched("--journal", os.path.join(folder, "book.db"), *pair) as server:
                there = {re.sub(r"\{.*", "", name) for name in server.figures()}
        board = json.loads((ROOT / "deploy/grafana/aperto.json").read_text())
        asked = [target["expr"] for panel in board["panels"] for target in panel["targets"]]
        asked.append((ROOT / "deploy/prometheus/alerts.yml").read_text())
        names = {name for text in asked for name in re.findall(r"\b(?:aperto|process)_\w+", text)}
        self.assertGreater(len(names), 10)
        self.assertEqual(names - there, set())


if __name__ == "__main__":
    unittest.main()
