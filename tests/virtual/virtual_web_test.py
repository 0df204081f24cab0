# SPDX-License-Identifier: MIT
"""aperto-web and curl under Linux's own TCP on a bad network, by seeds, with both engines. 500 seeds each with APERTO_LAB_FULL=1."""
import hashlib
import pathlib
import shutil
import tempfile
import unittest

from virtual_support import FULL, PROGRAM, expect_on_each_engine, needs_the_kernel, sweep

WEB = pathlib.Path(PROGRAM).parent / "aperto-web"
SEEDS = 500 if FULL else 4
LARGE = bytes(i * i % 251 for i in range(1000)) * 200
SCENARIO = """\
timeout = "300s"
server = "{web} --port 80 --engine {engine} {folder}"
client = '''sh -c "curl -sS http://server/large | sha256sum; curl -sS -r 100000-100009 http://server/large | sha256sum;
head -c 30000 /dev/zero | curl -sS -T - -X POST http://server/hello"'''
expect = ['client prints "{whole}"', 'client prints "{part}"', 'client prints "thank you for 30000 bytes"', "client exits 0"]
"""


def setUpModule():
    needs_the_kernel()
    if not shutil.which("curl"):
        print("NOT RUN HERE: needs curl", flush=True)
        raise unittest.SkipTest("needs curl")


class Web(unittest.TestCase):
    def sweep(self, engine, whole=LARGE):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        site = pathlib.Path(folder.name) / "site"
        site.mkdir()
        (site / "large").write_bytes(LARGE)
        scenario = SCENARIO.format(web=WEB, engine=engine, folder=site, whole=hashlib.sha256(whole).hexdigest(),
                                   part=hashlib.sha256(LARGE[100000:100010]).hexdigest())
        return sweep(folder.name, scenario, SEEDS)

    def test_curl_has_the_same_bytes(self):
        expect_on_each_engine(self, self.sweep, SEEDS)

    def test_other_bytes_would_be_seen(self):
        self.assertEqual(self.sweep("epoll", whole=LARGE[:-1]).returncode, 1)


if __name__ == "__main__":
    unittest.main()
