# SPDX-License-Identifier: MIT
"""What a log leaves out unless it is asked for: what people write, and health checks. A terminal shows both."""

import os
import re
import socket
import struct
import subprocess
import unittest
import urllib.request

from surroundings import LIMIT_S, Server, Terminal, free_port, run

SECRET = "my secret is 4711"


def look_in(port):
    """As a health check does; every other one with a reset."""
    for abrupt in (False, True) * 5:
        client = socket.create_connection(("127.0.0.1", port), LIMIT_S)
        if abrupt:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        client.close()


class Default(Server):
    """With no word about what is told."""

    def __init__(self, *options):
        super().__init__("echo", "epoll", "line", "--messages", "auto", "--log-level", "info", *options)


class Contents(unittest.TestCase):
    def talk(self, server):
        with server.connect() as client:
            client.sendall(f"{SECRET}\n".encode() + b"\xff\n")
            self.assertEqual(client.recv(100)[:5], SECRET[:5].encode())
        server.wait_for("closed")

    def test_a_log_has_none_of_them(self):
        with Default() as server:
            self.talk(server)
        self.assertNotIn("secret", str(server.events))
        self.assertEqual([event["event"] for event in server.events if event["event"] != "invalid_utf8"],
                         ["listening", "accepted", "closed", "stopping", "stopped", "end of log"])

    def test_a_log_of_sentences_has_none_of_them_either(self):
        port = free_port()
        with Terminal("serve", "--port", str(port)) as screen:  # the same words on a terminal, to compare with
            screen.wait_for("listening")
            with socket.create_connection(("127.0.0.1", port), LIMIT_S) as client:
                screen.wait_for("connected")  # before its first byte
                client.sendall(SECRET.encode())
                screen.wait_for(f"says  {SECRET}")
        port = free_port()
        server = subprocess.Popen(["sh", "-c", 'exec "$0" "$@" | cat', os.environ.get("APERTO_BIN", "build/release/aperto"),
                                   "serve", "--port", str(port)], stdout=subprocess.PIPE, text=True, stderr=subprocess.DEVNULL,
                                  env={**os.environ, "LC_ALL": "C"}, start_new_session=True)
        with server.stdout:
            lines = [server.stdout.readline()]
            with socket.create_connection(("127.0.0.1", port), LIMIT_S) as client:
                client.sendall(SECRET.encode())
                self.assertEqual(client.recv(100).decode(), SECRET.upper())
            while "closed by" not in lines[-1]:
                lines.append(server.stdout.readline())
            os.killpg(server.pid, 15)
            lines += server.stdout.readlines()
        server.wait(LIMIT_S)
        self.assertNotIn("secret", "".join(lines))
        self.assertIn("connected", lines[1])

    def test_they_are_there_where_they_are_asked_for(self):
        for asked in ("some", "all"):
            with Default("--messages", asked) as server:
                self.talk(server)
                self.assertEqual(server.seen("message")[0]["text"], SECRET)


class HealthChecks(unittest.TestCase):
    def test_they_are_counted_and_not_told_of(self):
        with Default("--admin", "127.0.0.1:0") as server:
            metrics = f"http://127.0.0.1:{server.wait_for('admin')['port']}/metrics"
            look_in(server.port)
            with server.connect() as client:
                client.sendall(b"half a line")
                client.shutdown(socket.SHUT_WR)
                client.recv(100)
            server.wait_for("closed")
            self.assertEqual(len(server.seen("accepted")), 1)
            with urllib.request.urlopen(metrics, timeout=LIMIT_S) as answer:
                self.assertIn("aperto_connections_accepted_total 11\n", answer.read().decode())
        self.assertEqual(len(server.seen("closed")), 1)
        self.assertEqual(server.seen("stopped")[0]["connections"], 11)

    def test_at_level_debug_they_are_told_of(self):
        with Default("--log-level", "debug") as server:
            look_in(server.port)
            server.wait_for("closed", 10)
            self.assertEqual(len(server.seen("accepted")), 10)

    def test_who_has_nothing_to_say_until_the_deadline_is_told_of(self):
        with Default("--handshake-deadline", "20ms") as server, server.connect() as client:
            self.assertEqual(client.recv(1), b"")
            self.assertEqual(server.wait_for("closed")["reason"], "deadline")
            self.assertEqual(len(server.seen("accepted")), 1)


class Listening(unittest.TestCase):
    def test_it_says_what_runs_at_which_level_and_as_which_process(self):
        version = run("--version").stdout.split()[1]
        with Server("echo", "epoll", "line", "--log-level", "notice") as server:
            told = server.wait_for("listening")
            self.assertEqual((told["version"], told["level"], told["pid"]), (version, "notice", server.pid))
        with Terminal("serve", "--port", "0", LC_ALL="C", columns=200) as screen:
            screen.wait_for(f"process {screen.pid}")
            self.assertRegex(screen.seen, rf"aperto {re.escape(version)}, log level info, process {screen.pid}\b")


if __name__ == "__main__":
    unittest.main()
