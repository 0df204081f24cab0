# SPDX-License-Identifier: MIT
"""`aperto bench` loads nginx and redis-server, whose own counters judge what it says it sent, beside wrk and redis-benchmark."""

import contextlib
import json
import os
import re
import shutil
import socket
import statistics
import subprocess
import tempfile
import unittest
from pathlib import Path

from programs import LIMIT_S, PROGRAM, foreign_server, free_port, is_sanitized, receive_exactly, require

REQUEST = b"GET /hello HTTP/1.1\r\nHost: localhost\r\n\r\n"
GET = b"*2\r\n$3\r\nGET\r\n$3\r\nkey\r\n"
ROUNDS = 5
SECONDS = 0.5
CONNECTIONS = 8
NGINX = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin")


def bench(port, *arguments):
    words = [PROGRAM, "bench", "--json", "--port", str(port), "--connections", str(CONNECTIONS), *arguments]
    done = subprocess.run(words, capture_output=True, text=True, timeout=LIMIT_S, check=False)
    print(f"  {words[1:]} -> {done.returncode}\n  {done.stdout}{done.stderr}")
    return json.loads(done.stdout)


class Nginx:
    """A page of six bytes, and the server's own counters."""

    CONFIGURATION = """
daemon off;
master_process off;
pid {folder}/pid;
error_log stderr;
events {{ worker_connections 512; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    default_type text/plain;
    keepalive_requests 1000000000;
    server {{
        listen 127.0.0.1:{port};
        location = /hello {{ return 200 "hello\\n"; }}
        location = /status {{ stub_status; }}
    }}
}}
"""

    @classmethod
    @contextlib.contextmanager
    def running(cls):
        if NGINX is None:
            raise unittest.SkipTest("nginx is not installed")
        with tempfile.TemporaryDirectory() as folder:
            port = free_port()
            configuration = Path(folder) / "nginx.conf"
            configuration.write_text(cls.CONFIGURATION.format(folder=folder, port=port))
            command = [NGINX, "-e", "stderr", "-p", folder, "-c", str(configuration)]
            with foreign_server(command, port) as process:
                yield cls(port, process.pid)

    def __init__(self, port, pid):
        self.port, self.pid = port, pid

    def ask(self, path):
        request = f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode()
        with socket.create_connection(("127.0.0.1", self.port), timeout=LIMIT_S) as connection:
            connection.sendall(request)
            with connection.makefile("rb") as reply:
                return reply.read().decode()

    def counted(self):
        """Connections and requests so far, this one left out."""
        accepts, _, requests = re.search(r"requests\s+(\d+) (\d+) (\d+)", self.ask("/status")).groups()
        return int(accepts) - 1, int(requests) - 1

    def reply_size(self):
        with socket.create_connection(("127.0.0.1", self.port), timeout=LIMIT_S) as connection:
            connection.sendall(REQUEST)
            head = b""
            while not head.endswith(b"\r\n\r\n"):
                head += receive_exactly(connection, 1)
            body = int(re.search(rb"Content-Length: (\d+)", head)[1])
            receive_exactly(connection, body)
            return len(head) + body


class Redis:
    @classmethod
    @contextlib.contextmanager
    def running(cls):
        require("redis-server")
        with tempfile.TemporaryDirectory() as folder:
            port = free_port()
            command = ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", folder,
                       "--appendonly", "no"]
            with foreign_server(command, port) as process:
                yield cls(port, process.pid)

    def __init__(self, port, pid):
        self.port, self.pid = port, pid

    def ask(self, command):
        with socket.create_connection(("127.0.0.1", self.port), timeout=LIMIT_S) as connection:
            connection.sendall(command + b"\r\n")
            connection.shutdown(socket.SHUT_WR)
            with connection.makefile("rb") as reply:
                return reply.read().decode()

    def counted(self):
        """Connections and commands so far; a command is counted once it is done, so this one is not."""
        told = self.ask(b"INFO stats")
        number = lambda name: int(re.search(rf"{name}:(\d+)", told)[1])
        return number("total_connections_received") - 1, number("total_commands_processed")


def cpu_ns(pid):
    """CPU time of all threads, as the scheduler keeps it."""
    return sum(int((task / "schedstat").read_text().split()[0]) for task in Path(f"/proc/{pid}/task").iterdir())


def told(all_of, form):
    return f"{statistics.median(all_of):{form}} ({min(all_of):{form}}–{max(all_of):{form}})"


