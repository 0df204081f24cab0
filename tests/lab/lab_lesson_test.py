# SPDX-License-Identifier: MIT
"""A lesson on a terminal: predict, run, explain. Driven in tmux at four widths, as a student would."""
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import unittest

sys.path[:0] = [os.path.dirname(__file__), os.path.join(os.path.dirname(__file__), "../interop")]
from lab_support import LABS, PROGRAM, lab, needs  # noqa: E402
from programs import is_sanitized  # noqa: E402

WORD = {"en": "error control with retransmission", "pt_BR": "controle de erros com retransmissão"}
ROW = re.compile(r"^ +\d+\.\d\dm?s? [├┤]|[├┤] +\d+\.\d\d +\d+")


def setUpModule():
    needs(shutil.which("tmux"), "tmux")


class Terminal:
    """A program in a terminal of so many columns; its own tmux, which ends with it."""

    def __init__(self, arguments, columns, language="en"):
        self.folder = tempfile.TemporaryDirectory()
        self.socket = os.path.join(self.folder.name, "tmux")
        environment = dict(os.environ, LANGUAGE=language, LC_ALL="C.UTF-8", APERTO_LABS=str(LABS), TERM="xterm")
        environment.pop("TMUX", None)
        environment.pop("COLUMNS", None)
        self.environment = environment
        line = "trap : INT; " + " ".join(f"'{one}'" for one in (PROGRAM, *arguments)) + "; echo ENDED:$?; sleep 100"
        self.tmux("-f", "/dev/null", "new-session", "-d", "-x", str(columns), "-y", "250", line)

    def tmux(self, *arguments):
        return subprocess.run(["tmux", "-S", self.socket, *arguments], env=self.environment, check=True, timeout=20,
                              capture_output=True, text=True).stdout

    def screen(self):
        return self.tmux("capture-pane", "-p").rstrip("\n")

    def wait(self, sign, times=1):
        for _ in range(600):
            text = self.screen()
            if text.count(sign) >= times:
                return text
            time.sleep(0.1)
        raise AssertionError(f"no {sign!r} {times} times on:\n{text}")

    def type(self, line):
        self.tmux("send-keys", "-l", line)
        self.tmux("send-keys", "Enter")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        subprocess.run(["tmux", "-S", self.socket, "kill-server"], env=self.environment, capture_output=True, timeout=20)
        self.folder.cleanup()


