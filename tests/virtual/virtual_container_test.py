# SPDX-License-Identifier: MIT
"""In a container: the default seccomp profile of the container engines is enough, and where ptrace(2) is forbidden the remedy is told.

The profile is the one that Debian packages for Podman, Buildah and CRI-O, which follows Docker's; libseccomp makes the filter of it. A
container that was given no capability gets what this makes of it."""
import ctypes
import json
import os
import pathlib
import platform
import subprocess
import tempfile
import unittest

from virtual_support import events, lab, needs_the_kernel

# Another profile of this format can be tried, as Docker's own.
PROFILE = pathlib.Path(os.environ.get("APERTO_SECCOMP_PROFILE", "/usr/share/containers/seccomp.json"))
COMPARISONS = {f"SCMP_CMP_{name}": number for number, name in enumerate(("NE", "LT", "LE", "EQ", "GE", "GT", "MASKED_EQ"), 1)}
ALLOW, ERRNO, EPERM, ENOSYS = 0x7FFF0000, 0x00050000, 1, 38


def setUpModule():
    needs_the_kernel()
    if not PROFILE.exists():
        if os.environ.get("APERTO_PACKAGES") == "installed":
            raise AssertionError(f"the profile is not there: {PROFILE}")
        print("NOT RUN HERE: needs the package golang-github-containers-common", flush=True)
        raise unittest.SkipTest("needs the package golang-github-containers-common")


class Comparison(ctypes.Structure):
    """struct scmp_arg_cmp of seccomp.h."""
    _fields_ = [("argument", ctypes.c_uint), ("how", ctypes.c_int), ("first", ctypes.c_uint64), ("second", ctypes.c_uint64)]


def applies(rule):
    """To a container without capabilities, on x86-64, with a kernel of today."""
    wanted, unwanted = rule.get("includes") or {}, rule.get("excludes") or {}
    return not wanted.get("caps") and "amd64" in wanted.get("arches", ["amd64"]) and "amd64" not in unwanted.get("arches", [])


def action(of, code):
    return ALLOW if of == "SCMP_ACT_ALLOW" else ERRNO | (EPERM if code is None else code)


def confine(more_forbidden=()):
    """In the child, before it becomes the program."""
    profile = json.loads(PROFILE.read_text())
    library = ctypes.CDLL("libseccomp.so.2")
    library.seccomp_init.restype = ctypes.c_void_p
    otherwise = action(profile["defaultAction"], profile.get("defaultErrnoRet"))
    held = ctypes.c_void_p(library.seccomp_init(ctypes.c_uint32(otherwise)))
    for rule in filter(applies, profile["syscalls"]):
        becomes = action(rule["action"], rule.get("errnoRet"))
        compared = [Comparison(each["index"], COMPARISONS[each["op"]], each["value"], each.get("valueTwo", 0)) for each in rule.get("args") or ()]
        for name in rule["names"]:
            number = library.seccomp_syscall_resolve_name(name.encode())
            if name in more_forbidden or number < 0 or becomes == otherwise:
                continue
            failed = library.seccomp_rule_add_array(held, ctypes.c_uint32(becomes), number, len(compared), (Comparison * len(compared))(*compared))
            if failed:
                raise OSError(-failed, f"no rule for {name}")
    for name in more_forbidden:
        library.seccomp_rule_add_array(held, ctypes.c_uint32(ERRNO | EPERM), library.seccomp_syscall_resolve_name(name.encode()), 0, None)
    if library.seccomp_load(held) < 0:
        raise OSError("seccomp_load")


@unittest.skipUnless(platform.machine() == "x86_64", "the profile is read for x86-64")
class Container(unittest.TestCase):
    def run_in(self, *arguments, more_forbidden=()):
        return lab(*arguments, preexec_fn=lambda: confine(more_forbidden))

    def test_the_profile_forbids_what_it_says(self):
        program = "import ctypes; libc = ctypes.CDLL(None, use_errno=True); print(libc.swapon(None, 0), ctypes.get_errno())"
        told = [subprocess.run(["python3", "-c", program], capture_output=True, text=True, preexec_fn=before, check=True).stdout.strip()
                for before in (None, confine)]
        self.assertIn(told[1], (f"-1 {EPERM}", f"-1 {ENOSYS}"))
        self.assertNotEqual(*told)

    def test_it_runs_under_the_default_profile_and_the_same(self):
        with tempfile.TemporaryDirectory() as folder:
            traces = []
            for run in (lab, self.run_in):
                done = run("--virtual", "--loss", "10%", "--json", f"{folder}/json")
                self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
                traces.append(events(f"{folder}/json")[:-1])
            self.assertEqual(*traces)

    def test_the_lab_takes_it_by_itself_there(self):
        done = self.run_in("run", "handshake")  # without it, the hosts could not be given their name
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertIn("this machine allows no namespaces", done.stderr)

    def test_where_ptrace_is_forbidden_the_remedy_is_told(self):
        for arguments in (["--virtual"], ["doctor"]):
            with self.subTest(arguments):
                done = self.run_in(*arguments, more_forbidden=["ptrace"])
                self.assertEqual(done.returncode, 77, done.stdout + done.stderr)
                self.assertIn("ptrace", done.stdout + done.stderr)
                self.assertIn("--cap-add SYS_PTRACE", " ".join((done.stdout + done.stderr).split()))


if __name__ == "__main__":
    unittest.main()
