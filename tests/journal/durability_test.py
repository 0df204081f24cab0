# SPDX-License-Identifier: MIT
"""What --durability is, as strace sees it: when the disk is asked, and for how many clients at once."""

import re
import socket
import subprocess
import sys
import tempfile
import threading
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "interop"))
sys.path.insert(0, str(Path(__file__).parents[1] / "hostile"))

from attack import APERTO, Server  # noqa: E402
from programs import missing, require  # noqa: E402

CLIENTS = 64
QUESTIONS = 20


def ask_one(port, number):
    with socket.create_connection(("127.0.0.1", port), timeout=30) as client, client.makefile("rb") as replies:
        for question in range(QUESTIONS):
            line = b"client %d asks %d\n" % (number, question)
            client.sendall(line)
            assert replies.readline() == line


def ask_by_many(port):
    clients = [threading.Thread(target=ask_one, args=(port, number)) for number in range(CLIENTS)]
    for each in clients:
        each.start()
    for each in clients:
        each.join()


class Durability(unittest.TestCase):
    def setUp(self):
        require("strace")
        if subprocess.run(["strace", "-o", "/dev/null", "true"], capture_output=True, check=False).returncode != 0:
            missing("strace may not trace here")
        self._folder = tempfile.TemporaryDirectory()
        self.addCleanup(self._folder.cleanup)
        self.folder = Path(self._folder.name)

    def trace(self, durability, ask):
        """The lines of strace from the first question to the last reply."""
        trace = self.folder / "trace"
        wrapper = self.folder / "traced"
        wrapper.write_text(f"#!/bin/sh\nexec strace -D -f -y -e trace=fsync,fdatasync,recvfrom,sendto,sendmsg -o {trace}"
                           f" {APERTO} \"$@\"\n")
        wrapper.chmod(0o700)
        with Server("epoll", "--framing", "line", "--workers", "1", "--journal", str(self.folder / "book.db"),
                    "--durability", durability, "--messages", "none", service="echo", program=str(wrapper)) as server:
            begin = len(trace.read_text().splitlines())
            ask(server.port)
            lines = trace.read_text().splitlines()[begin:]
        return lines

    def test_power_syncs_before_the_reply_is_sent(self):
        def ask(port):
            ask_one(port, 0)
        lines = [line for line in self.trace("power", ask) if "unfinished" not in line]
        steps = "".join("r" if re.search(r"recvfrom\(.*asks|recvfrom resumed.*asks", line) else
                        "S" if re.search(r"f(data)?sync.*(book\.db-wal|resumed).* = 0$", line) else
                        "s" if re.search(r"send(to|msg)\(.*asks", line) else "" for line in lines)
        self.assertRegex(steps, "^S*(r+S+s)+$", lines)
        self.assertEqual(steps.count("s"), QUESTIONS)

    def test_one_sync_serves_many_clients(self):
        lines = self.trace("power", ask_by_many)
        syncs = sum(bool(re.search(r"f(data)?sync\(", line)) for line in lines)
        print(f"    {CLIENTS * QUESTIONS} messages of {CLIENTS} clients: {syncs} syncs", flush=True)
        self.assertGreater(syncs, 0)
        self.assertLess(syncs, CLIENTS * QUESTIONS / 4)

    def test_process_leaves_the_syncing_to_the_system(self):
        """But where the WAL begins (it and its folder) and where it is moved into the file (both of them)."""
        lines = self.trace("process", ask_by_many)
        syncs = [line for line in lines if re.search(r"f(data)?sync\(", line)]
        self.assertLessEqual(len(syncs), 4, syncs)


if __name__ == "__main__":
    unittest.main()