class Lesson(unittest.TestCase):
    def play(self, columns, language, answers, prompt, *more):
        with Terminal(["lab", "run", "retransmit", *more], columns, language) as terminal:
            for number, answer in enumerate(answers, 1):
                before = terminal.wait(prompt, number)
                self.assertNotIn("├──", before, "it runs before it was told to")
                terminal.type(answer)
            terminal.wait("Enter")
            terminal.type("")
            return terminal.wait("ENDED:0")

    def test_at_each_width(self):
        for columns in (80, 100, 120, 160):
            with self.subTest(columns=columns):
                text = self.play(columns, "en", ["a", "20 ms", "what", "1 s", "18"], "your answer:")
                if keep := os.environ.get("APERTO_KEEP_SCREENS"):
                    with open(f"{keep}/lesson-{columns}.txt", "w", encoding="utf-8") as file:
                        file.write(text)
                self.assertIn("please a time with its unit", text)
                results = text[text.index("Your answers"):]
                self.assertRegex(results, r"1  a +right: a")
                self.assertRegex(results, r"2  20\.0 ms +(right|not quite): \d+(\.\d)? ms · packets \d+, \d+")
                self.assertRegex(results, r"3  1\.00 s +not quite: ([2-9]\d\d ms|[1-9]\.)")
                self.assertRegex(results, r"4  18 +(right|not quite): \d+ · packets? \d+")
                self.assertIn("checks hold (--checks shows them)", text)
                rows = [line for line in text.splitlines() if ROW.search(line)]
                self.assertLessEqual(len(rows), 24)
                self.assertGreaterEqual(len(rows), 15)
                self.assertIn("packets like these", text)
                self.assertNotIn("… 1 packet like these", text, "it takes a line itself")
                self.assertEqual(sum(WORD["en"] in line for line in text.splitlines()[:3]), 1)
                broken = [line for line in text.splitlines() if len(line) > columns]
                self.assertEqual(broken, [])

    def test_in_portuguese(self):
        text = self.play(100, "pt_BR", ["b", "20,5 ms", "", "18"], "sua resposta:")
        self.assertIn(WORD["pt_BR"], text)
        results = text[text.index("Suas respostas"):]
        self.assertRegex(results, r"1  b +não exatamente: a")
        self.assertRegex(results, r"2  20,5 ms +(certo|não exatamente): \d+(,\d)? ms · pacotes \d+, \d+")
        self.assertRegex(results, r"3  sem resposta")

    @unittest.skipIf(is_sanitized(), "a sanitizer's memory does not fit into that machine")
    def test_in_the_virtual_linux_it_is_asked_before_that_begins(self):
        if "not built" in lab("doctor").stdout:
            self.skipTest("the virtual kernel is not built")
        text = self.play(120, "en", ["a", "20 ms", "240 ms", "18"], "your answer:", "--virtual")
        self.assertEqual(text.count("Sent again: fast retransmit against timeout"), 1)
        self.assertIn("4 of 4 right", text)
        self.assertIn("packets like these", text)
        self.assertIn("virtual Linux", text)

    def test_ctrl_c_at_a_question_ends_it(self):
        with Terminal(["lab", "run", "retransmit"], 100) as terminal:
            terminal.wait("your answer:")
            terminal.tmux("send-keys", "C-c")
            text = terminal.wait("ENDED:130")
        self.assertNotIn("├──", text)

    def test_a_program_of_several_lines_is_shown_as_such(self):
        program = "import socket\nsocket.create_connection(('server', 9999)).close()"
        run = lab("--server", "peer serve", "--client", f'python3 -c "\n{program}\n"')
        self.assertIn('client: python3 -c "\n  ' + program.replace("\n", "\n  ") + '\n  "\n', run.stdout)

    def test_a_changed_wire_is_told_of_and_repeated(self):
        run = lab("run", "retransmit", "--loss", "5%", "--queue-packets", "client:100", "--show", "none")
        self.assertEqual(run.returncode, 1)
        self.assertIn("the wire was changed for this run", run.stdout)
        again = re.search(r"replay: +aperto lab (run .* --seed 8) --loss '5%' --queue-packets 'client:100'$", run.stdout, re.M)
        self.assertIsNotNone(again, run.stdout)
        self.assertNotIn("was changed", lab("run", "retransmit", "--show", "none").stdout)

    def test_checks_are_shown_when_asked_for(self):
        text = self.play(120, "en", ["", "", "", ""], "your answer:", "--checks")
        self.assertEqual(text.count("✓"), 10)

    def test_without_a_pause_and_without_a_terminal(self):
        with Terminal(["lab", "run", "handshake", "--no-pause"], 120) as terminal:
            text = terminal.wait("ENDED:0")
        self.assertNotIn("your answer", text)
        run = lab("run", "handshake")
        self.assertEqual(run.returncode, 0, run.stdout)
        self.assertNotIn("your answer", run.stdout)
        self.assertIn("✓ client syn = 1", run.stdout)

    def test_answers_as_an_option(self):
        run = lab("run", "retransmit", "--answers", "a; ; ; 99")
        self.assertIn("1 of 4 right", run.stdout)
        self.assertRegex(run.stdout, r"4  99 +not quite: \d+")
        for wrong, why in (("z", "does not answer question 1: write one of the letters a to c"),
                           ("a;b", "does not answer question 2: write a time with its unit"),
                           ("a;1ms;1ms;1;5", "more answers than retransmit has questions")):
            refused = lab("run", "retransmit", "--answers", wrong)
            self.assertEqual(refused.returncode, 2)
            self.assertIn(why, refused.stderr)

    def test_every_lab_knows_what_its_questions_ask(self):
        for path in sorted(LABS.glob("*.toml")):
            for language in ("en", "pt_BR"):
                shown = lab("show", path.stem, "--questions", language=language)
                self.assertEqual(shown.returncode, 0)
                self.assertEqual(len(re.findall(r"^\d  ", shown.stdout, re.M)),
                                 path.read_text().count("[[question]]"), (path, language))


if __name__ == "__main__":
    unittest.main()
