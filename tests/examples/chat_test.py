# SPDX-License-Identifier: MIT
"""examples/chat, as it is built, and people who talk."""

import socket
import unittest

from example_programs import serve_on_port


class Person:
    def __init__(self, port, name):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=20)
        self.lines = self.socket.makefile("r")
        self.say(name)

    def say(self, line):
        self.socket.sendall(f"{line}\n".encode())

    def hears(self):
        return self.lines.readline().rstrip("\n")

    def leave(self):
        self.lines.close()
        self.socket.close()


class Chat(unittest.TestCase):
    def setUp(self):
        self.port = serve_on_port(self, "chat")

    def test_what_one_says_all_read(self):
        ana = Person(self.port, "Ana")
        self.assertEqual(ana.hears(), "* Ana is here")
        rui = Person(self.port, "Rui")
        self.assertEqual([ana.hears(), rui.hears()], ["* Rui is here"] * 2)
        rui.say("olá")
        self.assertEqual([ana.hears(), rui.hears()], ["Rui: olá"] * 2)
        rui.leave()
        self.assertEqual(ana.hears(), "* Rui has left")
        ana.leave()

    def test_who_does_not_read_holds_up_nobody(self):
        deaf = Person(self.port, "Deaf")
        self.assertEqual(deaf.hears(), "* Deaf is here")  # else, by another worker, Ana may come before
        ana = Person(self.port, "Ana")
        while ana.hears() != "* Ana is here":
            pass
        line = "x" * 1000
        for _ in range(20_000):
            ana.say(line)
            self.assertEqual(ana.hears(), f"Ana: {line}")
        deaf.leave()
        ana.leave()


if __name__ == "__main__":
    unittest.main()
