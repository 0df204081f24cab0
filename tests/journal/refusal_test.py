# SPDX-License-Identifier: MIT
"""A disk that is full, a file that may not grow, a file that somebody locks or takes away: refused, never acknowledged."""

import os
import resource
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "interop"))
sys.path.insert(0, str(Path(__file__).parents[1] / "hostile"))

from attack import Server  # noqa: E402
from programs import missing, require  # noqa: E402

KIB = 1024
LINE = b"x" * 1000 + b"\n"


def messages_in(path):
    book = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    try:
        return [bytes(row[0]) for row in book.execute("SELECT message FROM messages ORDER BY seq")]
    finally:
        book.close()


def say(server, line):
    """The reply; empty where the conversation ended, in order, without one."""
    with server.connect() as client:
        client.sendall(line)
        with client.makefile("rb") as replies:
            return replies.readline()


def say_until_refused(server, most=20_000):
    """How many lines one client got back before its conversation was ended, in order, without a reply."""
    with server.connect() as client, client.makefile("rb") as replies:
        for count in range(most):
            client.sendall(LINE)
            reply = replies.readline()
            if not reply:
                return count
            assert reply == LINE
    raise AssertionError(f"nothing was refused in {most} messages")


class Refusal(unittest.TestCase):
    def setUp(self):
        self._folder = tempfile.TemporaryDirectory()
        self.addCleanup(self._folder.cleanup)
        self.folder = Path(self._folder.name)
        self.book = self.folder / "book.db"

    def serve(self, *more, **how):
        return Server("epoll", "--framing", "line", "--journal", str(self.book), "--durability", "process", *more,
                      service="echo", **how)

    def copied(self, folder):
        """What is in the journal of a file system that only the server has; SQLite would not find its way there."""
        with tempfile.TemporaryDirectory() as copy:
            for name in ("book.db", "book.db-wal"):
                shutil.copy(folder / name, copy)
            return messages_in(Path(copy) / "book.db")

    def check_told(self, server, error):
        server.wait_for("journal")
        refused = [event for event in server.events() if event["event"] == "journal"]
        self.assertEqual({event["what"] for event in refused}, {"refused"})
        self.assertIn(error, refused[0]["error"])
        closed = server.wait_for("closed", where=lambda event: event["reason"] == "failure")
        self.assertIn("could not record the message", closed["thrown"])

    def test_a_file_that_may_not_grow_refuses_and_what_was_acknowledged_stands(self):
        small = lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (600 * KIB, 600 * KIB))
        with self.serve(prepare=small) as server:
            # What the WAL has no room for may still have some in the file itself; then neither has any.
            rounds = [say_until_refused(server)]
            while rounds[-1] > 0:
                rounds.append(say_until_refused(server))
            self.assertEqual(say(server, LINE), b"")
            self.check_told(server, "disk I/O error")
            self.assertIsNone(server.process.poll())
        self.assertGreater(sum(rounds), 100)
        self.assertGreaterEqual(len(messages_in(self.book)), sum(rounds))

    def test_a_full_disk_refuses_until_there_is_room_again(self):
        require("unshare")
        try_it = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", f"mount -t tmpfs none {self.folder}"]
        if subprocess.run(try_it, capture_output=True, check=False).returncode != 0:
            missing("no file system of our own can be mounted here")
        wrapper = self.folder.parent / (self.folder.name + ".sh")
        self.addCleanup(wrapper.unlink)
        wrapper.write_text("#!/bin/sh\nexec unshare --user --map-root-user --mount sh -c '"
                           f"mount -t tmpfs -o size=3m none {self.folder} && head -c 2000000 /dev/zero > {self.folder}/filler"
                           f" && exec {os.path.abspath(os.environ.get('APERTO_BIN', 'build/release/aperto'))} \"$@\"' sh \"$@\"\n")
        wrapper.chmod(0o700)
        with self.serve(program=str(wrapper)) as server:
            seen_by_it = Path(f"/proc/{server.process.pid}/root{self.folder}")
            acknowledged = say_until_refused(server)
            self.check_told(server, "full")
            self.assertGreaterEqual(len(self.copied(seen_by_it)), acknowledged)
            (seen_by_it / "filler").unlink()
            self.assertEqual(say(server, b"room again\n"), b"room again\n")
            self.assertEqual(self.copied(seen_by_it)[-1], b"room again")
        self.assertGreater(acknowledged, 100)

    def test_a_locked_file_refuses_until_it_is_let_go(self):
        with self.serve() as server:
            self.assertEqual(say(server, b"before\n"), b"before\n")
            other = sqlite3.connect(self.book, isolation_level=None)
            other.execute("BEGIN IMMEDIATE")
            self.assertEqual(say(server, b"meanwhile\n"), b"")
            self.check_told(server, "locked")
            other.execute("ROLLBACK")
            other.close()
            self.assertEqual(say(server, b"after\n"), b"after\n")
        self.assertEqual(messages_in(self.book), [b"before", b"after"])

    def test_a_file_that_is_taken_away_is_begun_anew_with_the_next_number(self):
        with self.serve() as server:
            self.assertEqual(say(server, b"one\n"), b"one\n")
            for path in self.folder.glob("book.db*"):
                shutil.move(path, self.folder / path.name.replace("book", "taken"))
            self.assertEqual(say(server, b"two\n"), b"two\n")
        self.assertEqual(messages_in(self.book), [b"two"])
        book = sqlite3.connect(self.book)
        self.assertEqual(book.execute("SELECT seq FROM messages").fetchall(), [(2,)])
        book.close()

    def test_a_file_of_somebody_else_is_not_written(self):
        foreign = sqlite3.connect(self.book)
        foreign.execute("CREATE TABLE theirs (x)")
        foreign.commit()
        foreign.close()
        before = self.book.read_bytes()
        done = subprocess.run([os.environ.get("APERTO_BIN", "build/release/aperto"), "serve", "--port", "0", "--journal",
                               self.book], capture_output=True, text=True, timeout=20, check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn("The file belongs to another program.", done.stderr)
        self.assertEqual(self.book.read_bytes(), before)


if __name__ == "__main__":
    unittest.main()
