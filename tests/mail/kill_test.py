# SPDX-License-Identifier: MIT
"""A 250 means that the letter is kept: a server killed at random under load, and clients that remember what they were told.

APERTO_KILLS says how often; the whole run is 50."""

import os
import random
import selectors
import signal
import socket
import subprocess
import threading
import time
import unittest

from mail_support import BUILD, LIMIT_S, MAIL, free_port, temporary_folder, without_trace

KILLS = int(os.environ.get("APERTO_KILLS", "6"))
CONTROL = BUILD / "tests" / "mail_acknowledge_first"
CLIENTS = 64
LIFE_S = 0.3  # the longest life of a server under load, from the first letter that it has kept


def letter(name):
    return b"Subject: %s\n\n" % name + b"a line of %s\n" % name * 200 + b"end of %s\n" % name


class Client:
    """One of many that send a letter, wait until it is kept, and send the next."""

    def __init__(self, port, name):
        self.name = name
        self.count = 0
        self.received = b""
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=LIMIT_S)
        self.socket.sendall(b"EHLO a.example\r\n")
        self.say()

    def last(self):
        return b"%s.%d" % (self.name, self.count)

    def say(self):
        self.count += 1
        self.socket.sendall(b"MAIL FROM:<a@a.example>\r\nRCPT TO:<b@b.example>\r\nDATA\r\n%s.\r\n"
                            % letter(self.last()).replace(b"\n", b"\r\n"))

    def hear(self):
        """Whether the last letter is kept."""
        more = self.socket.recv(4096)
        if not more:
            raise ConnectionError
        *lines, self.received = (self.received + more).split(b"\r\n")
        return any(line.startswith(b"250 2.0.0 kept as ") for line in lines)


def first_connected(port, name):
    until = time.monotonic() + LIMIT_S
    while True:
        try:
            return Client(port, name)
        except ConnectionRefusedError:
            assert time.monotonic() < until, "the server does not start"


def talk(port, name, death):
    """Until the server is gone. Gives the names of the letters that it said were kept."""
    kept, clients = [], []
    with selectors.DefaultSelector() as waiting:
        try:
            for number in range(CLIENTS):
                client = (Client if clients else first_connected)(port, b"%s.%d" % (name, number))
                clients.append(client)
                waiting.register(client.socket, selectors.EVENT_READ, client)
            while True:
                for key, _ in waiting.select(LIMIT_S):
                    if key.data.hear():
                        if not kept:
                            death.start()
                        kept.append(key.data.last())
                        key.data.say()
        except OSError:
            pass
        for client in clients:
            client.socket.close()
    return kept


def live_once(command, port, name, dice):
    server = subprocess.Popen(command, stdin=subprocess.DEVNULL)
    death = threading.Timer(dice.uniform(0.005, LIFE_S), server.send_signal, [signal.SIGKILL])
    kept = talk(port, name, death)
    death.join()
    assert server.wait(LIMIT_S) == -signal.SIGKILL, "the server ended before it was killed"
    return kept


def found_in(folder):
    """The letters by their names; takes them away."""
    found = {}
    for path in folder.iterdir():
        whole = without_trace(path.read_bytes())
        found[whole.split(b"\n", 1)[0].removeprefix(b"Subject: ")] = whole
        path.unlink()
    return found


class Kill(unittest.TestCase):
    def lives(self, command, port, box, kills):
        """Gives the numbers of the letters that were said to be kept, of those that are, and the names of the lost."""
        dice = random.Random(int.from_bytes(os.urandom(8), "big"))
        said, there = 0, 0
        for number in range(kills):
            kept = live_once(command, port, b"%d" % number, dice)
            found = found_in(box / "new")
            for name, whole in found.items():
                self.assertEqual(whole, letter(name), "half-written")
            said, there = said + len(kept), there + len(found)
            lost = set(kept) - found.keys()
            if lost:
                return said, there, lost
        return said, there, set()

    def kill(self, engine):
        box, port = temporary_folder(self) / "box", free_port()
        command = [MAIL, "--host", "127.0.0.1", "--port", str(port), "--workers", "2", "--engine", engine, box]
        said, there, lost = self.lives(command, port, box, KILLS)
        print(f"    {engine}: {KILLS} kills, {said} said to be kept, {there} there, {len(lost)} lost", flush=True)
        self.assertEqual(lost, set())
        self.assertGreaterEqual(said, KILLS)

    def test_what_was_said_to_be_kept_is_there(self):
        self.kill("epoll")

    def test_so_it_is_on_the_other_engine(self):
        self.kill("auto")

    def test_a_server_that_says_it_first_is_caught(self):
        box, port = temporary_folder(self) / "box", free_port()
        said, _, lost = self.lives([CONTROL, str(port), box], port, box, 100)
        print(f"    says it first: {len(lost)} of {said} letters lost", flush=True)
        self.assertNotEqual(lost, set(), "the test cannot tell a kept letter from a promise")


if __name__ == "__main__":
    unittest.main()
