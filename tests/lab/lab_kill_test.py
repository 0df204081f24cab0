# SPDX-License-Identifier: MIT
"""Nothing outlives the lab, however it ends; and it needs no privilege."""
import os
import pathlib
import random
import signal
import subprocess
import time
import unittest

from lab_support import FULL, PROGRAM, as_ordinary_user, works_here

MARK = "APERTO_LAB_KILL_TEST"


def ours(token):
    """Processes that carry the token in their environment, wherever they hang in the tree; zombies are gone already."""
    found = []
    for folder in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            if f"{MARK}={token}".encode() in (folder / "environ").read_bytes().split(b"\0"):
                state = (folder / "stat").read_text().rsplit(")", 1)[1].split()[0]
                if state != "Z":
                    found.append(int(folder.name))
        except OSError:
            continue
    return found


def namespaces():
    found = set()
    for path in pathlib.Path("/proc").glob("[0-9]*/ns/net"):
        try:
            found.add(os.readlink(path))
        except OSError:
            continue
    return found


@unittest.skipUnless(works_here(), "the lab cannot work here (aperto lab doctor)")
class Killed(unittest.TestCase):
    def test_sigkill_at_a_random_moment_leaves_nothing(self):
        chance = random.Random(7)
        for turn in range(50 if FULL else 6):
            token = f"{os.getpid()}-{turn}"
            program = subprocess.Popen(
                [PROGRAM, "lab", "--server", "sh -c 'peer=1; sleep 1000 & exec python3 -m http.server 80'", "--client", "sleep 1000",
                 "--show", "none"], env=dict(os.environ, **{MARK: token}), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL)
            time.sleep(chance.uniform(0, 0.8))
            mine = {os.readlink(f"/proc/{one}/ns/net") for one in ours(token) if os.path.exists(f"/proc/{one}/ns/net")}
            mine.discard(os.readlink("/proc/self/ns/net"))
            program.send_signal(signal.SIGKILL)
            program.wait()
            end = time.monotonic() + 10
            while ours(token) and time.monotonic() < end:
                time.sleep(0.01)
            self.assertEqual(ours(token), [], f"turn {turn}")
            self.assertFalse(mine & namespaces(), f"turn {turn}: a network namespace is left")

    def interrupt(self, token, moment):
        """Interrupts a run whose client does not end, `moment` seconds after its hosts were made."""
        program = subprocess.Popen([PROGRAM, "lab", "--server", "peer serve", "--client", "sleep 1000"], stdout=subprocess.PIPE,
                                   env=dict(os.environ, **{MARK: token}), stdin=subprocess.DEVNULL, text=True)
        for line in program.stdout:
            if line.startswith("client"):
                break
        time.sleep(moment)
        program.send_signal(signal.SIGINT)
        rest = program.communicate(timeout=20)[0]
        self.assertEqual(program.returncode, 130, f"after {moment:.3f} s: {rest}")
        self.assertEqual(ours(token), [])

    def test_an_interrupt_ends_it_in_order(self):
        for turn in range(8):  # before the server is there, before it listens, before the client is there, and after
            self.interrupt(f"{os.getpid()}-interrupt-{turn}", turn * 0.02)


@unittest.skipUnless(works_here() and os.geteuid() == 0, "must start as root to become somebody without privilege")
class Unprivileged(unittest.TestCase):
    def test_the_lab_works_and_says_what_opens_a_closed_tun(self):
        told = as_ordinary_user("doctor", tun=0o600)
        self.assertEqual(told.returncode, 77, told.stdout + told.stderr)
        self.assertIn("sudo chmod 0666 /dev/net/tun", told.stdout)
        refused = as_ordinary_user("run", "corruption", tun=0o600)
        self.assertEqual(refused.returncode, 77, refused.stdout + refused.stderr)
        self.assertIn("sudo chmod 0666 /dev/net/tun", refused.stderr)
        self.assertEqual(as_ordinary_user("doctor").returncode, 0)
        done = as_ordinary_user("run", "corruption", "--show", "none")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)


if __name__ == "__main__":
    unittest.main()
