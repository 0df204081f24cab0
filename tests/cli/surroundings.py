# SPDX-License-Identifier: MIT
"""What these tests share with tests/interop, and a terminal for the program to stand on."""

import errno
import os
import pty
import select
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "interop"))

from programs import LIMIT_S, PROGRAM, Server, ask, free_port, python_server, receive_all  # noqa: E402,F401

ROOT = Path(os.environ.get("APERTO_SOURCE_DIR", Path(__file__).parents[2]))


def run(*arguments, **more):
    """The program with these arguments, to its end."""
    return subprocess.run([PROGRAM, *arguments], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=LIMIT_S, check=False, **more)


class Terminal:
    """The program on a terminal of its own (pty(7))."""

    def __init__(self, *arguments):
        self.seen = ""
        controller, terminal = pty.openpty()
        self._controller = controller
        self._process = subprocess.Popen([PROGRAM, *arguments], stdin=terminal, stdout=terminal, stderr=terminal,
                                         start_new_session=True, env={**os.environ, "TERM": "xterm"},
                                         preexec_fn=self._take_terminal)
        os.close(terminal)

    @staticmethod
    def _take_terminal():
        """Makes it the one whose Ctrl-C reaches the program."""
        import fcntl
        import termios
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        os.close(self._controller)

    def type(self, text):
        os.write(self._controller, text.encode())

    def wait_for(self, text, count=1):
        """Until the screen has shown `text` so many times."""
        until = time.monotonic() + LIMIT_S
        while self.seen.count(text) < count:
            left = until - time.monotonic()
            if left <= 0 or not self._read(left):
                raise AssertionError(f"{text!r} did not appear {count} times in {self.seen!r}")

    def wait_end(self):
        """Its exit code, with everything it showed read."""
        while self._read(LIMIT_S):
            pass
        return self._process.wait(LIMIT_S)

    def _read(self, limit):
        if not select.select([self._controller], [], [], limit)[0]:
            return False
        try:
            got = os.read(self._controller, 4096)
        except OSError as ended:
            if ended.errno == errno.EIO:
                return False
            raise
        self.seen += got.decode(errors="replace")
        return bool(got)
