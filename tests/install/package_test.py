# SPDX-License-Identifier: MIT
"""The Debian packages: packed twice, judged by lintian, installed by dpkg into a root of their own, used, put over themselves
under load, and removed."""

import hashlib
import os
import shutil
import subprocess
import tempfile
import time
import unittest
from pathlib import Path

from install_test import BUILD, listening_port, run

EPOCH = "1767225600"


def require(*programs):
    for name in programs:
        if shutil.which(name) is None:
            if os.environ.get("APERTO_PACKAGES") == "installed":
                raise AssertionError(f"{name} is missing: tools/packages lacks it")
            raise unittest.SkipTest(f"{name} is not installed")


def pack(folder):
    """Packs what is built; gives the packages by name."""
    run("cpack", "--config", f"{BUILD}/CPackConfig.cmake", "-B", str(folder), cwd=folder,
        env={**os.environ, "SOURCE_DATE_EPOCH": EPOCH})
    return {path.name.split("_")[0]: path for path in Path(folder).glob("*.deb")}


class Packages(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        require("cpack", "dpkg", "dpkg-deb", "dpkg-shlibdeps", "lintian")
        cls.folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.folder.cleanup)
        cls.packages = pack(cls.folder.name)

    def test_there_are_two_and_each_says_what_it_stands_on(self):
        self.assertEqual(set(self.packages), {"aperto", "libaperto-dev"})
        needs = {name: run("dpkg-deb", "-f", path, "Depends") for name, path in self.packages.items()}
        for library in ("libc6", "liburing2", "libssl3", "libsqlite3-0", "libseccomp2"):
            self.assertIn(library, needs["aperto"])
        self.assertIn("liburing-dev", needs["libaperto-dev"])
        self.assertNotIn("libssl", needs["libaperto-dev"])

    def test_the_same_build_makes_the_same_packages(self):
        time.sleep(1.1)  # another second, which a package that keeps the time would show
        with tempfile.TemporaryDirectory() as folder:
            for name, again in pack(folder).items():
                self.assertEqual(hashlib.sha256(again.read_bytes()).hexdigest(),
                                 hashlib.sha256(self.packages[name].read_bytes()).hexdigest(), name)

    def test_no_package_tells_the_folder_it_was_built_in(self):
        for path in self.packages.values():
            with tempfile.TemporaryDirectory() as folder:
                run("dpkg-deb", "-x", path, folder)
                for file in Path(folder).rglob("*"):
                    if file.is_file() and not file.is_symlink():
                        self.assertNotIn(os.environ["APERTO_SOURCE_DIR"].encode() + b"/", file.read_bytes(), file)

    def test_lintian_has_nothing_to_say(self):
        done = subprocess.run(["lintian", "--allow-root", "--fail-on", "error,warning", "--tag-display-limit", "0",
                               *map(str, self.packages.values())],
                              capture_output=True, text=True, timeout=200, check=False)
        self.assertEqual((done.returncode, done.stdout), (0, ""), done.stderr)

    @unittest.skipUnless(os.geteuid() == 0, "dpkg takes root")
    def test_it_is_installed_used_put_over_itself_under_load_and_removed(self):
        with tempfile.TemporaryDirectory() as root:
            for folder in ("updates", "info"):
                os.makedirs(f"{root}/var/lib/dpkg/{folder}")
            for file in ("status", "available"):
                Path(f"{root}/var/lib/dpkg/{file}").touch()
            dpkg = ("dpkg", f"--root={root}", "--force-depends", "--log=/dev/null")
            run(*dpkg, "--install", self.packages["aperto"])
            program = f"{root}/usr/bin/aperto"
            self.assertTrue(Path(f"{root}/lib/systemd/system/aperto.service").exists())
            self.assertIn("nothing is wrong", run(program, "serve", "--check", f"{root}/etc/aperto/aperto.toml"))
            server = subprocess.Popen([program, "serve", "--port", "0", "--messages", "none"],
                                      stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
            try:
                load = subprocess.Popen([program, "bench", "--port", str(listening_port(server)), "--duration", "3s"],
                                        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
                run(*dpkg, "--install", self.packages["aperto"])
                told, _ = load.communicate(timeout=60)
                self.assertEqual(load.returncode, 0, told)
                self.assertIn("every byte was compared, and right", told)
            finally:
                server.terminate()
                self.assertEqual(server.wait(30), 0)
            run(*dpkg, "--purge", "aperto")
            left = [file for file in Path(root).rglob("*") if file.is_file() and "/var/lib/dpkg" not in str(file)]
            self.assertEqual(left, [])


if __name__ == "__main__":
    unittest.main()
