# SPDX-License-Identifier: MIT
"""What a run of the lab tells at its end."""
import pathlib
import tempfile
import unittest

from lab_support import lab, works_here


class InAFolder(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def scenario(self, text, name="s"):
        path = self.folder / f"{name}.toml"
        path.write_text(text, encoding="utf-8")
        return path


@unittest.skipUnless(works_here(), "the lab cannot work here (aperto lab doctor)")
class Figures(InAFolder):
    def test_a_window_that_stays_shut_has_its_time_told(self):
        path = self.scenario('server = "peer serve --receive-buffer 8192 --first-read-pause 1000s"\n'
                             'client = "sh -c \'timeout 3 peer call --bytes 100000\'"\n'
                             'expect = ["zero-window episodes >= 1", "time in zero window >= 1s"]\n')
        done = lab("run", path)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_the_handshake_is_timed_from_its_first_syn(self):
        done = lab("--server", "peer serve", "--client", "peer call --text abc", "--drop", "server syn-ack#1")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertRegex(done.stdout, r"ACK: connected; the handshake took 1[.,]\d+ s")
        self.assertRegex(done.stdout, r"established +yes, client asked · the handshake took 1[.,]\d+ s")
        self.assertNotRegex(done.stdout, r"round trip[^\n]* 1[.,]\d+ s")

    def test_ipv6_is_refused_a_way_that_is_too_small_for_it(self):
        wrong = "IPv6 needs a way for packets of 1,280 bytes, and an MTU of 600 is less"
        for arguments in (["--host-mtu", "600"], ["--mtu", "600"], ["--mtu", "server:600@1s..2s"]):
            done = lab("--ipv6", *arguments)
            self.assertEqual(done.returncode, 2, done.stdout + done.stderr)
            self.assertIn(wrong, done.stderr)
        for text in ("[hosts]\nmtu = 600\n", "[link]\nmtu = 600\n", "[[link.change]]\nat = '1s'\nmtu = 600\n",
                     "[hosts.client]\nmtu = 600\n"):
            done = lab("run", self.scenario("ipv6 = true\n" + text))
            self.assertEqual(done.returncode, 2, done.stdout + done.stderr)
            self.assertIn(wrong, done.stderr)
        self.assertEqual(lab("--ipv6", "--host-mtu", "1280", "--mtu", "1280").returncode, 0)


if __name__ == "__main__":
    unittest.main()
