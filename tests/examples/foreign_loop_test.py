# SPDX-License-Identifier: MIT
"""examples/foreign_loop: our loop as a guest of libuv's, at rest and under load, and its end."""

import os
import pathlib
import socket
import time
import unittest

from example_programs import EXAMPLES, Program, free_port


class ForeignLoop(unittest.TestCase):
    def setUp(self):
        if not (EXAMPLES / "foreign_loop").exists():
            self.assertNotEqual(os.environ.get("APERTO_PACKAGES"), "installed", "tools/packages lacks libuv")
            self.skipTest("NOT RUN HERE: libuv was not there when this was built")
        self.port = free_port()
        self.program = Program(self, ["foreign_loop", str(self.port)], self.connect)

    def connect(self):
        return socket.create_connection(("127.0.0.1", self.port), timeout=30)

    def cpu_seconds(self):
        fields = pathlib.Path(f"/proc/{self.program.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def test_both_loops_do_their_work(self):
        clients = [self.connect() for _ in range(20)]
        for number, client in enumerate(clients):
            client.sendall(b"question %d\n" % number)
        for number, client in enumerate(clients):
            self.assertEqual(client.makefile("rb").readline(), b"QUESTION %d\n" % number)
        told = self.program.process.stderr
        while "20 clients" not in told.readline():
            pass
        for client in clients:
            client.close()
        while "0 clients" not in told.readline():
            pass

    def test_many_bytes_both_ways(self):
        line = b"x" * 60_000 + b"\n"
        with self.connect() as client, client.makefile("rb") as answers:
            for _ in range(100):
                client.sendall(line)
                self.assertEqual(answers.readline(), line.upper())

    def test_at_rest_it_rests(self):
        with self.connect() as client:
            client.sendall(b"here\n")
            self.assertEqual(client.recv(10), b"HERE\n")
            before = self.cpu_seconds()
            time.sleep(2)  # the time that is measured
            self.assertLess(self.cpu_seconds() - before, 0.1)


if __name__ == "__main__":
    unittest.main()
