# SPDX-License-Identifier: MIT
"""The Debian packages: packed twice, judged by lintian, installed by dpkg into a root of their own, used, put over themselves
under load, and removed."""

import hashlib
import json
import os
import re
import shutil
import subprocess
import tempfile
import time
import unittest
from pathlib import Path

from install_test import BUILD, ROOT, listening_port, run

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


def contents(package):
    """The files of a package, its control files too: what each is, by name. Two packages that differ are told apart by it."""
    with tempfile.TemporaryDirectory() as folder:
        run("dpkg-deb", "-R", str(package), folder)
        return {str(path.relative_to(folder)): (oct(path.lstat().st_mode),
                                                hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else None)
                for path in Path(folder).rglob("*")}


def check_spdx(bill):
    """What SPDX 2.3 demands of a document and its packages (sections 6, 7 and 11), with Debian's list of licences."""
    require("node")
    for name in ("spdxVersion", "dataLicense", "SPDXID", "name", "documentNamespace", "creationInfo"):
        assert bill[name], name
    assert (bill["spdxVersion"], bill["dataLicense"], bill["SPDXID"]) == ("SPDX-2.3", "CC0-1.0", "SPDXRef-DOCUMENT")
    assert re.fullmatch(r"https?://[^#\s]+", bill["documentNamespace"])
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", bill["creationInfo"]["created"])
    assert all(re.match(r"(Tool|Person|Organization): \S", each) for each in bill["creationInfo"]["creators"])
    names = {bill["SPDXID"]}
    for each in bill["packages"]:
        assert re.fullmatch(r"SPDXRef-[A-Za-z0-9.-]+", each["SPDXID"]) and each["SPDXID"] not in names, each
        names.add(each["SPDXID"])
        assert each["name"] and each["downloadLocation"] and each["copyrightText"], each
        assert each["filesAnalyzed"] is False and "packageVerificationCode" not in each, each
        for licence in {each["licenseConcluded"], each["licenseDeclared"]} - {"NOASSERTION"}:
            run("node", "-e", "require('spdx-expression-parse')(process.argv[1])", licence,
                env={**os.environ, "NODE_PATH": "/usr/share/nodejs"})
    for each in bill["relationships"]:
        assert {each["spdxElementId"], each["relatedSpdxElement"]} <= names, each


class Packages(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        require("cpack", "dpkg", "dpkg-deb", "dpkg-shlibdeps", "lintian")
        cls.folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.folder.cleanup)
        cls.packages = pack(cls.folder.name)

    def assert_same(self, one, other):
        mine, its = contents(one), contents(other)
        self.assertEqual({name for name in {*mine, *its} if mine.get(name) != its.get(name)}, set())
        self.assertTrue(one.read_bytes() == other.read_bytes(), one.name)

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
                self.assert_same(again, self.packages[name])

    def test_another_folder_makes_the_same_packages(self):
        """Built by tools/make-packages in a copy of the source. The compiler's cache may help: what it keeps is to be the same
        from any folder, which is half of what is tested here; APERTO_NO_CACHE=1 compiles all of it anew, some minutes."""
        with tempfile.TemporaryDirectory() as folder:
            copy = Path(folder) / "of another depth" / "and name"
            shutil.copytree(os.environ["APERTO_SOURCE_DIR"], copy, symlinks=True, ignore=lambda at, names: {"build"} & set(names))
            environment = {**os.environ, "SOURCE_DATE_EPOCH": EPOCH}
            if os.environ.get("APERTO_NO_CACHE"):
                environment["CCACHE_DISABLE"] = "1"
            made = run(copy / "tools/make-packages", f"{folder}/packages", env=environment).splitlines()
            for again in map(Path, (line for line in made if line.endswith(".deb"))):
                self.assert_same(again, self.packages[again.name.split("_")[0]])
            self.assertEqual(sum(line.endswith(".deb") for line in made), len(self.packages))

    def test_no_package_tells_the_folder_it_was_built_in(self):
        for path in self.packages.values():
            with tempfile.TemporaryDirectory() as folder:
                run("dpkg-deb", "-x", path, folder)
                for file in Path(folder).rglob("*"):
                    if file.is_file() and not file.is_symlink():
                        self.assertNotIn(os.environ["APERTO_SOURCE_DIR"].encode() + b"/", file.read_bytes(), file)

    def test_the_bill_of_materials_is_of_what_is_packed(self):
        with tempfile.TemporaryDirectory() as folder:
            run("dpkg-deb", "-x", self.packages["aperto"], folder)
            bill = json.loads(Path(f"{folder}/usr/share/doc/aperto/aperto.spdx.json").read_text())
            program = Path(f"{folder}/usr/bin/aperto").read_bytes()
        check_spdx(bill)
        own, *others = bill["packages"]
        self.assertEqual(own["checksums"], [{"algorithm": "SHA256", "checksumValue": hashlib.sha256(program).hexdigest()}])
        self.assertEqual(bill["creationInfo"]["created"], "2026-01-01T00:00:00Z")
        # dpkg-shlibdeps is the judge of what it is linked with.
        needed = {one.split()[0] for one in run("dpkg-deb", "-f", self.packages["aperto"], "Depends").split(", ")}
        names = {each["SPDXID"]: each["name"] for each in bill["packages"]}
        linked = {names[each["relatedSpdxElement"]] for each in bill["relationships"] if each["relationshipType"] == "DYNAMIC_LINK"}
        self.assertLessEqual(needed, linked)
        for each in others:
            installed = run("dpkg-query", "-W", "-f", "${Version}", each["name"])
            self.assertEqual(each["versionInfo"], installed)
            self.assertNotEqual(each["licenseDeclared"], "NOASSERTION", f"tools/make-sbom knows no licence of {each['name']}")

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
            for use in (path.name for path in (ROOT / "examples").iterdir() if path.is_dir()):
                self.assertTrue(os.access(f"{program}-{use}", os.X_OK), use)
                self.assertTrue(list(Path(f"{root}/usr/share/doc/aperto/examples/{use}").glob("*.cpp")), use)
                self.assertTrue(Path(f"{root}/usr/share/man/man1/aperto-{use}.1.gz").exists(), use)
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
