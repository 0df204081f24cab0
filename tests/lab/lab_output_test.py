# SPDX-License-Identifier: MIT
"""Programs that never stop printing: the time and signals end the run all the same, and what was cut is said."""
import pathlib
import signal
import subprocess
import tempfile
import time
import unittest

from lab_support import PROGRAM, events, lab, works_here


@unittest.skipUnless(works_here(), "the lab cannot work here (aperto lab doctor)")
class EndlessOutput(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def test_the_timeout_comes_all_the_same_and_what_was_cut_is_said(self):
        for programs in (["--server", "peer serve", "--client", "yes"], ["--server", "yes", "--client", "true"]):
            begin = time.monotonic()
            json = self.folder / "run.jsonl"
            done = lab(*programs, "--timeout", "4s", "--json", json, timeout=60)
            self.assertEqual(done.returncode, 124, done.stderr)
            self.assertLess(time.monotonic() - begin, 25)
            self.assertRegex(done.stdout, r"│ … and [\d,]+ more lines that are not shown")
            self.assertEqual(sum(line.endswith("│ y") for line in done.stdout.splitlines()), 100_000)
            cut = [one for one in events(json) if "lines_cut" in one]
            self.assertEqual(len(cut), 1)
            self.assertEqual(cut[0]["bytes_cut"], 2 * cut[0]["lines_cut"])

    def test_a_signal_comes_all_the_same(self):
        program = subprocess.Popen([PROGRAM, "lab", "--server", "peer serve", "--client", "yes"], stdout=subprocess.PIPE,
                                   stdin=subprocess.DEVNULL)
        program.stdout.read(100_000)
        begin = time.monotonic()
        program.send_signal(signal.SIGTERM)
        program.communicate(timeout=30)
        self.assertEqual(program.returncode, 143)
        self.assertLess(time.monotonic() - begin, 20)

    def test_they_come_where_nobody_reads_the_labs_own_output(self):
        for which, code in ((None, 124), (signal.SIGTERM, 143)):
            for more in ([], ["--json", "-"]):
                page = self.folder / "run.html"
                page.write_bytes(b"")
                program = subprocess.Popen([PROGRAM, "lab", "--server", "peer serve", "--client", "yes", "--timeout",
                                            "2s" if which is None else "100s", "--html", page, *more], stdout=subprocess.PIPE,
                                           bufsize=0, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL)
                self.addCleanup(program.kill)
                read = b""
                while len(read) < 20_000:  # by then the client prints; and not a byte more is read
                    part = program.stdout.read(20_000 - len(read))
                    self.assertTrue(part, read)
                    read += part
                if which is not None:
                    program.send_signal(which)
                end = time.monotonic() + 30
                while page.stat().st_size == 0 and time.monotonic() < end:
                    time.sleep(0.05)
                self.assertGreater(page.stat().st_size, 0, "the run goes on")
                read += program.communicate(timeout=30)[0]
                self.assertEqual(program.returncode, code)
                shown = sum(line.endswith((b" y", b'"y"}')) for line in read.splitlines())
                self.assertTrue(shown == 100_000 or which is not None and 0 < shown < 100_000, shown)

    def test_a_line_without_end_is_cut_too(self):
        done = lab("--server", "peer serve", "--client", "sh -c 'tr \"\\0\" x < /dev/zero'", "--timeout", "3s")
        self.assertEqual(done.returncode, 124, done.stderr)
        self.assertLess(len(done.stdout), 40_000_000)

    def test_expectations_see_every_line(self):
        path = self.folder / "many.toml"
        path.write_text("""server = "peer serve"
client = "sh -c 'echo the first line reads=7; seq 200000; peer call --text abc; echo the last line'"
expect = ['client prints "the first line"', 'client prints "the last line"', 'client prints "199999"', 'client reported writes = 1']
""", encoding="utf-8")
        done = lab("run", path)
        self.assertEqual(done.returncode, 0, done.stdout[-3000:] + done.stderr)


if __name__ == "__main__":
    unittest.main()
