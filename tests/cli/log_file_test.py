# SPDX-License-Identifier: MIT
"""Where the log goes: a file that others move away, systemd's journal, a disk without room, a reader who sleeps."""

import json
import os
import re
import signal
import socket
import subprocess
import tempfile
import threading
import time
import unittest
from pathlib import Path

from surroundings import LIMIT_S, PROGRAM, free_port, run

PLAIN = {**os.environ, "LC_ALL": "C"}


class Logged(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.log = self.folder / "aperto.log"

    def start(self, *options, command=(PROGRAM,), log="json", stdout=subprocess.PIPE, **more):
        self.port = free_port()
        self.process = subprocess.Popen([*command, "serve", "echo", "--framing", "line", "--host", "127.0.0.1", "--workers", "2",
                                         "--port", str(self.port), "--log", log, *options], stdin=subprocess.DEVNULL,
                                        stdout=stdout, stderr=subprocess.PIPE, text=True, env=PLAIN, **more)
        self.addCleanup(self.put_away, self.process)
        self.until(self.is_listening)

    @staticmethod
    def put_away(process):
        process.kill()
        with process:
            process.wait()

    def is_listening(self):
        self.assertIsNone(self.process.poll())
        try:
            self.connect().close()
        except ConnectionRefusedError:
            return False
        return True

    def until(self, holds):
        until = time.monotonic() + LIMIT_S
        while not holds():
            self.assertLess(time.monotonic(), until, "it does not come true")
            time.sleep(0.002)

    def connect(self):
        return socket.create_connection(("127.0.0.1", self.port), LIMIT_S)

    def talk(self, times=1):
        with self.connect() as client:
            for number in range(times):
                words = f"words {number}\n".encode()
                client.sendall(words)
                self.assertEqual(client.recv(100), words)

    def end(self):
        """What it said on standard output and error."""
        self.process.terminate()
        said = self.process.communicate(timeout=LIMIT_S)
        self.assertEqual(self.process.returncode, 0, said)
        return said

    def events(self, path):
        return [json.loads(line)["event"] for line in path.read_text().splitlines()] if path.exists() else []


class LogFile(Logged):
    def test_it_has_all_that_standard_output_would_have(self):
        self.start("--log-file", str(self.log))
        self.talk()
        self.assertEqual(self.end(), ("", ""))
        events = self.events(self.log)
        self.assertEqual(events[-1], "stopped")
        self.assertLessEqual({"listening", "accepted", "closed"}, set(events))
        self.assertEqual(self.log.stat().st_mode & 0o777, 0o640 & ~self.umask())

    def umask(self):
        was = os.umask(0)
        os.umask(was)
        return was

    def test_it_is_opened_again_after_it_was_moved_and_no_line_is_lost(self):
        self.start("--log-file", str(self.log), "--messages", "all")
        asked = []
        over = threading.Event()

        def keep_talking():
            while not over.is_set():
                self.talk(20)
                asked.append(20)
        talking = threading.Thread(target=keep_talking)
        talking.start()
        moved = []
        for number in range(10):
            moved.append(self.folder / f"aperto.log.{number}")
            self.log.rename(moved[-1])
            self.process.send_signal(signal.SIGUSR1)
            self.until(lambda: self.events(self.log)[:1] == ["reopened"] or "reopened" in self.events(self.log))
        over.set()
        talking.join()
        self.assertEqual(self.end(), ("", ""))
        events = [event for path in (*moved, self.log) for event in self.events(path)]
        self.assertEqual(events.count("message"), sum(asked))
        self.assertEqual(events.count("reopened"), 10)
        self.assertEqual(events.count("accepted"), events.count("closed"))

    def test_where_it_cannot_be_opened_again_the_old_one_stays(self):
        self.start("--log-file", str(self.log))
        moved = self.folder / "moved"
        self.log.rename(moved)
        self.log.mkdir()
        self.process.send_signal(signal.SIGUSR1)
        self.until(lambda: "reopen_refused" in self.events(moved))
        self.talk()
        self.end()
        self.assertEqual(self.events(moved)[-1], "stopped")
        told = next(json.loads(line) for line in moved.read_text().splitlines() if "reopen_refused" in line)
        self.assertEqual(told["error"], "Is a directory")

    def test_one_that_cannot_be_opened_at_all_is_a_reason_not_to_start(self):
        done = run("serve", "--port", "0", "--log-file", str(self.folder / "none" / "log"))
        self.assertEqual(done.returncode, 1)
        self.assertIn("No such file or directory", done.stderr)

    def test_a_file_that_was_cut_short_meanwhile_goes_on_at_its_end(self):
        """As logrotate's copytruncate does."""
        self.start("--log-file", str(self.log))
        self.talk(3)
        os.truncate(self.log, 0)
        self.talk()
        self.end()
        self.assertEqual(self.log.read_bytes()[:1], b"{")


class Journal(Logged):
    """The lines as sd-daemon(3) has them, since the pipe is the one that JOURNAL_STREAM names."""

    def read(self, named, *options, log="text"):
        reading, writing = os.pipe()
        about = os.fstat(writing)
        environment = {**PLAIN, "JOURNAL_STREAM": f"{about.st_dev}:{about.st_ino + (0 if named else 1)}"}
        port = free_port()
        process = subprocess.Popen([PROGRAM, "serve", "echo", "--host", "127.0.0.1", "--port", str(port), "--log", log,
                                    "--deny", "127.0.0.9", *options], stdin=subprocess.DEVNULL, stdout=writing, env=environment)
        os.close(writing)
        with os.fdopen(reading) as log:
            lines = [log.readline()]
            with socket.create_connection(("127.0.0.1", port), LIMIT_S) as client:
                client.sendall(b"x")
                self.assertEqual(client.recv(1), b"x")
            with socket.create_connection(("127.0.0.1", port), LIMIT_S, source_address=("127.0.0.9", 0)) as client:
                self.assertEqual(client.recv(1), b"")
            process.send_signal(signal.SIGHUP)
            while "SIGHUP" not in lines[-1]:
                lines.append(log.readline())
            process.terminate()
            lines += log.readlines()
        process.wait(LIMIT_S)
        return lines

    def test_it_is_told_how_much_each_line_matters_and_not_the_time(self):
        lines = self.read(True)
        for line in lines:
            self.assertRegex(line, r"^<[4-6]>[^0-9<]|^<6>127\.0\.0\.1:")
        levels = {word: next(line[:3] for line in lines if word in line)
                  for word in ("listening", "closed by", "limit reached", "SIGHUP", "stopped")}
        self.assertEqual(levels, {"listening": "<5>", "closed by": "<6>", "limit reached": "<4>", "SIGHUP": "<5>",
                                  "stopped": "<5>"})
        for line in self.read(True, log="json"):
            json.loads(re.sub("^<[4-6]>", "", line))

    def test_another_reader_is_not(self):
        for line in self.read(False):
            self.assertRegex(line, r"^\d\d:\d\d:\d\d\.\d\d\d  ")

    def test_the_level_leaves_out_what_matters_less(self):
        self.assertEqual({line[:3] for line in self.read(True, "--log-level", "notice")}, {"<4>", "<5>"})


class Unwritable(Logged):
    def test_a_full_disk_is_told_once_and_serving_goes_on(self):
        self.start("--log-file", "/dev/full", "--messages", "all")
        for _ in range(50):
            self.talk(5)
        _, words = self.end()
        self.assertEqual(words.count("the log cannot be written, serving goes on: No space left on device"), 1, words)
        lost = int(re.search(r"([\d,]+) log lines were lost", words)[1].replace(",", ""))
        self.assertGreaterEqual(lost, 50 * 7)

    @unittest.skipUnless(os.geteuid() == 0, "mounts a small disk")
    def test_a_disk_that_has_room_again_gets_whole_lines_and_how_many_are_missing(self):
        disk = self.folder / "disk"
        disk.mkdir()
        self.start("--log-file", str(disk / "log"), "--messages", "all", command=(
            "unshare", "--mount", "sh", "-c", f'mount -t tmpfs -o size=64k small {disk} && exec "$0" "$@"', PROGRAM))
        seen = Path(f"/proc/{self.process.pid}/root{disk}")
        (seen / "filler").write_bytes(b"x" * 40_000)
        self.talk(1000)
        self.until(lambda: (seen / "log").stat().st_size > 20_000)
        (seen / "filler").unlink()
        self.until(lambda: (self.talk(), b"log_dropped" in (seen / "log").read_bytes())[1])
        events = [json.loads(line) for line in (seen / "log").read_text().splitlines()]
        told = sum(event["lines"] for event in events if event["event"] == "log_dropped")
        self.assertGreater(told, 100)
        _, words = self.end()
        self.assertIn("serving goes on: No space left on device", words)

    def test_a_reader_who_sleeps_costs_lines_that_are_counted_and_told_and_no_time(self):
        os.mkfifo(self.log)
        reading = os.open(self.log, os.O_RDONLY | os.O_NONBLOCK)
        admin = free_port()
        self.start("--log-file", str(self.log), "--messages", "all", "--admin", f"127.0.0.1:{admin}")
        self.talk(20_000)
        figures = subprocess.run(["curl", "-s", f"http://127.0.0.1:{admin}/metrics"], capture_output=True, text=True,
                                 check=True).stdout
        lost = int(re.search(r"^aperto_log_lines_lost_total (\d+)$", figures, re.MULTILINE)[1])
        self.assertGreater(lost, 1000)
        os.set_blocking(reading, True)
        told = 0
        with os.fdopen(reading) as log:
            for line in log:
                event = json.loads(line)
                if event["event"] == "log_dropped":
                    told += event["lines"]
                    break
        self.assertTrue(lost <= told <= lost + 2, (told, lost))  # the last connection may have ended since


if __name__ == "__main__":
    unittest.main()
