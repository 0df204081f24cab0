# SPDX-License-Identifier: MIT
"""What a terminal shows fits it: no line is wider, none is broken inside a word, at any width, in both languages."""
import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios
import threading
import unicodedata
import unittest

sys.path += [os.path.dirname(__file__), os.path.join(os.path.dirname(__file__), "../interop")]
from lab_support import FULL, LABS, PROGRAM, needs  # noqa: E402
from programs import is_sanitized  # noqa: E402

WIDTHS = (80, 100, 120, 160)
LANGUAGES = ("en", "pt_BR")
NAMES = sorted(path.stem for path in LABS.glob("*.toml"))
# What is looked at is how it is written: a lab that waits for minutes need not take them, where that can be had.
IN_NO_TIME = ["--virtual"] if os.environ.get("APERTO_VIRTUAL") == "built" and not is_sanitized() else []
# A sanitizer's build writes the same words: there a share of them is enough.
SHARE = 4 if is_sanitized() else 1
COLOUR = re.compile(r"\x1b\[[0-9;]*m")


def width(line):
    """Columns on a terminal."""
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in line)


def screen(arguments, columns, language, **more):
    """What the program writes on a terminal of so many columns."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
    settings = termios.tcgetattr(theirs)
    settings[1] &= ~termios.ONLCR
    termios.tcsetattr(theirs, termios.TCSANOW, settings)
    environment = dict(os.environ, LANGUAGE=language, LC_ALL="C.UTF-8", TERM="xterm", APERTO_LABS=str(LABS), **more)
    environment.pop("COLUMNS", None)
    process = subprocess.Popen([PROGRAM, *arguments], stdin=subprocess.DEVNULL, stdout=theirs, stderr=theirs,
                               env=environment)
    os.close(theirs)
    killer = threading.Timer(60, process.kill)
    killer.start()
    pieces = []
    try:
        while piece := os.read(ours, 65536):
            pieces.append(piece)
    except OSError:  # the other end is closed
        pass
    os.close(ours)
    process.wait()
    killer.cancel()
    return b"".join(pieces).decode()


def setUpModule():
    needs(True, "")


class Fits(unittest.TestCase):
    def check(self, text, columns):
        for line in text.split("\n"):
            plain = COLOUR.sub("", line)
            self.assertLessEqual(width(plain), columns, plain)
            if plain != '  "' and not plain.endswith(' -c "'):  # a program of several lines begins and ends so
                self.assertNotRegex(plain, r'(^|\s)"\s*$', "a quotation mark alone")
        return text

    def test_what_is_written_once_has_the_same_words_at_every_width(self):
        screens = [["--help"], ["lab", "--help"], ["lab", "run", "--help"], ["lab", "list"], ["lab", "doctor"],
                   ["serve", "--help"], ["send", "--help"], ["demo", "--help"], ["lab", "--frobnicate"],
                   ["send", "--frobnicate"], *(["lab", "show", name] for name in NAMES)]
        for arguments in screens:
            for language in LANGUAGES:
                words = None
                for columns in WIDTHS:
                    with self.subTest(arguments=arguments, language=language, columns=columns):
                        found = self.check(screen(arguments, columns, language), columns).split()
                        self.assertEqual(words or found, found)
                        words = found

    def test_no_line_of_a_lab_is_wider_than_the_terminal(self):
        cases = [(columns, language) for columns in WIDTHS for language in LANGUAGES]
        for number, name in list(enumerate(NAMES))[::SHARE]:
            for columns, language in cases if FULL else [cases[number % len(cases)]]:
                with self.subTest(lab=name, columns=columns, language=language):
                    coloured = screen(["lab", "run", *IN_NO_TIME, name], columns, language)
                    self.check(coloured, columns)
                    self.assertIn("\x1b[", coloured)
                    self.assertIn({"en": "PASSED", "pt_BR": "PASSOU"}[language], coloured)

    def test_every_kind_of_loss_and_a_long_name_fit(self):
        faults = ["--drop", "retransmission#1..20 of client data#1..40", "--drop", "client data#1", "--corrupt", "5%",
                  "--seed", "3", "--timeout", "3s", "--server", "peer serve", "--client", "peer call --bytes 20000"]
        for columns in WIDTHS[::SHARE]:
            with self.subTest(columns=columns):
                self.check(screen(["lab", *IN_NO_TIME, *faults], columns, "en"), columns)
                self.check(screen(["lab", *IN_NO_TIME, "--ascii", *faults], columns, "pt_BR"), columns)

    def test_colours_go_where_no_color_says_something(self):
        for value, coloured in (("", True), ("1", False)):
            with self.subTest(NO_COLOR=value):
                self.assertEqual("\x1b[" in screen(["lab"], 120, "en", NO_COLOR=value), coloured)

    def test_the_demo_fits(self):
        for columns in WIDTHS:
            for language in LANGUAGES:
                with self.subTest(columns=columns, language=language):
                    self.check(screen(["demo"], columns, language), columns)


if __name__ == "__main__":
    unittest.main()
