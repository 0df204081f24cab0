# SPDX-License-Identifier: MIT
"""Labs as interfaces of Wireshark: tshark finds them in its extcap folder, runs them, and says itself what came."""
import os
import pathlib
import shutil
import subprocess
import tempfile
import unittest

from lab_support import LABS, PROGRAM, needs


def setUpModule():
    needs(shutil.which("tshark") and shutil.which("dumpcap"), "tshark and dumpcap")


class Extcap(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        home = pathlib.Path(folder.name)
        self.environment = dict(os.environ, HOME=str(home), XDG_CONFIG_HOME=str(home / "config"), LANGUAGE="en", LC_ALL="C.UTF-8",
                                APERTO_LABS=str(LABS))
        # A folder of one's own: newer ones name it, 4.0 has it in the personal configuration.
        told = subprocess.run(["tshark", "-G", "folders"], capture_output=True, text=True, env=self.environment, timeout=60).stdout
        folders = {name: path for name, _, path in (line.partition(":") for line in told.splitlines())}
        self.folder = pathlib.Path(folders.get("Personal Extcap path", folders["Personal configuration"] + "/extcap").strip())
        self.folder.mkdir(parents=True)
        script = self.folder / "aperto"
        script.write_text(f'#!/bin/sh\nexec "{PROGRAM}" extcap "$@"\n', encoding="ascii")
        script.chmod(0o755)

    def tshark(self, *words):
        done = subprocess.run(["tshark", *words], capture_output=True, text=True, env=self.environment, timeout=120, stdin=subprocess.DEVNULL)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return done.stdout

    def capture(self, interface, *options):
        fields = ["ip.src", "tcp.flags.str", "tcp.analysis.retransmission", "frame.comment"]
        words = [word for option in options for word in ("-o", f"extcap.{interface.replace('-', '_')}.{option}")]
        out = self.tshark("-i", interface, *words, "-T", "fields", *(word for one in fields for word in ("-e", one)))
        rows = [dict(zip(fields, line.split("\t"))) for line in out.splitlines()]
        self.assertTrue(rows, "no packet came")
        return rows

    def test_every_lab_is_an_interface(self):
        shown = self.tshark("-D")
        self.assertIn("aperto (aperto lab: a server and a client of yours)", shown)
        for lab in LABS.glob("*.toml"):
            self.assertIn(f"aperto-{lab.stem} (", shown)
        self.assertIn("(IPv4)", self.tshark("-i", "aperto-handshake", "-L"))

    def test_what_is_lost_and_sent_again_comes_with_its_cause(self):
        rows = self.capture("aperto-retransmit")
        lost = [one for one in rows if "lost: --drop" in one["frame.comment"]]
        again = [one for one in rows if "SENT AGAIN" in one["frame.comment"]]
        self.assertTrue(lost and again)
        judged = [one for one in rows if one["tcp.analysis.retransmission"]]
        self.assertTrue(judged)
        for one in judged:
            self.assertIn("SENT AGAIN", one["frame.comment"], "what Wireshark finds sent again has its cause")

    def test_options_reach_the_run(self):
        plain = self.capture("aperto")
        self.assertEqual([one for one in plain if one["frame.comment"]], [])
        dropped = self.capture("aperto", "drop:client data#1", "seed:7", "delay:20ms")
        self.assertEqual(sum("lost: --drop client data#1" in one["frame.comment"] for one in dropped), 1)
        self.assertEqual(len([one for one in dropped if one["tcp.analysis.retransmission"]]), 1)

    def test_what_it_cannot_is_said(self):
        for words, said in (
                (["--extcap-interface", "aperto-handshake", "--capture"], "--capture needs --fifo"),
                (["--extcap-interface", "eth0", "--extcap-dlts"], "--extcap-interfaces"),
                (["--extcap-interface", "aperto", "--extcap-capture-filter", "port 80"], "capture filter"),
                (["--extcap-interface", "aperto", "--capture", "--fifo", "/dev/null", "--loss", "much"], "--loss"),
                (["--extcap-interface", "aperto-nowhere", "--capture", "--fifo", "/dev/null"], "nowhere")):
            done = subprocess.run([PROGRAM, "extcap", *words], capture_output=True, text=True, env=self.environment, timeout=60)
            self.assertEqual(done.returncode, 2, words)
            self.assertIn(said, done.stderr)


if __name__ == "__main__":
    unittest.main()
