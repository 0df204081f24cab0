# SPDX-License-Identifier: MIT
"""The version of the packages is that of the git tag, and of version.hpp where there is none (cmake/aperto_version.cmake)."""

import os
import subprocess
import tempfile
import unittest
from pathlib import Path

ROOT = Path(os.environ.get("APERTO_SOURCE_DIR", Path(__file__).parents[2]))
NOBODY = {"GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_SYSTEM": "/dev/null", "GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@b.invalid",
          "GIT_COMMITTER_NAME": "a", "GIT_COMMITTER_EMAIL": "a@b.invalid"}


class Version(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        (self.folder / "include/aperto").mkdir(parents=True)

    def header(self, version):
        (self.folder / "include/aperto/version.hpp").write_text(f'inline constexpr const char* version = "{version}";\n')

    def git(self, *words):
        return subprocess.run(["git", *words], cwd=self.folder, check=True, capture_output=True, text=True,
                              env={**os.environ, **NOBODY}).stdout.strip()

    def commit(self):
        self.git("add", ".")
        self.git("commit", "-q", "--allow-empty", "-m", "a change")

    def tag(self, name):
        """A first commit of 0.1.0, with this tag."""
        self.header("0.1.0")
        self.git("init", "-q")
        self.commit()
        self.git("tag", name)

    def asked(self):
        script = self.folder / "ask.cmake"
        script.write_text(f'include("{ROOT}/cmake/aperto_version.cmake")\naperto_version(told "{self.folder}")\nmessage("${{told}}")\n')
        return subprocess.run(["cmake", "-P", script], capture_output=True, text=True, check=False)

    def version(self):
        done = self.asked()
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stderr.strip()

    def test_without_git_or_a_tag_it_is_the_header_s(self):
        self.header("0.1.0")
        self.assertEqual(self.version(), "0.1.0")
        self.git("init", "-q")
        self.commit()
        self.assertEqual(self.version(), "0.1.0")

    def test_a_tagged_commit_has_the_version_of_its_tag(self):
        self.tag("v0.1.0")
        self.assertEqual(self.version(), "0.1.0")

    def test_past_a_tag_it_tells_the_commit_and_sorts_in_between(self):
        self.tag("v0.1.0")
        self.commit()
        behind = self.version()
        self.assertRegex(behind, r"^0\.1\.0\+git1\.[0-9a-f]+$")
        self.header("0.2.0")
        self.commit()
        before = self.version()
        self.assertRegex(before, r"^0\.2\.0~git2\.[0-9a-f]+$")
        for lower, higher in (("0.1.0", behind), (behind, before), (before, "0.2.0")):
            subprocess.run(["dpkg", "--compare-versions", lower, "lt", higher], check=True)

    def test_a_tag_that_the_header_contradicts_is_refused(self):
        self.tag("v0.2.0")
        done = self.asked()
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("version.hpp says 0.1.0", " ".join(done.stderr.split()))


if __name__ == "__main__":
    unittest.main()
