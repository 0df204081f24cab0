# SPDX-License-Identifier: MIT
"""The file for logrotate, with the real one: no line is lost while the log is put aside under a server that serves."""

import gzip
import json
import os
import shutil
import socket
import subprocess
import tempfile
import threading
import time
import unittest
from pathlib import Path

ROOT = Path(os.environ.get("APERTO_SOURCE_DIR", Path(__file__).parents[2]))
PROGRAM = os.environ.get("APERTO_BIN", "build/release/aperto")
LOGROTATE = shutil.which("logrotate", path=os.environ["PATH"] + ":/usr/sbin")
LIMIT_S = 40


class Logrotate(unittest.TestCase):
    def setUp(self):
        if LOGROTATE is None:
            if os.environ.get("APERTO_PACKAGES") == "installed":
                raise AssertionError("tools/packages lacks logrotate")
            raise unittest.SkipTest("logrotate is not installed")
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.log = self.folder / "aperto.log"
        self.ready = self.folder / "ready"

    def start(self):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
            manager.bind(str(self.ready))
            manager.settimeout(LIMIT_S)
            self.process = subprocess.Popen(
                [PROGRAM, "serve", "echo", "--framing", "line", "--host", f"unix:{self.folder}/door", "--log", "json",
                 "--log-file", str(self.log), "--messages", "all"], stdin=subprocess.DEVNULL,
                env={**os.environ, "NOTIFY_SOCKET": str(self.ready)})
            self.addCleanup(self.process.wait)
            self.addCleanup(self.process.kill)
            self.assertEqual(manager.recv(100), b"READY=1")

    def install(self):
        """The file as it is, but for the folder; a stand-in for systemctl does what it is told there."""
        text = (ROOT / "deploy" / "logrotate" / "aperto").read_text()
        self.assertIn("/var/log/aperto/", text)
        self.rules = self.folder / "rules"
        self.rules.write_text(text.replace("/var/log/aperto/", f"{self.folder}/"))
        self.rules.chmod(0o600)
        stand_in = self.folder / "bin" / "systemctl"
        stand_in.parent.mkdir()
        stand_in.write_text('#!/bin/sh\n[ "$*" = "kill --kill-whom=main --signal=USR1 aperto.service" ] && '
                            f"exec kill -USR1 {self.process.pid}\nexit 1\n")
        stand_in.chmod(0o700)

    def rotate(self):
        done = subprocess.run([LOGROTATE, "--force", "--state", str(self.folder / "state"), str(self.rules)], text=True,
                              capture_output=True, timeout=LIMIT_S, check=False,
                              env={**os.environ, "PATH": f"{self.folder}/bin:{os.environ['PATH']}"})
        self.assertEqual((done.returncode, done.stdout + done.stderr), (0, ""))

    def wait_until_reopened(self):
        until = time.monotonic() + LIMIT_S
        while not (self.log.exists() and b'"reopened"' in self.log.read_bytes()):
            self.assertLess(time.monotonic(), until)
            time.sleep(0.002)

    def lines(self):
        for path in self.folder.glob("aperto.log*"):
            with (gzip.open if path.suffix == ".gz" else open)(path, "rt") as log:
                yield from map(json.loads, log)

    def test_each_line_is_in_one_of_the_files(self):
        self.start()
        self.install()
        over = threading.Event()
        asked = 0

        def keep_talking():
            nonlocal asked
            with socket.socket(socket.AF_UNIX) as client, client.makefile("rb") as replies:
                client.connect(f"{self.folder}/door")
                while not over.is_set():
                    client.sendall(b"%d\n" % asked)
                    assert replies.readline() == b"%d\n" % asked
                    asked += 1
        talking = threading.Thread(target=keep_talking)
        talking.start()
        for _ in range(4):
            self.rotate()
            self.wait_until_reopened()
        over.set()
        talking.join()
        self.process.terminate()
        self.assertEqual(self.process.wait(LIMIT_S), 0)
        names = sorted(path.name for path in self.folder.glob("aperto.log*"))
        self.assertEqual(names, ["aperto.log", "aperto.log.1", "aperto.log.2.gz", "aperto.log.3.gz", "aperto.log.4.gz"])
        told = sorted(int(line["text"]) for line in self.lines() if line["event"] == "message")
        self.assertEqual(told, list(range(asked)))
        self.assertGreater(asked, 4)


if __name__ == "__main__":
    unittest.main()
