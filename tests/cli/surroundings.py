# SPDX-License-Identifier: MIT
"""What these tests share with tests/interop, and a terminal for the program to stand on."""

import errno
import os
import pty
import select
import subprocess
import sys
import termios
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "interop"))

from programs import (LIMIT_S, PROGRAM, Server, ask, free_port, is_sanitized, python_server, receive_all,  # noqa: E402,F401
                      require, wait_until_listening)

ROOT = Path(os.environ.get("APERTO_SOURCE_DIR", Path(__file__).parents[2]))


def run(*arguments, **more):
    """The program with these arguments, to its end."""
    return subprocess.run([PROGRAM, *arguments], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=LIMIT_S, check=False, **more)


class Terminal:
    """The program on a terminal of its own (pty(7))."""

    def __init__(self, *arguments, program=PROGRAM, ignoring=(), columns=0, **environment):
        self.seen = ""
        self._ignoring = ignoring
        controller, terminal = pty.openpty()
        if columns:
            termios.tcsetwinsize(terminal, (24, columns))
        self._controller = controller
        self._process = subprocess.Popen([program, *arguments], stdin=terminal, stdout=terminal, stderr=terminal,
                                         start_new_session=True, env={**os.environ, "TERM": "xterm", **environment},
                                         preexec_fn=self._take_terminal)
        self.pid = self._process.pid
        os.close(terminal)

    def _take_terminal(self):
        """Makes it the one whose Ctrl-C reaches the program."""
        import fcntl
        import signal
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)
        for each in self._ignoring:
            signal.signal(each, signal.SIG_IGN)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        self.hang_up()

    def hang_up(self):
        """The terminal is gone."""
        if self._controller is not None:
            os.close(self._controller)
            self._controller = None

    def is_echoing(self):
        """Whether the terminal itself shows what is typed, as a shell expects to find it."""
        return bool(termios.tcgetattr(self._controller)[3] & termios.ECHO)

    def wait_exit(self):
        """Its exit code, where the terminal shows no more."""
        return self._process.wait(LIMIT_S)

    def type(self, text):
        """Types as fast as the program reads: a terminal's queue is 4,095 bytes, and what does not fit is lost."""
        rest = text.encode()
        while rest:
            rest = rest[os.write(self._controller, rest[:1024]):]
            while select.select([self._controller], [], [], 0)[0] and self._read(0):
                pass

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
