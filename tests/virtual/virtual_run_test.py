# SPDX-License-Identifier: MIT
"""What goes into the virtual Linux and what comes out of it: arguments, standard input and outputs, files, exit codes."""
import os
import pathlib
import pty
import shutil
import signal
import subprocess
import tempfile
import time
import unittest

from virtual_support import EVERYWHERE, KERNEL, LABS, PROGRAM, events, lab, needs_the_kernel

setUpModule = needs_the_kernel


class Run(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.path = pathlib.Path(self.folder.name)

    def test_a_lost_segment_is_seen_and_told_in_virtual_time(self):
        done = lab("--virtual", "--drop", "client data#1")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertIn("LOST", done.stdout.upper())
        self.assertRegex(done.stderr, r"virtual Linux 6\.1\.\d+: [\d.]+ s in [\d.]+ s; seed 1, kernel [0-9a-f]{12}, result [0-9a-f]{12}")

    def test_exit_codes_are_the_ones_outside(self):
        for client, code in (("sh -c 'exit 7'", 7), ("true", 0), ("sh -c 'kill -9 $$'", 137)):
            done = lab("--virtual", "--server", "peer serve", "--client", client, "--show", "none")
            self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        self.assertEqual(lab("--virtual", "--loss", "much").returncode, 2)
        self.assertEqual(lab("--virtual", "--client", "no-such-program").returncode, 2)

    def test_files_come_back_where_they_were_asked_for_and_nothing_else_does(self):
        done = lab("--virtual", "--json", "events.json", "--pcap", self.path / "packets.pcapng", "--html", "page.html", "--save-decisions",
                   "decisions", "--client", "sh -c 'echo left > kept; echo lost > not-kept; aperto send --host server hello'", "--keep", "kept",
                   cwd=self.path)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertEqual(sorted(one.name for one in self.path.iterdir()),
                         ["decisions", "events.json", "kept", "packets.pcapng", "page.html"])
        self.assertEqual((self.path / "kept").read_text(), "left\n")
        self.assertEqual((self.path / "packets.pcapng").read_bytes()[:4], b"\x0a\x0d\x0d\x0a")
        self.assertIn("<html", (self.path / "page.html").read_text())
        report = events(self.path / "events.json")
        self.assertEqual(report[0]["event"], "run")
        self.assertEqual(report[-1]["event"], "virtual")
        self.assertEqual(report[-1]["seed"], 1)
        self.assertIn(shutil.which("sh") and os.path.realpath(shutil.which("sh")), report[-1]["programs"])

    def test_a_scenario_asks_for_it_by_itself_and_each_has_its_files(self):
        for name in ("one", "two"):
            (self.path / f"{name}.toml").write_text('virtual = true\nserver = "peer serve"\nclient = "peer call --text a"\n'
                                                    'expect = ["client exits 0"]\n')
        done = lab("run", "one.toml", "two.toml", "--json", "{}.json", "--junit", "junit.xml", cwd=self.path)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertIn("virtual Linux", done.stderr)
        self.assertEqual({one.name for one in self.path.iterdir()},
                         {"one.toml", "two.toml", "one.json", "two.json", "junit.xml"})
        self.assertIn("<testsuite", (self.path / "junit.xml").read_text())

    def test_standard_input_is_the_clients_and_arrives_whole(self):
        text = "".join(f"line {n}\n" for n in range(20000))
        done = lab("--virtual", "--server", "sh -c 'socat -u TCP-LISTEN:80 - | sha256sum'", "--client", "socat -u - TCP:server:80", "--show", "none",
                   input=text)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        expected = subprocess.run(["sha256sum"], input=text, capture_output=True, text=True).stdout
        self.assertIn(expected.split()[0], done.stdout)

    def test_json_on_standard_output_is_nothing_but_json(self):
        import json
        done = lab("--virtual", "--json", "-")
        lines = [json.loads(line) for line in done.stdout.splitlines()]
        self.assertEqual((lines[0]["event"], lines[-1]["event"]), ("run", "virtual"))

    def test_on_a_terminal_it_is_drawn_for_one(self):
        inner, outer = pty.openpty()
        import fcntl, struct, termios
        fcntl.ioctl(outer, termios.TIOCSWINSZ, struct.pack("HHHH", 30, 90, 0, 0))
        environment = {name: value for name, value in EVERYWHERE.items() if name not in ("COLUMNS", "NO_COLOR")}
        program = subprocess.Popen([PROGRAM, "lab", "--virtual"], stdin=subprocess.DEVNULL, stdout=outer, stderr=subprocess.DEVNULL,
                                   env=dict(environment, TERM="xterm"))
        os.close(outer)
        seen = b""
        try:
            while piece := os.read(inner, 65536):
                seen += piece
        except OSError:
            pass
        self.assertEqual(program.wait(30), 0)
        self.assertIn(b"\x1b[", seen)
        os.close(inner)

    def test_time_out_is_the_runs_and_the_wall_has_its_own(self):
        done = lab("--virtual", "--client", "sleep 100000", "--timeout", "600min", "--show", "none", timeout=60)
        self.assertEqual(done.returncode, 124, done.stdout + done.stderr)
        self.assertIn("--timeout", done.stderr)
        began = time.monotonic()
        done = lab("--virtual", "--client", "sh -c 'while :; do :; done'", "--wall-limit", "2s", "--show", "none", timeout=60)
        self.assertEqual(done.returncode, 124, done.stdout + done.stderr)
        self.assertIn("--wall-limit", done.stderr)
        self.assertLess(time.monotonic() - began, 20)

    def test_what_is_not_there_is_told_with_a_code_of_its_own(self):
        done = lab("--virtual", env={"APERTO_VIRTUAL_KERNEL": "/nowhere/linux"})
        self.assertEqual(done.returncode, 77)
        self.assertIn("tools/virtual-linux", done.stderr)
        done = lab("--virtual", env={"APERTO_VIRTUAL_KERNEL": "/bin/false"})
        self.assertEqual(done.returncode, 71)
        self.assertIn("/bin/false", done.stderr)
        done = lab("--virtual", env={"TMPDIR": "/nowhere"})
        self.assertEqual(done.returncode, 71)
        self.assertIn("/nowhere", done.stderr)

    def test_no_room_and_no_memory_are_told(self):
        full = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c",
                'mount -t tmpfs -o size=16k none "$TMPDIR" && exec "$@"', "sh"]
        for limit, words in ((["prlimit", "--as=400000000"], "ulimit -v"), (["prlimit", "--fsize=1000000"], "ulimit -f"),
                             (full, "is full; TMPDIR")):
            with self.subTest(words):
                done = subprocess.run([*limit, PROGRAM, "lab", "--virtual"], capture_output=True, text=True, timeout=60,
                                      stdin=subprocess.DEVNULL, env=dict(EVERYWHERE, TMPDIR=str(self.path)))
                self.assertEqual(done.returncode, 71, done.stdout + done.stderr)
                self.assertIn(words, done.stderr)

    def test_a_result_that_finds_no_room_is_told(self):
        done = lab("--virtual", "--json", "/dev/full")
        self.assertEqual(done.returncode, 1, done.stdout + done.stderr)
        self.assertIn("/dev/full", done.stderr)

    def test_the_doctor_knows_the_kernel(self):
        told = lab("doctor").stdout
        self.assertIn("GPL-2.0", told)
        self.assertIn("SHA-256", told)
        self.assertIn(str(KERNEL.parent), told)


