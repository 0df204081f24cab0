# SPDX-License-Identifier: MIT
"""`aperto send` at a terminal: a line a message."""

import unittest

from surroundings import Server, Terminal, python_server

UP = "\x1b[A"
CONTROL_A, CONTROL_C, CONTROL_D = "\x01", "\x03", "\x04"


class Prompt(unittest.TestCase):
    def test_a_conversation_line_by_line(self):
        with Server() as server, Terminal("send", "--host", "127.0.0.1", "--port", str(server.port)) as screen:
            screen.wait_for("Ctrl-D ends")
            screen.wait_for("> ")
            screen.type("olá, ção\r")
            screen.wait_for("OLÁ, ÇÃO")
            screen.wait_for("> ", 2)
            screen.type("again\r")
            screen.wait_for("AGAIN")
            screen.wait_for("> ", 3)
            screen.type(CONTROL_D)
            self.assertEqual(screen.wait_end(), 0)
        self.assertEqual(len(server.seen("accepted")), 1, "one conversation")

    def test_a_line_is_edited_and_remembered(self):
        with Server() as server, Terminal("send", "--host", "127.0.0.1", "--port", str(server.port)) as screen:
            screen.wait_for("> ")
            screen.type(f"orld{CONTROL_A}w\r")
            screen.wait_for("WORLD")
            screen.wait_for("> ", 2)
            screen.type(f"{UP}\r")
            screen.wait_for("WORLD", 2)
            screen.type(CONTROL_D)
            self.assertEqual(screen.wait_end(), 0)

    def test_a_server_that_closes_after_each_reply(self):
        with Server("upper", "epoll", "stream", "--once") as server:
            with Terminal("send", "--host", "127.0.0.1", "--port", str(server.port)) as screen:
                for word in ("first", "second", "third"):
                    screen.type(f"{word}\r")
                    screen.wait_for(word.upper())
                screen.type(CONTROL_D)
                self.assertEqual(screen.wait_end(), 0)
                self.assertEqual(screen.seen.count("the server closed the connection"), 1)
        self.assertEqual(len(server.seen("accepted")), 3)

    def test_what_the_server_says_unasked_is_shown(self):
        def greet(client):
            client.sendall(b"welcome\n")
            client.recv(100)
        with python_server(greet) as port, Terminal("send", "--host", "127.0.0.1", "--port", str(port)) as screen:
            screen.wait_for("welcome")
            screen.type(CONTROL_D)
            self.assertEqual(screen.wait_end(), 0)

    def test_a_hostile_server_does_not_drive_the_terminal(self):
        def attack(client):
            client.recv(100)
            client.sendall(b"\x1b]0;owned\x07\n")
        with python_server(attack) as port, Terminal("send", "--host", "127.0.0.1", "--port", str(port)) as screen:
            screen.type("x\r")
            screen.wait_for("\\x1B]0;owned\\x07")
            screen.type(CONTROL_D)
            self.assertEqual(screen.wait_end(), 0)

    def test_control_c_leaves(self):
        with Server() as server, Terminal("send", "--host", "127.0.0.1", "--port", str(server.port)) as screen:
            screen.wait_for("> ")
            screen.type(f"half a line{CONTROL_C}")
            self.assertEqual(screen.wait_end(), 130)

    def test_each_framing(self):
        for framing in ("line", "length"):
            with self.subTest(framing=framing), Server("upper", "epoll", framing) as server:
                arguments = ("--host", "127.0.0.1", "--port", str(server.port), "--framing", framing)
                with Terminal("send", *arguments) as screen:
                    screen.type("olá\r")
                    screen.wait_for("OLÁ\r\n")
                    screen.type(CONTROL_D)
                    self.assertEqual(screen.wait_end(), 0)


if __name__ == "__main__":
    unittest.main()