class CountedByTheServer(unittest.TestCase):
    """What bench says it sent is what the server says it was asked."""

    def loaded(self, server, *arguments, asked_by_counting):
        connections, before = server.counted()
        seen = bench(server.port, "--duration", f"{SECONDS}s", "--warm-up", "100ms", *arguments)
        connected, after = server.counted()
        self.assertTrue(seen["clean"])
        self.assertGreater(seen["answered"], 0)
        self.assertEqual(after - before - asked_by_counting, seen["sent_in_all"])
        self.assertEqual(seen["sent_in_all"], seen["answered_in_all"])
        self.assertEqual(connected - connections - 1, seen["connected"])
        return seen

    def test_nginx(self):
        with Nginx.running() as server, tempfile.NamedTemporaryFile() as file:
            file.write(REQUEST)
            file.flush()
            size = server.reply_size()
            typed = REQUEST.decode().replace("\r\n", "\\r\\n")
            for arguments in (["--send", typed], ["--send", f"@{file.name}"], ["--send", typed, "--pipeline", "4"],
                              ["--send", typed, "--rate", "2000"], ["--send", typed, "--per-message-connection"]):
                with self.subTest(arguments=arguments[2:]):
                    seen = self.loaded(server, *arguments, "--expect-bytes", str(size), asked_by_counting=1)
                    self.assertEqual(seen["plan"]["reply_bytes"], size)

    def test_redis(self):
        with Redis.running() as server:
            self.assertEqual(server.ask(b"SET key hello"), "+OK\r\n")
            ping = ["--send", r"PING\r\n", "--expect-text", r"+PONG\r\n"]
            get = ["--send", GET.decode().replace("\r\n", r"\r\n"), "--expect-text", r"$5\r\nhello\r\n"]
            for arguments in (ping, [*ping, "--pipeline", "16"], [*ping, "--rate", "2000", "--pipeline", "2"], get,
                              [*get, "--pipeline", "16", "--connections", "50"]):
                with self.subTest(arguments=arguments):
                    self.loaded(server, *arguments, asked_by_counting=1)

    def test_a_reply_that_is_not_the_text_is_found(self):
        with Redis.running() as server:
            seen = bench(server.port, "--send", r"PING\r\n", "--expect-text", r"+PANG\r\n", "--requests", "8")
            self.assertEqual((seen["wrong"]["offset"], chr(seen["wrong"]["expected"]), chr(seen["wrong"]["got"])),
                             (2, "A", "O"))
            seen = bench(server.port, "--send", r"PING\r\n", "--expect-bytes", "5", "--requests", "8")
            self.assertTrue(seen["wrong"]["unasked"])
            seen = bench(server.port, "--send", r"PING\r\n", "--expect-bytes", "8", "--requests", "8", "--patience", "200ms")
            self.assertEqual((seen["unanswered"], seen["clean"]), (8, False))


@unittest.skipIf(is_sanitized(), "a sanitizer's build is slower than others' programs")
class BesideOthers(unittest.TestCase):
    """Rounds of the one and of the other in turn. A neighbour's load moves both: the ratio of a round is held to what the
    rounds of one and the same program differ by."""

    def compare(self, server, name, ours, theirs):
        programs = {"aperto bench": ours, name: theirs}
        rates, costs = {each: [] for each in programs}, {each: [] for each in programs}
        for _ in range(ROUNDS):
            for each, load in programs.items():
                used, (_, asked) = cpu_ns(server.pid), server.counted()
                rates[each].append(load())
                costs[each].append((cpu_ns(server.pid) - used) / (server.counted()[1] - asked) / 1e3)
        for each in programs:
            print(f"  {each:16} {told(rates[each], ',.0f')} a second, {told(costs[each], '.2f')} µs of the server's CPU a request")
        for what, taken in (("a second", rates), ("CPU a request", costs)):
            ratios = [mine / other for mine, other in zip(*taken.values())]
            noise = max(max(all_of) / min(all_of) for all_of in taken.values())
            print(f"  {what}: ours / theirs {told(ratios, '.2f')}; the rounds of one program differ by {noise:.2f}")
            self.assertLess(statistics.median(ratios), 2 * noise)
            self.assertGreater(statistics.median(ratios), 0.5 / noise)

    def test_wrk(self):
        require("wrk")
        with Nginx.running() as server:
            size = server.reply_size()

            def wrk():
                done = subprocess.run(["wrk", "-t1", f"-c{CONNECTIONS}", "-d1s", f"http://127.0.0.1:{server.port}/hello"],
                                      capture_output=True, text=True, timeout=LIMIT_S, check=True)
                return float(re.search(r"Requests/sec:\s*([\d.]+)", done.stdout)[1])

            def ours():
                return bench(server.port, "--send", "GET /hello HTTP/1.1\\r\\nHost: localhost\\r\\n\\r\\n", "--expect-bytes",
                             str(size), "--duration", "1s", "--warm-up", "0")["requests_per_second"]

            self.compare(server, "wrk", ours, wrk)

    def test_redis_benchmark(self):
        require("redis-benchmark")
        with Redis.running() as server:
            def theirs():
                done = subprocess.run(["redis-benchmark", "-p", str(server.port), "-c", str(CONNECTIONS), "-n", "20000",
                                       "--csv", "GET", "key"], capture_output=True, text=True, timeout=LIMIT_S, check=True)
                return float(done.stdout.splitlines()[-1].split(",")[1].strip('"'))

            def ours():
                return bench(server.port, "--send", GET.decode().replace("\r\n", r"\r\n"), "--expect-text", r"$-1\r\n",
                             "--requests", "20000")["requests_per_second"]

            self.compare(server, "redis-benchmark", ours, theirs)


if __name__ == "__main__":
    unittest.main()
