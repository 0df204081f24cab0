# SPDX-License-Identifier: MIT
"""`aperto journal`: lists, filters, gives all the bytes to programs, finds what is missing."""

import json
import os
import sqlite3
import sys
import tempfile
import time
import unittest
from base64 import b64decode
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "cli"))

from surroundings import Server, run  # noqa: E402


def ask(server, *lines):
    with server.connect() as client, client.makefile("rb") as replies:
        for line in lines:
            client.sendall(line + b"\n")
            assert replies.readline()


class Command(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls._folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls._folder.cleanup)
        cls.book = os.path.join(cls._folder.name, "book.db")
        with Server("upper", "epoll", "line", "--journal", cls.book) as server:
            ask(server, b"first", b"ol\xc3\xa1", b"bytes \xff\x00\x1b[31m", b"last")

    def objects(self, *options):
        done = run("journal", self.book, "--json", *options)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return [json.loads(line) for line in done.stdout.splitlines()]

    def test_lists_for_people_what_a_terminal_can_show(self):
        done = run("journal", self.book)
        rows = done.stdout.splitlines()
        self.assertEqual(len(rows), 4)
        self.assertRegex(rows[0], r"^ +1  \d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}  127\.0\.0\.1:\d+ +first  →  FIRST$")
        self.assertNotIn("\x1b", done.stdout)

    def test_gives_programs_every_byte(self):
        found = self.objects()
        self.assertEqual([each["sequence"] for each in found], [1, 2, 3, 4])
        self.assertEqual(found[1]["message"], "olá")
        self.assertEqual(found[1]["reply"], "OLÁ")
        self.assertEqual(b64decode(found[2]["message_base64"]), b"bytes \xff\x00\x1b[31m")
        self.assertEqual(b64decode(found[2]["reply_base64"]), b"BYTES \xff\x00\x1b[31M")
        self.assertRegex(found[0]["time"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$")

    def test_is_what_sqlite_itself_reads(self):
        book = sqlite3.connect(f"file:{self.book}?mode=ro", uri=True)
        rows = book.execute("SELECT seq, message, reply FROM messages ORDER BY seq").fetchall()
        book.close()
        self.assertEqual(rows[0], (1, b"first", b"FIRST"))
        self.assertEqual([row[0] for row in rows], [each["sequence"] for each in self.objects()])

    def test_filters(self):
        def numbers(*options):
            return [each["sequence"] for each in self.objects(*options)]
        self.assertEqual(numbers("--last", "2"), [3, 4])
        self.assertEqual(numbers("--contains", "st"), [1, 4])
        self.assertEqual(numbers("--contains", "st", "--last", "1"), [4])
        self.assertEqual(numbers("--peer", "127.0.0.0/8"), [1, 2, 3, 4])
        self.assertEqual(numbers("--peer", "192.0.2.1"), [])
        self.assertEqual(numbers("--since", "1h"), [1, 2, 3, 4])
        self.assertEqual(numbers("--until", "1h"), [])
        self.assertEqual(numbers("--until", time.strftime("%Y-%m-%d", time.localtime(time.time() + 86400))), [1, 2, 3, 4])
        self.assertEqual(numbers("--since", time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 60))), [])

    def test_says_what_a_time_is(self):
        done = run("journal", self.book, "--since", "yesterday")
        self.assertEqual(done.returncode, 2)
        self.assertIn("--since takes a time like 2026-11-27", done.stderr)

    def test_verifies(self):
        done = run("journal", self.book, "--verify")
        self.assertEqual((done.returncode, done.stdout), (0, f"{self.book}: whole, 4 messages, from 1 to 4\n"))

    def test_finds_what_is_missing(self):
        spoiled = os.path.join(self._folder.name, "spoiled.db")
        Path(spoiled).write_bytes(Path(self.book).read_bytes())
        book = sqlite3.connect(spoiled)
        book.execute("DELETE FROM messages WHERE seq IN (2, 3)")
        book.commit()
        book.close()
        done = run("journal", spoiled, "--verify")
        self.assertEqual((done.returncode, done.stdout), (1, f"{spoiled}: message 4 does not follow on message 1\n"))

    def test_says_that_a_file_is_no_journal(self):
        other = Path(self._folder.name) / "other"
        other.write_text("text " * 1000)
        for file, words in ((other, "file is not a database"), (Path(self._folder.name) / "none.db", "unable to open")):
            done = run("journal", str(file))
            self.assertEqual(done.returncode, 1)
            self.assertIn(words, done.stderr)
            self.assertIn(str(file), done.stderr)

    def test_lists_the_files_put_aside_in_order_and_finds_one_missing(self):
        folder = Path(self._folder.name) / "many"
        folder.mkdir()
        with Server("echo", "epoll", "line", "--journal", str(folder / "book.db"), "--journal-size", "60kB") as server:
            ask(server, *[b"%d " % number + b"x" * 1000 for number in range(100)])
            told = [event["file"] for event in server.seen("journal") if event["what"] == "put_aside"]
        self.assertGreaterEqual(len(told), 2)
        files = sorted(map(str, folder.glob("book*.db")), reverse=True)
        self.assertEqual(len(files), len(told) + 1)
        done = run("journal", *files, "--verify")
        self.assertEqual(done.returncode, 0, done.stdout)
        self.assertEqual(len(done.stdout.splitlines()), len(files))
        listed = run("journal", *files, "--json").stdout.splitlines()
        self.assertEqual([json.loads(line)["sequence"] for line in listed], list(range(1, 101)))
        last = run("journal", *files, "--json", "--last", "70").stdout.splitlines()
        self.assertEqual([json.loads(line)["sequence"] for line in last], list(range(31, 101)))
        missing = run("journal", *[file for file in files if file != told[1]], "--verify")
        self.assertEqual(missing.returncode, 1)
        self.assertIn("it begins with message", missing.stdout)


if __name__ == "__main__":
    unittest.main()
