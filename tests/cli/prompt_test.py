# SPDX-License-Identifier: MIT
"""`aperto send` at a terminal: a line a message."""

import os
import re
import signal
import time
import unittest

from surroundings import PROGRAM, Server, Terminal, python_server

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

    def test_a_long_pasted_line(self):
        """Longer than a terminal's own lines, and than the buffer of anyone who trusts in them."""
        for size in (1_000, 4_500, 20_000):
            with self.subTest(size=size), Server("upper", "epoll", "line", "--messages", "all") as server:
                with Terminal("send", "--host", "127.0.0.1", "--port", str(server.port), "--framing", "line") as screen:
                    screen.wait_for("> ")
                    screen.type("x" * size + "\r")
                    screen.wait_for("X" * size)
                    screen.type(CONTROL_D)
                    self.assertEqual(screen.wait_end(), 0)
                self.assertEqual([event["bytes"] for event in server.seen("message")], [size])

    def test_lines_that_are_pasted_together(self):
        with Server("upper", "epoll", "line") as server:
            with Terminal("send", "--host", "127.0.0.1", "--port", str(server.port), "--framing", "line") as screen:
                screen.wait_for("> ")
                screen.type(f"first\rsecond\rthird\r{CONTROL_D}")
                self.assertEqual(screen.wait_end(), 0)
                self.assertLess(screen.seen.index("FIRST"), screen.seen.index("SECOND"))
                self.assertLess(screen.seen.index("SECOND"), screen.seen.index("THIRD"))
            self.assertEqual([event["text"] for event in server.seen("message")], ["first", "second", "third"])

    def test_text_is_utf8_in_any_locale(self):
        with Server("upper", "epoll", "line") as server:
            arguments = ("send", "--host", "127.0.0.1", "--port", str(server.port), "--framing", "line")
            with Terminal(*arguments, LC_ALL="C") as screen:
                screen.wait_for("> ")
                screen.type("olá, ção\r")
                screen.wait_for("> ", 3)
                screen.type(CONTROL_D)
                self.assertEqual(screen.wait_end(), 0)
            self.assertEqual(server.seen("message")[0]["text"], "olá, ção")

    def test_a_signal_leaves_the_terminal_as_it_was_and_ends_this_process_alone(self):
        for number in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM):
            with self.subTest(signal=number), Server() as server:
                prompt = f'echo "pid $$."; exec "{PROGRAM}" send --host 127.0.0.1 --port {server.port}'
                # The outer shell has the same process group, as a script that runs it.
                with Terminal("-c", f"bash -c '{prompt}'; echo \"code $?.\"", program="bash") as screen:
                    screen.wait_for("> ")
                    self.assertFalse(screen.is_echoing())
                    os.kill(int(re.search(r"pid (\d+)\.", screen.seen)[1]), number)
                    screen.wait_for(f"code {128 + number}.")
                    self.assertTrue(screen.is_echoing())
                    self.assertEqual(screen.wait_end(), 0, "the shell lives")

    def test_control_backslash_ends_it(self):
        with Server() as server, Terminal("send", "--host", "127.0.0.1", "--port", str(server.port)) as screen:
            screen.wait_for("> ")
            screen.type("half a line\x1c")
            self.assertEqual(screen.wait_end(), 128 + signal.SIGQUIT)

    def test_control_z_and_fg_keep_the_half_typed_line(self):
        with Server("upper", "epoll", "line") as server, Terminal("--norc", "-i", program="bash", PS1="shell$ ") as screen:
            screen.wait_for("shell$ ")
            screen.type(f"{PROGRAM} send --host 127.0.0.1 --port {server.port} --framing line\r")
            screen.wait_for("Ctrl-D ends")
            screen.wait_for("> ")
            screen.type("half a ")
            screen.wait_for("half a ")
            screen.type("\x1a")
            screen.wait_for("Stopped")
            screen.wait_for("shell$ ", 2)
            screen.type("fg\r")
            screen.wait_for("> half a ", 2)
            screen.type("line\r")
            screen.wait_for("HALF A LINE")
            screen.type(CONTROL_D)
            screen.wait_for("shell$ ", 3)
            screen.type("exit 7\r")
            self.assertEqual(screen.wait_end(), 7)

    def test_without_its_terminal_it_ends(self):
        with Server() as server:
            arguments = ("send", "--host", "127.0.0.1", "--port", str(server.port))
            with Terminal(*arguments, ignoring=(signal.SIGHUP,)) as screen:
                screen.wait_for("> ")
                screen.hang_up()
                self.assertEqual(screen.wait_exit(), 0)

    def test_a_server_that_closes_without_an_answer(self):
        with Server("upper", "epoll", "stream", "--deny", "127.0.0.0/8") as server:
            with Terminal("send", "--host", "127.0.0.1", "--port", str(server.port)) as screen:
                screen.wait_for("the server closed the connection")
                screen.type(f"x\r{CONTROL_D}")
                self.assertEqual(screen.wait_end(), 4)

    def test_a_reply_without_a_line_end_is_not_wiped_out_by_the_prompt(self):
        def answer(client):
            client.recv(100)
            client.sendall(b"OK")
            client.recv(100)
        with python_server(answer) as port, Terminal("send", "--host", "127.0.0.1", "--port", str(port)) as screen:
            screen.wait_for("> ")
            screen.type("x\r")
            screen.wait_for("OK\r\n")
            screen.wait_for("> ", 2)
            screen.type(CONTROL_D)
            self.assertEqual(screen.wait_end(), 0)

    def test_a_last_line_that_is_cut_short(self):
        def answer(client):
            client.recv(100)
            client.sendall(b"one\ntw")
        with python_server(answer) as port:
            with Terminal("send", "--host", "127.0.0.1", "--port", str(port), "--framing", "line") as screen:
                screen.wait_for("> ")
                screen.type("x\r")
                screen.wait_for("tw\r\n")
                screen.wait_for("its last line has no end")
                screen.wait_for("> ", 2)
                screen.type(CONTROL_D)
                self.assertEqual(screen.wait_end(), 4)

    def test_a_line_that_comes_in_pieces_is_waited_for(self):
        def answer(client):
            client.recv(100)
            client.sendall(b"sl")
            time.sleep(0.4)  # beyond the quiet that ends a reply; that no prompt comes is no event
            client.sendall(b"ow\n")
            client.recv(100)
        with python_server(answer) as port:
            with Terminal("send", "--host", "127.0.0.1", "--port", str(port), "--framing", "line") as screen:
                screen.wait_for("> ")
                screen.type("x\r")
                screen.wait_for("slow\r\n")
                screen.wait_for("> ", 2)
                screen.type(CONTROL_D)
                self.assertEqual(screen.wait_end(), 0)

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
