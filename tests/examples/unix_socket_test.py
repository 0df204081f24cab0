# SPDX-License-Identifier: MIT
"""examples/unix_socket, and Python's socket module."""

import pathlib
import socket
import tempfile
import unittest

from example_programs import Program


class UnixSocket(unittest.TestCase):
    def test_it_answers_in_capitals_and_ends_in_order(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        path = str(pathlib.Path(folder.name) / "capitals")

        def knock():
            caller = socket.socket(socket.AF_UNIX)
            try:
                caller.settimeout(20)
                caller.connect(path)
            except OSError:
                caller.close()
                raise
            return caller

        program = Program(self, ["unix_socket", path], knock)
        callers = [knock() for _ in range(50)]
        for number, each in enumerate(callers):
            each.sendall(f"olá {number}\n".encode())
        for number, each in enumerate(callers):
            with each, each.makefile() as lines:
                self.assertEqual(lines.readline(), f"OLÁ {number}\n")
        program.process.terminate()
        self.assertEqual(program.process.wait(timeout=30), 0)


if __name__ == "__main__":
    unittest.main()
