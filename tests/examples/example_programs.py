# SPDX-License-Identifier: MIT
"""The programs of examples/, as they are built."""

import os
import pathlib
import socket
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "interop"))

from ports import free_port  # noqa: E402, F401

EXAMPLES = pathlib.Path(os.environ["APERTO_BUILD_DIR"]) / "examples"


class Program:
    """One of them, from when `knock` succeeds until its end in order."""

    def __init__(self, test, words, knock):
        self.test = test
        self.process = subprocess.Popen([EXAMPLES / words[0], *words[1:]], stderr=subprocess.PIPE, text=True)
        test.addCleanup(self.end)
        while True:
            try:
                knock().close()
                return
            except ConnectionResetError:  # somebody listens
                return
            except (ConnectionRefusedError, FileNotFoundError):
                test.assertIsNone(self.process.poll())

    def end(self):
        self.process.terminate()
        _, told = self.process.communicate(timeout=30)
        self.test.assertEqual(self.process.returncode, 0, told)


def serve_on_port(test, name, *more):
    """Starts an example whose first word is its port; gives that."""
    port = free_port()
    Program(test, [name, str(port), *more], lambda: socket.create_connection(("127.0.0.1", port)))
    return port
