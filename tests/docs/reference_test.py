# SPDX-License-Identifier: MIT
"""tools/reference: makes a page of each public header, and finds what a header leaves unsaid or says of nothing."""

import os
import re
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

ROOT = Path(os.environ.get("APERTO_SOURCE_DIR", Path(__file__).parents[2]))
NEEDED = ("tools/reference", "tools/manual", "docs/reference.md", "include/aperto")

PLANTED = """
namespace aperto {

struct bare {};

/// Said.
struct planted {
    planted(const planted&) = default;
    planted& operator=(planted&& other) noexcept { return other, *this; }
    ~planted() {}
    bool operator==(const planted&) const = default;
    int unsaid_function();
    int unsaid_field = 0;
    int said_field = 0;  ///< said
    /// Said, and the values are told here.
    enum class short_one { one, two };
    /// Said.
    enum class kind {
        said,  ///< said
        unsaid_value,
    };

private:
    int hidden();
};

template <class T>
concept unsaid_concept = true;
/// As `planted::vanished`.
void names_nothing();
/// As in aperto/vanished.hpp.
void names_no_header();
/// As @ref vanished_page.
void refers_to_nothing();
/// A @vanished command.
void commands_nothing();
void unsaid_free_function();

namespace detail {
struct own {};
}  // namespace detail

}  // namespace aperto
"""
FOUND = {
    "struct bare {": "aperto::bare is not documented",
    "int unsaid_function": "aperto::planted::unsaid_function() is not documented",
    "int unsaid_field": "aperto::planted::unsaid_field is not documented",
    "enum class kind": "aperto::planted::kind::unsaid_value is not documented",
    "concept unsaid_concept": "aperto::unsaid_concept is not documented",
    "void names_nothing": "the comment names planted::vanished, which is not there",
    "aperto/vanished.hpp": "unable to resolve reference to 'header_vanished'",
    "@ref vanished_page": "unable to resolve reference to 'vanished_page'",
    "@vanished": "Found unknown command '@vanished'",
    "void unsaid_free_function": "aperto::unsaid_free_function() is not documented",
}


class Reference(unittest.TestCase):
    def setUp(self):
        if not shutil.which("doxygen"):
            if os.environ.get("APERTO_PACKAGES") == "installed":
                self.fail("doxygen is not installed: tools/packages lacks it")
            self.skipTest("doxygen is not installed")
        self.copy = Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.copy)
        for name in NEEDED:
            (self.copy / name).parent.mkdir(parents=True, exist_ok=True)
            copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
            copy(ROOT / name, self.copy / name)

    def make(self):
        command = [self.copy / "tools" / "reference"]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
        return done.returncode, done.stdout, done.stderr

    def test_makes_a_page_of_each_public_header(self):
        status, said, complaints = self.make()
        self.assertEqual((status, complaints), (0, ""))
        self.assertIn("build/reference/index.html", said)
        pages = self.copy / "build" / "reference"
        self.assertIn("group__header__server.html", (pages / "index.html").read_text())
        for name, words in (("server", "one that asks somebody else"), ("stream", "Half-close"), ("text", "STRASSE")):
            self.assertIn(words, (pages / f"group__header__{name}.html").read_text(), name)
        self.assertFalse((pages / "group__header__backend.html").exists())

    def test_finds_what_is_unsaid_and_what_is_said_of_nothing(self):
        header = self.copy / "include" / "aperto" / "planted.hpp"
        header.write_text("// SPDX-License-Identifier: MIT\n#pragma once\n" + PLANTED)
        start = self.copy / "docs" / "reference.md"
        start.write_text(start.read_text().replace("include/aperto/cidr.hpp", "include/aperto/planted.hpp"))
        status, _, complaints = self.make()
        self.assertEqual(status, 1)
        lines = header.read_text().splitlines()
        for where, what in FOUND.items():
            line = next(number for number, each in enumerate(lines, start=1) if where in each)
            with self.subTest(name=where):
                self.assertRegex(complaints, rf"include/aperto/planted\.hpp:{line}: .*{re.escape(what)}")
        self.assertIn("docs/reference.md:1: cidr.hpp is a public header and not listed", complaints)
        for fine in ("~planted", "operator", "said_field is", "short_one", "hidden", "own", "planted(const"):
            self.assertNotRegex(complaints, rf"planted\.hpp:.*(?<!un){fine.replace('(', '.')}.*not documented", fine)


if __name__ == "__main__":
    unittest.main()
