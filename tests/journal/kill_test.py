# SPDX-License-Identifier: MIT
"""Acknowledged means recorded: a server killed at random under load, and a client that keeps a ledger of what it was told.

APERTO_KILLS says how often; the whole run is 1000.
"""

import json
import os
import random
import selectors
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "interop"))

from programs import LIMIT_S, PROGRAM  # noqa: E402

KILLS = int(os.environ.get("APERTO_KILLS", "25"))
CONTROL = Path(os.environ.get("APERTO_BUILD_DIR", "build/release")) / "tests" / "acknowledge_first"
CLIENTS = 64
LIFE_S = 0.12  # the longest life of a server under load


class Ledger:
    """What was acknowledged, synced to the disk before the client goes on."""

    def __init__(self, path):
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self.total = 0

    def close(self):
        os.close(self._file)

    def add(self, acknowledged):
        os.write(self._file, b"".join(line + b"\n" for line in acknowledged))
        os.fdatasync(self._file)
        self.total += len(acknowledged)


class Client:
    """One of many that say a line, wait for it to come back, and say the next."""

    def __init__(self, port, name):
        self.name = name
        self.count = 0
        self.received = b""
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=LIMIT_S)

    def say(self):
        self.count += 1
        self.socket.sendall(b"%s-%d\n" % (self.name, self.count))

    def hear(self):
        """The lines that have come back; none at the end."""
        more = self.socket.recv(4096)
        if not more:
            raise ConnectionError
        *lines, self.received = (self.received + more).split(b"\n")
        return lines


def talk(port, name, ledger):
    """Until the server is gone. Gives what it acknowledged."""
    told, clients = [], []
    with selectors.DefaultSelector() as waiting:
        try:
            for number in range(CLIENTS):
                client = Client(port, b"%s.%d" % (name, number))
                clients.append(client)
                waiting.register(client.socket, selectors.EVENT_READ, client)
                client.say()
            while True:
                heard = [(key.data, key.data.hear()) for key, _ in waiting.select(LIMIT_S)]
                lines = [line for _, some in heard for line in some]
                told += lines
                ledger.add(lines)
                for client, some in heard:
                    if some:
                        client.say()
        except OSError:
            pass
        for client in clients:
            client.socket.close()
    return told


def recorded_after(path, sequence):
    """What stands in the journal after that message, and its last number: read by SQLite, not by us."""
    with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as book:
        rows = book.execute("SELECT seq, message FROM messages WHERE seq > ? ORDER BY seq", (sequence,)).fetchall()
    book.close()
    return {bytes(message) for _, message in rows}, rows[-1][0] if rows else sequence


class Round:
    """A server's life: from its start to its death under load."""

    def __init__(self, command, dice):
        self._server = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
        self._port = json.loads(self._server.stdout.readline())["port"]
        self._death = threading.Timer(dice.uniform(0.005, LIFE_S), self._server.send_signal, [signal.SIGKILL])

    def run(self, name, ledger):
        self._death.start()
        told = talk(self._port, name, ledger)
        self._death.join()
        assert self._server.wait(LIMIT_S) == -signal.SIGKILL, "the server ended before it was killed"
        self._server.stdout.close()
        return told


def kill_at_random(command, folder, kills, on_round):
    """Calls `on_round` with the acknowledged messages that the journal lacks, after each death."""
    dice = random.Random(int.from_bytes(os.urandom(8), "big"))
    ledger = Ledger(folder / "ledger")
    recorded = 0
    for number in range(kills):
        told = Round(command, dice).run(b"%d" % number, ledger)
        found, recorded = recorded_after(folder / "book.db", recorded)
        if on_round(set(told) - found):
            break
    ledger.close()
    return ledger.total, recorded


class Kill(unittest.TestCase):
    def setUp(self):
        self._folder = tempfile.TemporaryDirectory()
        self.addCleanup(self._folder.cleanup)
        self.folder = Path(self._folder.name)
        self.book = self.folder / "book.db"

    def serve(self, engine, durability):
        return [PROGRAM, "serve", "echo", "--host", "127.0.0.1", "--port", "0", "--framing", "line", "--workers", "2",
                "--engine", engine, "--log", "json", "--messages", "none", "--journal", str(self.book), "--durability",
                durability]

    def check_whole(self):
        verdict = subprocess.run([PROGRAM, "journal", self.book, "--verify"], capture_output=True, text=True, check=False)
        self.assertEqual(verdict.returncode, 0, verdict.stdout + verdict.stderr)
        print("   ", verdict.stdout.strip(), flush=True)

    def kill(self, engine, durability):
        lost = []
        told, recorded = kill_at_random(self.serve(engine, durability), self.folder, KILLS, lambda some: lost.extend(some))
        print(f"    {engine}, {durability}: {KILLS} kills, {told} acknowledged, {recorded} recorded, {len(lost)} lost",
              flush=True)
        self.assertEqual(lost, [])
        self.assertGreater(told, KILLS)
        self.check_whole()

    def test_what_was_acknowledged_is_recorded(self):
        self.kill("epoll", "process")

    def test_so_it_is_on_the_other_engine_and_synced(self):
        self.kill("auto", "power")

    def test_a_server_that_acknowledges_first_is_caught(self):
        lost = []

        def on_round(some):
            lost.extend(some)
            return lost
        told, _ = kill_at_random([CONTROL, self.book], self.folder, max(KILLS, 100), on_round)
        print(f"    acknowledges first: {len(lost)} of {told} acknowledged messages lost", flush=True)
        self.assertNotEqual(lost, [], "the test cannot tell a journal from a promise")


if __name__ == "__main__":
    unittest.main()
