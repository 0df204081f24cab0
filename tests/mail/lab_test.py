# SPDX-License-Identifier: MIT
"""Letters over a bad network: the same bytes, on both engines, by curl and by swaks. In virtual Linux by seeds: APERTO_LAB_FULL=1 for
500 of them."""

import pathlib
import subprocess
import sys
import unittest

from mail_support import ENGINES, MAIL, make_certificate, require, temporary_folder, without_trace

for folder in ("lab", "virtual"):
    sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / folder))

import lab_support  # noqa: E402
import virtual_support  # noqa: E402

BAD = {"loss": "5%", "delay": "50ms", "reorder": "1%"}
BODY = b"Subject: far away\n\n.\n..\nol\xc3\xa1\n" + b"".join(b"%d lines of a letter of many packets\n" % i for i in range(400))
JUDGE = pathlib.Path(__file__).with_name("judge.py")
SEEDS = 500 if lab_support.FULL else 2


class BadNetwork(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        lab_support.needs(True, "")
        require("swaks", "curl")

    def deliver(self, engine, client, *more):
        folder = temporary_folder(self)
        (folder / "letter").write_bytes(BODY)
        (folder / "wire").write_bytes(BODY + b".\n")
        server = f"{MAIL} --port 2525 --name server --engine {engine} {' '.join(map(str, more))} {folder}/box"
        done = lab_support.lab("--server", server, "--client", client.format(folder=folder), "--timeout", "60s", "--seed", "7",
                               *(word for name, value in BAD.items() for word in (f"--{name}", value)))
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertIn("SENT AGAIN", done.stdout)
        self.assertEqual([without_trace(path.read_bytes()) for path in (folder / "box" / "new").iterdir()], [BODY])

    def test_curl(self):
        for engine in ENGINES:
            self.deliver(engine, "curl -sS smtp://server:2525/client --mail-from a@a.example --mail-rcpt b@b.example --crlf "
                                 "--upload-file {folder}/letter")

    def test_swaks_with_tls(self):
        _, tls = make_certificate(temporary_folder(self))
        self.deliver("auto", "swaks --server server:2525 --from a@a.example --to b@b.example --helo client --pipeline --tls "
                             "--data @{folder}/wire", *tls)


class Seeds(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        virtual_support.needs_the_kernel()

    def sweep(self, engine, box="/tmp/box"):
        scenario = temporary_folder(self) / "mail.toml"
        scenario.write_text(f"""\
timeout = "300s"
server = "{MAIL} --port 2525 --name server --workers 2 --engine {engine} /tmp/box"
client = "python3 -S {JUDGE} {box}"
expect = ["client prints \\"well\\"", "client exits 0"]
[link]
delay = "50ms"
loss = "5%"
reorder = "1%"
duplicate = "1%"
corrupt = "1%"
""", encoding="ascii")
        return virtual_support.lab("sweep", scenario, "--seeds", f"1..{SEEDS}", timeout=3000)

    def test_each_letter_is_there_once(self):
        for engine in ENGINES:
            done = self.sweep(engine)
            print(f"    {engine}: {done.stdout.splitlines()[-1] if done.stdout else ''}", flush=True)
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    @unittest.skipIf(lab_support.FULL, "seen without it")
    def test_the_judge_sees_letters_that_are_not_there(self):
        self.assertEqual(self.sweep("epoll", "/tmp/other").returncode, 1)


if __name__ == "__main__":
    unittest.main()
