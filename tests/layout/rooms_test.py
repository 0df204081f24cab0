# SPDX-License-Identifier: MIT
"""Arrows point down: a room includes only rooms below it, and a public header only public ones."""

import os
import re
import unittest
from pathlib import Path

ROOT = Path(os.environ.get("APERTO_SOURCE_DIR", Path(__file__).parents[2]))
BELOW = {
    "core": set(),
    "io": {"core"},
    "sim": {"core", "io"},
    "text": {"core"},
    "net": {"core", "io", "text"},
    "client": {"core", "io", "text", "net"},
    "server": {"core", "io", "text", "net"},
    "tls": {"core"},
    "journal": {"core", "io", "text", "net", "server"},
    "lab": {"core"},
    "load": {"core"},
    "cli": {"core", "io", "text", "net", "client", "server", "tls", "journal", "lab", "load"},
}
FOLDER = {room: "apps" if room in ("lab", "load", "cli") else "src" for room in BELOW}
BELOW_IN_LAB = {
    "analysis": set(),
    "wire": {"analysis"},
    "hosts": {"analysis"},
    "scenario": {"analysis", "wire", "hosts"},
    "page": set(),
    "view": {"analysis", "wire", "hosts", "scenario"},
    "virtual": {"analysis", "hosts", "scenario"},
}
INCLUDE = re.compile(r'^\s*#\s*include\s+"([^"]+)"', re.MULTILINE)


def sources(folder):
    return sorted(path for path in (ROOT / folder).rglob("*") if path.suffix in (".cpp", ".hpp"))


class Rooms(unittest.TestCase):
    def test_a_room_includes_only_rooms_below_it(self):
        for room, below in BELOW.items():
            for path in sources(f"{FOLDER[room]}/{room}"):
                used = {include.split("/")[0] for include in INCLUDE.findall(path.read_text())}
                self.assertLessEqual(used & BELOW.keys(), below | {room}, path.relative_to(ROOT))

    def test_so_does_a_folder_of_the_lab(self):
        self.assertEqual({path.name for path in (ROOT / "apps" / "lab").iterdir()}, BELOW_IN_LAB.keys())
        for folder, below in BELOW_IN_LAB.items():
            for path in sources(f"apps/lab/{folder}"):
                used = {include.split("/")[1] for include in INCLUDE.findall(path.read_text())
                        if include.startswith("lab/")}
                self.assertLessEqual(used, below | {folder}, path.relative_to(ROOT))

    def test_a_public_header_includes_no_private_one(self):
        for path in sources("include"):
            used = {include.split("/")[0] for include in INCLUDE.findall(path.read_text())}
            self.assertEqual(used & BELOW.keys(), set(), path.relative_to(ROOT))

    def test_an_example_includes_public_headers_and_its_own_alone(self):
        for path in sources("examples"):
            for include in INCLUDE.findall(path.read_text()):
                self.assertTrue((path.parent / include).is_file(), f"{path.relative_to(ROOT)}: {include}")

    def test_every_source_names_its_licence_first(self):
        for folder in ("include", "src", "apps", "tests", "benchmarks", "fuzz", "examples"):
            for path in sources(folder):
                self.assertTrue(path.read_text().startswith("// SPDX-License-Identifier: MIT\n"), path.relative_to(ROOT))


if __name__ == "__main__":
    unittest.main()
