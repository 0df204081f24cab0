# SPDX-License-Identifier: MIT
"""What students hand in is marked by running it again, to the byte; what was forged is refused."""
import csv
import io
import json
import os
import pathlib
import re
import shutil
import tempfile
import time
import unittest

from virtual_support import FULL, LABS, lab, needs_the_kernel

GOOD = "a; 20ms; 240ms; 18"


setUpModule = needs_the_kernel


class HandIn(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)

    def path(self, name):
        return os.path.join(self.folder.name, name)

    def hand_in(self, name, *arguments, student="Ana", command=("run", "retransmit"), **more):
        made = lab(*command, "--hand-in", self.path(name), "--name", student, *arguments, **more)
        self.assertEqual(made.returncode, 0, made.stdout + made.stderr)
        with open(self.path(name), encoding="utf-8") as file:
            return json.load(file)

    def write(self, name, content):
        with open(self.path(name), "w", encoding="utf-8") as file:
            json.dump(content, file)

    def grade(self, *names, seed=None, **more):
        asked = [] if seed is None else ["--seed", seed]
        done = lab("grade", *asked, *map(self.path, names), timeout=300, **more)
        return done.returncode, list(csv.DictReader(io.StringIO(done.stdout)))

    def test_answers_are_marked_in_any_language_and_folder(self):
        self.hand_in("a", "--answers", GOOD)
        self.hand_in("b", "--answers", "b; 20ms; ; 3", student='Zé "Cinco, Oito"', language="pt_BR", cwd="/",
                     env={"EXTRA": "x" * 5000, "TERM": "xterm-256color"})
        code, rows = self.grade("a", "b")
        self.assertEqual(code, 0, rows)
        self.assertEqual([(one["name"], one["result"], one["right"], one["questions"], one["marks"]) for one in rows],
                         [("Ana", "marked", "4", "4", "1111"), ('Zé "Cinco, Oito"', "marked", "1", "4", "0100")])
        self.assertEqual(self.grade("a", "b", language="pt_BR", cwd="/")[1], rows)

    def test_what_was_forged_is_refused(self):
        made = self.hand_in("a", "--answers", GOOD)
        self.write("trace", made | {"packets": made["packets"][::-1]})
        self.write("seed", made | {"seed": made["seed"] + 1})
        self.write("questions", made | {"questions": made["packets"]})
        self.write("other", {"format": "something"})
        code, rows = self.grade("trace", "seed", "questions", "other", "a")
        self.assertEqual(code, 1)
        self.assertEqual([one["result"] for one in rows], ["refused"] * 4 + ["marked"])
        self.assertEqual([one["right"] for one in rows], [""] * 4 + ["4"])
        self.assertIn("its run is not what this lab and seed give", rows[0]["remark"])
        self.assertIn("other questions", rows[2]["remark"])
        self.assertIn("no file of --hand-in", rows[3]["remark"])

    def test_what_would_have_the_teacher_run_something_else_is_refused(self):
        """A lab of the student's own, with a command and questions that have their own answers; and fields that are none."""
        made = self.hand_in("a", "--answers", GOOD)
        shutil.copytree(LABS, self.path("labs"))
        own = self.path("labs/retransmit.toml")
        changed = pathlib.Path(own).read_text().replace('"server duplicate-acks"', '"client syn"')
        pathlib.Path(own).write_text(changed)
        theirs = self.hand_in("theirs", "--answers", "a; 20ms; 240ms; 1", env={"APERTO_LABS": self.path("labs")})
        attacks = {"path": theirs | {"lab": own}, "relative": theirs | {"lab": "./labs/retransmit.toml"}, "theirs": theirs, "up": {"lab": "../labs/retransmit"},
                   "none": {"lab": "retransmitt"}, "long": {"lab": "x" * 5000}, "empty": {"lab": ""}, "kind": {"kind": "essay"},
                   "minus": {"seed": -1}, "half": {"seed": 8.5}, "words": {"seed": "8"}, "huge": {"seed": 2**64 - 1},
                   "answers": {"answers": "a"}, "numbers": {"answers": [1]}, "name": {"name": ["Ana"]},
                   "nothing": {"packets": "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"}}
        for name, change in attacks.items():
            self.write(name, made | change)
        for name, text in (("cut", json.dumps(made)[:-20]), ("list", "[]"), ("deep", "[" * 100_000), ("bytes", "\x00\x01"), ("void", "")):
            pathlib.Path(self.path(name)).write_text(text, encoding="utf-8")
            attacks[name] = text
        code, rows = self.grade(*attacks, "missing", "a", cwd=self.folder.name)
        self.assertEqual(code, 1)
        self.assertEqual([(one["result"], one["right"]) for one in rows], [("refused", "")] * (len(attacks) + 1) + [("marked", "4")], rows)

    def test_answers_that_are_no_answers_are_wrong(self):
        made = self.hand_in("a", "--answers", GOOD)
        cheats = [["nan"] * 4, ["inf"] * 4, ["abc", "20ms;240ms", "1ns 999s", "17 18"], ["A", "0x1312D00", "1e99s", "1e400"], ["a"] * 1000, []]
        for number, answers in enumerate(cheats):
            self.write(str(number), made | {"answers": answers, "name": str(number)})
        _, rows = self.grade(*map(str, range(len(cheats))))
        self.assertEqual([one["marks"] for one in rows], ["0000"] * 4 + ["1000", "0000"])

    def test_the_seed_that_was_asked_for_and_no_other(self):
        self.hand_in("a", "--answers", GOOD, "--seed", "8")
        self.hand_in("b", "--answers", GOOD, "--seed", "9")
        self.assertEqual([one["result"] for one in self.grade("a", "b")[1]], ["marked"] * 2)
        code, rows = self.grade("a", "b", seed=8)
        self.assertEqual((code, [one["result"] for one in rows]), (1, ["marked", "refused"]))
        self.assertEqual(rows[1]["remark"], "seed 8 was asked for")

    def test_one_file_of_two_students_is_remarked_on(self):
        made = self.hand_in("a", "--answers", "b; 20ms; 1s; 3")
        self.write("copy", made | {"name": "Rui"})
        self.write("own", made | {"name": "Eva", "answers": [*made["answers"][:3], "5"]})
        self.write("right", self.hand_in("r", "--answers", GOOD, student="Ivo") | {"name": "Ida"})
        self.write("moves\x1b[2J", made | {"name": "=1+1\x1b[2J\nX"})
        _, rows = self.grade("a", "copy", "own", "right", "r", "a", "moves\x1b[2J")
        self.assertEqual([one["remark"].replace(self.folder.name, "") for one in rows],
                         ["", "has the same wrong answers as /a", "", "", "", "handed in before, in /a", "has the same wrong answers as /a"])
        self.assertEqual({one["result"] for one in rows}, {"marked"}, "a remark takes no mark away")
        self.assertEqual(rows[-1]["name"], "'=1+1\\x1B[2J\\nX", "no terminal and no spreadsheet obeys it")

    def test_a_changed_key_is_refused(self):
        self.hand_in("a", "--answers", "b; ; ;")
        shutil.copytree(LABS, self.path("labs"))
        changed = os.path.join(self.path("labs"), "retransmit.toml")
        with open(changed, "w", encoding="utf-8") as file:
            file.write((LABS / "retransmit.toml").read_text().replace("< 150ms", "> 150ms"))
        code, rows = self.grade("a", env={"APERTO_LABS": self.path("labs")})
        self.assertEqual((code, rows[0]["result"]), (1, "refused"), rows)

    def test_a_copy_is_not_written_over_what_is_there(self):
        self.assertEqual(lab("copy", "nagle", cwd=self.folder.name).returncode, 0)
        again = lab("copy", "nagle", cwd=self.folder.name)
        self.assertEqual(again.returncode, 2)
        self.assertIn("is there already", again.stderr)
        self.assertEqual((LABS / "nagle.toml").read_text(), pathlib.Path(self.path("nagle.toml")).read_text())

    def test_an_exercise_comes_from_its_seed_and_its_key_is_right(self):
        def exercise(seed, *more, **environment):
            return lab("exercise", "retransmit", "--seed", str(seed), *more, **environment).stdout
        first = exercise(3, "--key", self.path("key"))
        self.assertEqual(first, exercise(3, cwd="/"))
        self.assertNotEqual(first, exercise(4))
        key = [line.split(": ")[-1] for line in pathlib.Path(self.path("key")).read_text().splitlines()]
        self.assertEqual(len(key), 7)
        self.assertEqual(len(re.findall(r"^\(\d\)", first, re.M)), 7)
        self.assertEqual(sorted(set(re.findall(r"\((\d)\)", first))), list("1234567"))
        self.hand_in("right", "--answers", ";".join(key), "--seed", "3", command=("exercise", "retransmit"))
        self.hand_in("wrong", "--answers", ";".join(["x"] * 7), "--seed", "3", command=("exercise", "retransmit"))
        _, rows = self.grade("right", "wrong")
        self.assertEqual([(one["kind"], one["marks"]) for one in rows], [("exercise", "1111111"), ("exercise", "0000000")])

    def test_a_class_is_graded_soon_and_always_the_same(self):
        count = 30 if FULL else 2
        names = []
        for number in range(count):
            self.hand_in(f"s{number}", "--answers", GOOD if number % 3 else "c; 1s; 1s; 1", "--seed", str(number),
                         student=f"student {number}")
            names.append(f"s{number}")
        began = time.monotonic()
        code, rows = self.grade(*names)
        took = time.monotonic() - began
        print(f"{count} hand-ins graded in {took:.1f} s", flush=True)
        self.assertEqual(code, 0, rows)
        for _ in range(34 if FULL else 0):
            self.assertEqual(self.grade(*names)[1], rows)

    def test_what_cannot_be_handed_in_is_said_before_the_run(self):
        for arguments, why in ((("run", "retransmit", "--hand-in", self.path("x"), "--name", "A", "--loss", "5%"), "changed"),
                               (("run", "retransmit", "--hand-in", self.path("x")), "--name NAME"),
                               (("run", str(LABS / "nagle.toml"), "--hand-in", self.path("x"), "--name", "A"), "by its name")):
            refused = lab(*arguments)
            self.assertEqual(refused.returncode, 2, refused.stdout)
            self.assertIn(why, refused.stderr)
            self.assertFalse(os.path.exists(self.path("x")))


if __name__ == "__main__":
    unittest.main()
