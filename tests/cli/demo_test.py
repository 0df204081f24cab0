# SPDX-License-Identifier: MIT
"""The first minute: `aperto demo`, which is what ./run does."""

import re
import socket
import unittest

from surroundings import Terminal, ask, run


class Demo(unittest.TestCase):
    def check_story(self, text):
        places = [text.index(part) for part in (
            "listening on every address, port", "connected to localhost:", "SYN      →", "SYN/ACK  ←", "ACK      →",
            "says  texto original", "TEXTO ORIGINAL", "closed by the client · 14 B in · 14 B out · nothing sent twice")]
        self.assertEqual(places, sorted(places), text)

    def test_both_sides_are_told_in_order(self):
        done = run("demo")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.check_story(done.stdout)

    def test_a_port_that_is_taken_is_told_and_another_is_taken(self):
        try:
            other = socket.create_server(("", 9999))
        except OSError:
            self.skipTest("something else is on port 9999 already")
        with other:
            done = run("demo")
        self.assertEqual(done.returncode, 0)
        self.assertIn("port 9999 is in use by ", done.stdout)
        self.check_story(done.stdout)

    def test_at_a_terminal_it_goes_on_serving(self):
        with Terminal("demo") as screen:
            screen.wait_for("Still serving")
            port = int(re.search(r"connected to localhost:(\d+)", screen.seen)[1])
            self.assertEqual(ask(port, "olá")[:2], (0, "OLÁ".encode()))
            screen.wait_for("says  olá")
            screen.type("\x03")
            self.assertEqual(screen.wait_end(), 0)
            self.assertIn("stopped · served ", screen.seen)


if __name__ == "__main__":
    unittest.main()
