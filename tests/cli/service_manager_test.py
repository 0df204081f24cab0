# SPDX-License-Identifier: MIT
"""Started by systemd: sockets handed over, and what the manager is told. Its own tools stand in for it."""

import json
import os
import signal
import socket
import subprocess
import tempfile
import unittest
from pathlib import Path

from surroundings import LIMIT_S, PROGRAM, free_port, require

SERVE = [PROGRAM, "serve", "echo", "--framing", "line", "--log", "json", "--log-level", "debug", "--workers", "2"]


def ask(client):
    with client, client.makefile("rb") as replies:
        client.sendall(b"hello\n")
        return replies.readline()


def end(process):
    process.terminate()
    code = process.wait(LIMIT_S)
    for pipe in (process.stdout, process.stderr):
        if pipe:
            pipe.close()
    return code


class SocketActivation(unittest.TestCase):
    def activate(self, *options, names=(), arguments=()):
        require("systemd-socket-activate")
        command = ["systemd-socket-activate", *options, *(f"--fdname={':'.join(names)}" for _ in names[:1]),
                   f"--setenv=PATH={os.environ['PATH']}", *SERVE, *arguments]
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def connect(self, port, process):
        while True:
            try:
                return socket.create_connection(("127.0.0.1", port), LIMIT_S)
            except ConnectionRefusedError:
                self.assertIsNone(process.poll())

    def test_the_sockets_that_are_handed_over_are_served(self):
        first, second = free_port(), free_port()
        process = self.activate(f"--listen=127.0.0.1:{first}", f"--listen=127.0.0.1:{second}")
        for port in (first, second, first):
            self.assertEqual(ask(self.connect(port, process)), b"hello\n")
        self.assertEqual(end(process), 0)

    def test_one_is_chosen_by_its_name(self):
        first, second = free_port(), free_port()
        process = self.activate(f"--listen=127.0.0.1:{first}", f"--listen=127.0.0.1:{second}", names=("one", "two"),
                                arguments=("--fd", "two"))
        self.assertEqual(ask(self.connect(second, process)), b"hello\n")
        process.terminate()
        told, _ = process.communicate(timeout=LIMIT_S)
        listening = [json.loads(line)["port"] for line in told.splitlines() if '"event":"listening"' in line]
        self.assertEqual(listening, [second])

    def test_what_is_meant_for_another_process_is_not_taken(self):
        port = free_port()
        process = subprocess.Popen([*SERVE, "--port", str(port)], stdout=subprocess.PIPE, text=True,
                                   env={**os.environ, "LISTEN_PID": "1", "LISTEN_FDS": "1"})
        self.assertIn(f'"port":{port}', process.stdout.readline())
        self.assertEqual(end(process), 0)

    def test_a_socket_by_number(self):
        with socket.create_server(("127.0.0.1", 0)) as listener:
            number = listener.fileno()
            process = subprocess.Popen([*SERVE, "--fd", str(number)], stdout=subprocess.PIPE, text=True, pass_fds=[number])
            self.assertEqual(ask(socket.create_connection(listener.getsockname(), LIMIT_S)), b"hello\n")
            self.assertEqual(end(process), 0)

    def test_a_name_that_nobody_gave_is_told_of(self):
        done = subprocess.run([*SERVE, "--fd", "web"], capture_output=True, text=True, timeout=LIMIT_S, check=False)
        self.assertEqual(done.returncode, 5)
        self.assertIn("could not listen on the socket named web", done.stderr)


class Notifications(unittest.TestCase):
    def setUp(self):
        self._folder = tempfile.TemporaryDirectory()
        self.addCleanup(self._folder.cleanup)
        self.path = str(Path(self._folder.name) / "notify")

    def run_with(self, address, **environment):
        """What the manager hears, one after the other, until SIGTERM has ended the server."""
        heard = []
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
            manager.bind(address.replace("@", "\0") if address.startswith("@") else address)
            manager.settimeout(LIMIT_S)
            process = subprocess.Popen([*SERVE, "--port", "0"], stdout=subprocess.DEVNULL,
                                       env={**os.environ, "NOTIFY_SOCKET": address, **environment})
            try:
                while not self.is_enough(heard):
                    heard.append(manager.recv(4096).decode())
                process.send_signal(signal.SIGTERM)
                while heard[-1] != "STOPPING=1":
                    heard.append(manager.recv(4096).decode())
                self.assertEqual(process.wait(LIMIT_S), 0)
            finally:
                process.kill()
                process.wait()
        return heard

    def is_enough(self, heard):
        return "READY=1" in heard and heard.count("WATCHDOG=1") >= self.watchdogs

    def test_the_manager_is_told_of_the_start_and_of_the_end(self):
        self.watchdogs = 0
        for address in (self.path, f"@aperto-{os.getpid()}"):
            self.assertEqual(self.run_with(address), ["READY=1", "STOPPING=1"])

    def test_the_watchdog_is_told_in_time(self):
        self.watchdogs = 5
        heard = self.run_with(self.path, WATCHDOG_USEC="200000")
        self.assertGreaterEqual(heard.count("WATCHDOG=1"), 5)

    def test_a_worker_that_has_nobody_left_does_not_silence_the_others(self):
        heard = []
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
            manager.bind(self.path)
            manager.settimeout(LIMIT_S)
            process = subprocess.Popen([*SERVE, "--port", "0", "--workers", "4", "--log", "json", "--drain-deadline", "30s"],
                                       stdout=subprocess.PIPE, text=True,
                                       env={**os.environ, "NOTIFY_SOCKET": self.path, "WATCHDOG_USEC": "200000"})
            try:
                port = json.loads(process.stdout.readline())["port"]
                with socket.create_connection(("127.0.0.1", port), LIMIT_S) as busy:
                    busy.sendall(b"half a line")
                    while "accepted" not in process.stdout.readline():
                        pass
                    process.send_signal(signal.SIGTERM)
                    while "STOPPING=1" not in heard:
                        heard.append(manager.recv(4096).decode())
                    for _ in range(10):  # most of them when three of the four have ended long since
                        self.assertEqual(manager.recv(4096).decode(), "WATCHDOG=1")
                    busy.sendall(b" and the rest\n")
                self.assertEqual(process.wait(LIMIT_S), 0)
            finally:
                process.kill()
                process.communicate()

    def test_the_watchdog_of_another_process_is_not_told(self):
        self.watchdogs = 0
        self.assertEqual(self.run_with(self.path, WATCHDOG_USEC="200000", WATCHDOG_PID="1"), ["READY=1", "STOPPING=1"])


if __name__ == "__main__":
    unittest.main()
