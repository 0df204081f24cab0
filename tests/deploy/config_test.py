# SPDX-License-Identifier: MIT
"""Each configuration of deploy/ is one that the program takes, and what docs/operating.md says of them is so."""

import os
import subprocess
import unittest
from pathlib import Path

ROOT = Path(os.environ["APERTO_SOURCE_DIR"])
PROGRAM = os.environ["APERTO_BIN"]
FILES = sorted((ROOT / "deploy/config").glob("*.toml")) + [ROOT / "deploy/aperto.toml"]


class Configurations(unittest.TestCase):
    def test_the_program_finds_nothing_wrong_with_them(self):
        self.assertEqual(len(FILES), 5)
        for each in FILES:
            with self.subTest(each.name):
                done = subprocess.run([PROGRAM, "--lang", "en", "serve", "--check", each], capture_output=True, text=True,
                                      timeout=60, check=False)
                self.assertEqual((done.returncode, done.stderr), (0, ""))

    def test_the_document_names_each(self):
        text = (ROOT / "docs/operating.md").read_text()
        for each in FILES[:-1]:
            self.assertIn(f"`{each.name}`", text)
