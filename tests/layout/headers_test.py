# SPDX-License-Identifier: MIT
"""Each public header alone: complete in C++20, and with an older language one clear sentence before anything else."""

import os
import re
import subprocess
import unittest
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

INCLUDE = Path(os.environ["APERTO_SOURCE_DIR"]) / "include"
HEADERS = sorted(path.relative_to(INCLUDE).as_posix() for path in INCLUDE.glob("aperto/*.hpp"))


def errors_of(header, standard):
    done = subprocess.run(["g++", f"-std={standard}", "-fsyntax-only", "-I", INCLUDE, "-x", "c++", "-"], text=True,
                          input=f"#include <{header}>\n", capture_output=True, check=False)
    return re.findall(r"error: .*", done.stderr)


def errors_of_each(standard):
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return dict(zip(HEADERS, pool.map(lambda header: errors_of(header, standard), HEADERS)))


class Headers(unittest.TestCase):
    def test_each_is_complete(self):
        self.assertGreater(len(HEADERS), 20)
        self.assertEqual({header: errors for header, errors in errors_of_each("c++20").items() if errors}, {})

    def test_each_says_first_that_it_needs_a_newer_language(self):
        for header, errors in errors_of_each("c++17").items():
            self.assertTrue(errors, header)
            self.assertIn("aperto needs C++20: compile with -std=c++20", errors[0], header)


if __name__ == "__main__":
    unittest.main()
