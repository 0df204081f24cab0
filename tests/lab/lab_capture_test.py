# SPDX-License-Identifier: MIT
"""A capture is read by the tools that people read captures with, and its clock is the machine's."""
import pathlib
import shutil
import subprocess
import tempfile
import unittest

from lab_support import lab, needs, packets


def setUpModule():
    needs(all(shutil.which(one) for one in ("tcpdump", "tshark", "capinfos")), "tcpdump, tshark and capinfos")


class Capture(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.path = self.folder / "run.pcapng"

    def read(self, *command):
        done = subprocess.run([*command, str(self.path)], capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 0, f"{command}: {done.stderr}")
        return done.stdout

    def test_three_tools_read_every_packet_of_every_view(self):
        for version, more in (("IP", []), ("IP6", ["--ipv6"])):
            for view in ("sent", "client", "server"):
                with self.subTest(version=version, view=view):
                    json = self.folder / "run.jsonl"
                    done = lab("--server", "peer serve", "--client", "peer call --bytes 14600", "--json", json, "--pcap", self.path,
                               "--pcap-view", view, "--drop", "client data#2", *more)
                    self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
                    lost = 1 if view == "server" else 0
                    expected = len(packets(json)) - lost
                    lines = [one for one in self.read("tcpdump", "-n", "-r").splitlines() if f" {version} " in one]
                    self.assertEqual(len(lines), expected)
                    self.assertEqual(len(self.read("tshark", "-r").splitlines()), expected)
                    self.assertIn(f"Number of packets:   {expected}\n", self.read("capinfos", "-M"))

    def test_the_first_packet_is_captured_when_it_is_sent(self):
        client = self.folder / "client.py"
        client.write_text("import socket, time\nbefore = time.time()\ns = socket.create_connection(('server', 9999))\n"
                          "print(f'before={before:.6f} after={time.time():.6f}')\ns.close()\n", encoding="ascii")
        done = lab("--server", "sh -c 'sleep 0.5; exec python3 -m http.server 9999'", "--client", f"python3 {client}", "--pcap", self.path)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        said = dict(word.split("=") for line in done.stdout.splitlines() if "before=" in line for word in line.split()[2:])
        first = float(self.read("tshark", "-T", "fields", "-e", "frame.time_epoch", "-r").splitlines()[0])
        self.assertLessEqual(float(said["before"]) - 1e-3, first)
        self.assertLessEqual(first, float(said["after"]) + 1e-3)


if __name__ == "__main__":
    unittest.main()
