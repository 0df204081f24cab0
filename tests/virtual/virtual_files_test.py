# SPDX-License-Identifier: MIT
"""aperto-files under Linux's own TCP on a bad network, by seeds, with both engines. 500 seeds each with APERTO_LAB_FULL=1."""
import hashlib
import pathlib
import tempfile
import unittest

from virtual_support import FULL, PROGRAM, expect_on_each_engine, needs_the_kernel, sweep

FILES = pathlib.Path(PROGRAM).parent / "aperto-files"
SEEDS = 500 if FULL else 3
LARGE = bytes(i * i % 251 for i in range(1000)) * 200
SCENARIO = """\
timeout = "300s"
server = '''sh -c "mkdir /tmp/served && exec {files} serve --plain --port 80 --engine {engine} /tmp/served"'''
client = '''sh -c "{files} put --plain --engine {engine} {folder} server:80 && {files} get --plain --engine {engine} server:80/site /tmp/back &&
sha256sum /tmp/back/site/large /tmp/back/site/small"'''
expect = ['client prints "{whole}"', 'client prints "{part}"', "client exits 0"]
"""


def setUpModule():
    needs_the_kernel()


class Files(unittest.TestCase):
    def sweep(self, engine, whole=LARGE, seeds=SEEDS):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        site = pathlib.Path(folder.name) / "site"
        site.mkdir()
        (site / "large").write_bytes(LARGE)
        (site / "small").write_bytes(LARGE[:10])
        scenario = SCENARIO.format(files=FILES, engine=engine, folder=site, whole=hashlib.sha256(whole).hexdigest(),
                                   part=hashlib.sha256(LARGE[:10]).hexdigest())
        return sweep(folder.name, scenario, seeds)

    def test_the_same_bytes_both_ways(self):
        expect_on_each_engine(self, self.sweep, SEEDS)

    def test_other_bytes_would_be_seen(self):
        self.assertEqual(self.sweep("epoll", whole=LARGE[:-1], seeds=1).returncode, 1)


if __name__ == "__main__":
    unittest.main()
