# SPDX-License-Identifier: MIT
"""SIGHUP: the configuration is read again while clients are served, in the sandbox."""

import contextlib
import os
import signal
import socket
import subprocess
import tempfile
import time
import unittest
import urllib.request
from pathlib import Path

from surroundings import LIMIT_S, PROGRAM, Server, run


class Reload(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.config = self.folder / "aperto.toml"

    def write(self, text):
        """As editors and configuration management do: a new file in the old one's place."""
        new = self.folder / "new.toml"
        new.write_text(text)
        new.replace(self.config)

    def serve(self, *options, engine="epoll"):
        return Server("echo", engine, "line", "--config", str(self.config), *options)

    def reload(self, server, text, times=1, event="reloaded"):
        self.write(text)
        os.kill(server.pid, signal.SIGHUP)
        return server.wait_for(event, times)

    def is_served(self, server, source):
        with socket.create_connection(("127.0.0.1", server.port), LIMIT_S, source_address=(source, 0)) as client:
            try:
                client.sendall(b"x\n")
                return client.recv(10) == b"x\n"
            except ConnectionError:
                return False

    def wait_until_served(self, server, source, expected):
        until = time.monotonic() + LIMIT_S
        in_a_row = 0
        while in_a_row < 16:
            in_a_row = in_a_row + 1 if self.is_served(server, source) is expected else 0
            self.assertLess(time.monotonic(), until)

    def test_lists_limits_and_deadlines_change_and_nobody_is_dropped(self):
        for engine in ("uring", "epoll"):
            self.write('deny = "127.0.0.9"\nidle-timeout = "30s"\n')
            with self.subTest(engine), self.serve(engine=engine) as server:
                clients = [server.connect() for _ in range(20)]
                for client in clients:
                    client.sendall(b"before\n")
                    self.assertEqual(client.recv(100), b"before\n")
                self.wait_until_served(server, "127.0.0.9", False)
                said = self.reload(server, 'deny = "127.0.0.8"\nidle-timeout = "2m"\nmax-connections = 5000\n')
                self.assertEqual(said["changed"], ["deny", "idle-timeout 30s → 2m",
                                                   "max-connections as many as descriptors allow → 5000"])
                self.assertEqual(said["left"], [])
                self.wait_until_served(server, "127.0.0.9", True)
                self.wait_until_served(server, "127.0.0.8", False)
                for client in clients:
                    client.sendall(b"after\n")
                    self.assertEqual(client.recv(100), b"after\n")
                    client.close()

    def test_what_takes_a_restart_is_named_and_left_each_time(self):
        self.write("backlog = 100\n")
        with self.serve() as server:
            for times in (1, 2):
                said = self.reload(server, 'backlog = 200\nservice = "discard"\ntls = false\n', times)
                # The command line says which service it is, and wins.
                self.assertEqual((said["changed"], said["left"]), ([], ["backlog 100 → 200"]))
            self.assertEqual(self.reload(server, "backlog = 100\n", 3)["left"], [])
            self.assertTrue(self.is_served(server, "127.0.0.1"))

    def test_a_broken_file_changes_nothing_and_is_counted(self):
        self.write('deny = "127.0.0.9"\n')
        with self.serve("--admin", "127.0.0.1:0") as server:
            metrics = f"http://127.0.0.1:{server.wait_for('admin')['port']}/metrics"
            broken = ('deny = "127.0.0.8"\nidle-timeuot = "2m"\n', "deny = [", 'deny = "127.0.0.8"\nhigh-water = 0\n')
            for times, text in enumerate(broken, 1):
                said = self.reload(server, text, times, "reload_refused")
                self.assertIn("aperto.toml:", said["error"])
            self.config.unlink()
            os.kill(server.pid, signal.SIGHUP)
            self.assertIn("could not read", server.wait_for("reload_refused", 4)["error"])
            self.assertFalse(self.is_served(server, "127.0.0.9"))
            self.assertTrue(self.is_served(server, "127.0.0.8"))
            self.reload(server, "")
            with urllib.request.urlopen(metrics, timeout=LIMIT_S) as answer:
                counted = answer.read().decode()
            self.assertIn('aperto_reloads_total{result="refused"} 4\n', counted)
            self.assertIn('aperto_reloads_total{result="taken"} 1\n', counted)

    def test_it_is_said_in_one_line(self):
        self.write("")
        server = subprocess.Popen([PROGRAM, "serve", "--port", "0", "--config", str(self.config)], stdout=subprocess.PIPE,
                                  text=True, env={**os.environ, "LC_ALL": "C"})
        self.addCleanup(server.wait)
        self.addCleanup(server.kill)
        with server.stdout:
            self.assertIn("listening", server.stdout.readline())
            for text, said in (('idle-timeout = "2m"\nbacklog = 7\n',
                                "the configuration was read again · changed: idle-timeout 1m → 2m · "
                                "left until a restart: backlog 4096 → 7\n"),
                               ('idle-timeout = "2m"\n', "the configuration was read again · nothing has changed\n")):
                self.write(text)
                server.send_signal(signal.SIGHUP)
                self.assertEqual(server.stdout.readline().split("  ", 1)[1], said)
            self.write("1")
            server.send_signal(signal.SIGHUP)
            self.assertIn("the configuration was not taken, what holds stays: ", server.stdout.readline())

    def test_certificates_are_read_again_beside_a_broken_file(self):
        self.assertEqual(run("cert", "--dir", str(self.folder)).returncode, 0)
        self.write("")
        with self.serve("--tls", "--cert", str(self.folder / "cert.pem"), "--key", str(self.folder / "key.pem")) as server:
            server.wait_for("certificate")
            self.reload(server, "nonsense", 1, "reload_refused")
            server.wait_for("certificate", 2)

    @contextlib.contextmanager
    def managed(self, text):
        """A server by this configuration that has told its manager that it is ready; the manager's socket, the process."""
        self.write(text)
        path = str(self.folder / "notify")
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
            manager.bind(path)
            manager.settimeout(LIMIT_S)
            process = subprocess.Popen([PROGRAM, "serve", "--port", "0", "--config", str(self.config)],
                                       stdout=subprocess.DEVNULL, env={**os.environ, "NOTIFY_SOCKET": path})
            try:
                self.assertEqual(manager.recv(100), b"READY=1")
                yield manager, process
            finally:
                process.kill()
                process.wait()

    def test_the_manager_is_told_when_it_begins_and_when_it_is_over(self):
        with self.managed("") as (manager, process):
            before = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
            process.send_signal(signal.SIGHUP)
            begins, since = manager.recv(100).decode().splitlines()
            after = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
            self.assertEqual(begins, "RELOADING=1")
            name, _, when = since.partition("=")
            self.assertEqual(name, "MONOTONIC_USEC")
            self.assertTrue(before <= int(when) <= after, (before, when, after))
            self.assertEqual(manager.recv(100), b"READY=1")

    def test_who_ends_reads_nothing_again(self):
        """systemd would take a READY=1 behind STOPPING=1 for a service that goes on."""
        with self.managed('drain-delay = "1s"\n') as (manager, process):
            process.send_signal(signal.SIGTERM)
            self.assertEqual(manager.recv(100), b"STOPPING=1")
            process.send_signal(signal.SIGHUP)
            self.assertEqual(process.wait(LIMIT_S), 0)
            manager.setblocking(False)
            self.assertRaises(BlockingIOError, manager.recv, 100)


if __name__ == "__main__":
    unittest.main()