MARK = "APERTO_VIRTUAL_TEST"


def ours(token):
    """Processes that carry the token, or belong to a machine whose folder does."""
    found = []
    for folder in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            state = (folder / "stat").read_text().rsplit(")", 1)[1].split()[0]
            if state != "Z" and (f"{MARK}={token}".encode() in (folder / "environ").read_bytes().split(b"\0") or
                                 token.encode() in (folder / "cmdline").read_bytes()):
                found.append(int(folder.name))
        except OSError:
            continue
    return found


class Ended(unittest.TestCase):
    def begin(self, folder, client="sleep 100"):
        return subprocess.Popen([PROGRAM, "lab", "--virtual", "--server", "python3 -m http.server 80", "--client", client,
                                 "--timeout", "1440min"],
                                env=dict(EVERYWHERE, TMPDIR=folder, **{MARK: folder}), stdin=subprocess.DEVNULL,
                                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def test_sigkill_at_a_random_moment_leaves_nothing(self):
        import random
        from virtual_support import FULL
        chance = random.Random(7)
        for turn in range(30 if FULL else 6):
            with self.subTest(turn=turn), tempfile.TemporaryDirectory() as folder:
                program = self.begin(folder, "sh -c 'while :; do :; done'")
                time.sleep(chance.uniform(0, 1.5))
                program.send_signal(signal.SIGKILL)
                program.wait()
                end = time.monotonic() + 10
                while (ours(folder) or os.listdir(folder)) and time.monotonic() < end:
                    time.sleep(0.02)
                self.assertEqual(ours(folder), [])
                self.assertEqual(os.listdir(folder), [])

    def test_an_interrupt_ends_the_run_in_order(self):
        with tempfile.TemporaryDirectory() as folder:
            for moment in (0.05, 1.5):
                program = self.begin(folder, "sh -c 'while :; do :; done'")
                time.sleep(moment)
                program.send_signal(signal.SIGINT)
                asked = time.monotonic()
                # A program that has not yet begun ends by the signal itself.
                self.assertIn(program.wait(30), (130,) if moment > 1 else (130, -signal.SIGINT))
                self.assertLess(time.monotonic() - asked, 4)
                self.assertEqual(ours(folder), [])
                self.assertEqual(os.listdir(folder), [])


if __name__ == "__main__":
    unittest.main()
