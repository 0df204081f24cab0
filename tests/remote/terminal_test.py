# SPDX-License-Identifier: MIT
"""aperto-remote on a terminal, which tmux has: type, resize, edit, break the network, leave; and the modes of the terminal afterwards."""

import os
import pathlib
import shlex
import shutil
import subprocess
import tempfile
import time
import unittest

from remote_support import Cutter, Server, make_certificates


def setUpModule():
    if not shutil.which("tmux") or not shutil.which("vi"):
        print("NOT RUN HERE: needs tmux and vi", flush=True)
        raise unittest.SkipTest("needs tmux and vi")


class Screen:
    """A window of tmux with a shell in it."""

    def __init__(self, test, folder):
        self.socket = str(folder / "tmux")
        self.tmux("-f", "/dev/null", "new-session", "-d", "-x", "90", "-y", "25", "env PS1='local> ' sh")
        test.addCleanup(self.tmux, "kill-server")

    def tmux(self, *words):
        return subprocess.run(["tmux", "-S", self.socket, *words], check=True, capture_output=True, text=True, timeout=20).stdout

    def type(self, text, *keys):
        if text:
            self.tmux("send-keys", "-l", text)
        if keys:
            self.tmux("send-keys", *keys)

    def shows(self):
        return self.tmux("capture-pane", "-p")

    def wait(self, what):
        until = time.monotonic() + 30
        while what not in self.shows():
            if time.monotonic() > until:
                raise AssertionError(f"no {what!r} on the screen:\n{self.shows()}")
            time.sleep(0.05)


class Terminal(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.folder)
        make_certificates(self.folder)
        self.server = Server(self, folder=self.folder)
        self.screen = Screen(self, self.folder)

    def enter(self, port=None):
        words = " ".join(shlex.quote(str(word)) for word in self.server.words("env PS1='far> ' sh", port=port, options=("-t",)))
        (self.folder / "enter").write_text(f"stty -g > {self.folder}/before; {words}; echo ended with $?; stty -g > {self.folder}/after\n")
        self.screen.type(f"clear; . {self.folder}/enter", "Enter")
        self.screen.wait("far>")

    def modes_are_as_before(self):
        until = time.monotonic() + 20
        while not (self.folder / "after").exists() and time.monotonic() < until:
            time.sleep(0.05)
        time.sleep(0.2)
        self.assertEqual((self.folder / "before").read_text(), (self.folder / "after").read_text())

    def test_type_resize_edit_and_leave(self):
        self.enter()
        self.screen.type("stty size; tty", "Enter")
        self.screen.wait("25 90")
        self.screen.wait("/dev/pts/")
        self.screen.tmux("resize-window", "-x", "101", "-y", "33")
        self.screen.type("stty size", "Enter")
        self.screen.wait("33 101")
        self.screen.type("sleep 100", "Enter")
        self.screen.type("", "C-c")
        self.screen.type(f"vi {self.folder}/letter", "Enter")
        self.screen.wait("~")
        self.screen.type("iolá, mundo", "Escape")
        self.screen.wait("olá, mundo")
        self.screen.type(":wq", "Enter")
        self.screen.wait("far>")
        self.screen.type("exit 9", "Enter")
        self.screen.wait("ended with 9")
        self.assertEqual((self.folder / "letter").read_text(), "olá, mundo\n")
        self.modes_are_as_before()

    def test_it_goes_on_after_a_break(self):
        cutter = Cutter(self, self.server.port, [])
        self.enter(cutter.port)
        self.screen.type("word=kept", "Enter")
        self.screen.wait("word=kept")
        cutter.cut_now()
        self.screen.type("echo $word-on", "Enter")
        self.screen.wait("kept-on")
        self.screen.type("exit", "Enter")
        self.screen.wait("ended with 0")
        self.modes_are_as_before()

    def test_a_tilde_and_a_dot_end_it_and_so_does_a_kill(self):
        self.enter()
        self.screen.type("", "Enter")
        self.screen.type("~.")
        self.screen.wait("ended with 255")
        self.modes_are_as_before()
        os.remove(self.folder / "after")
        self.enter()
        own = subprocess.run(["pgrep", "-f", f"^{self.server.words()[0]} --cert {self.folder}/"], capture_output=True, text=True, check=True)
        for process in own.stdout.split()[:1]:
            os.kill(int(process), 9)
        self.screen.wait("ended with 137")
        time.sleep(0.3)
        self.screen.type(f"stty -g > {self.folder}/after", "Enter")
        self.modes_are_as_before()


if __name__ == "__main__":
    unittest.main()
