# SPDX-License-Identifier: MIT
"""In a container: what Docker's default seccomp profile forbids is not needed, and where ptrace(2) is forbidden the remedy is told.

The calls are those that Docker's documentation names ("Significant syscalls blocked by the default profile", and io_uring's,
which newer profiles add); each gives EPERM, as there. clone3 gives ENOSYS, as there too."""
import ctypes
import platform
import struct
import subprocess
import tempfile
import unittest

from virtual_support import EVERYWHERE, PROGRAM, events, needs_the_kernel

setUpModule = needs_the_kernel

# x86-64 numbers (asm/unistd_64.h).
FORBIDDEN = {
    "acct": 163, "add_key": 248, "bpf": 321, "clock_adjtime": 305, "clock_settime": 227, "delete_module": 176, "finit_module": 313,
    "get_mempolicy": 239, "init_module": 175, "io_uring_setup": 425, "io_uring_enter": 426, "io_uring_register": 427, "ioperm": 173,
    "iopl": 172, "kcmp": 312, "kexec_file_load": 320, "kexec_load": 246, "keyctl": 250, "lookup_dcookie": 212, "mbind": 237, "mount": 165,
    "move_pages": 279, "nfsservctl": 180, "open_by_handle_at": 304, "perf_event_open": 298, "pivot_root": 155, "process_vm_readv": 310,
    "process_vm_writev": 311, "quotactl": 179, "reboot": 169, "request_key": 249, "set_mempolicy": 238, "setns": 308, "settimeofday": 164,
    "swapon": 167, "swapoff": 168, "sysfs": 139, "umount2": 166, "unshare": 272, "uselib": 134, "userfaultfd": 323, "ustat": 136,
}
PTRACE, CLONE, CLONE3 = 101, 56, 435
CLONE_NEW_ANY = 0x7E020000
ALLOW, ERRNO, EPERM, ENOSYS = 0x7FFF0000, 0x00050000, 1, 38
LOAD, EQUAL, HAS_BIT, RETURN = 0x20, 0x15, 0x45, 0x06  # of classic BPF
PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP, SECCOMP_MODE_FILTER = 38, 22, 2


def program(forbidden):
    """A filter of system calls: the number is the first word of what it sees, the first argument's lower half the fifth."""
    steps = [(LOAD, 0, 0, 0)]
    for number in forbidden:
        steps += [(EQUAL, 0, 1, number), (RETURN, 0, 0, ERRNO | EPERM)]
    steps += [(EQUAL, 0, 1, CLONE3), (RETURN, 0, 0, ERRNO | ENOSYS)]
    steps += [(EQUAL, 0, 3, CLONE), (LOAD, 0, 0, 16), (HAS_BIT, 0, 1, CLONE_NEW_ANY), (RETURN, 0, 0, ERRNO | EPERM)]
    return b"".join(struct.pack("HBBI", *step) for step in [*steps, (RETURN, 0, 0, ALLOW)])


def confine(forbidden):
    """In the child, before it becomes the program."""
    code = program(forbidden)
    held = ctypes.create_string_buffer(code)
    filters = struct.pack("HxxxxxxP", len(code) // 8, ctypes.addressof(held))
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) or libc.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.c_char_p(filters)):
        raise OSError(ctypes.get_errno(), "seccomp")


@unittest.skipUnless(platform.machine() == "x86_64", "the numbers of the calls are x86-64's")
class Container(unittest.TestCase):
    def run_in(self, forbidden, *arguments):
        return subprocess.run([PROGRAM, "lab", *arguments], capture_output=True, text=True, timeout=120, stdin=subprocess.DEVNULL,
                              env=EVERYWHERE, preexec_fn=lambda: confine(forbidden))

    def test_the_profile_forbids_what_it_says(self):
        done = subprocess.run(["unshare", "--user", "true"], capture_output=True, text=True, preexec_fn=lambda: confine(FORBIDDEN.values()))
        self.assertIn("Operation not permitted", done.stderr)

    def test_it_runs_under_docker_s_default_profile_and_the_same(self):
        with tempfile.TemporaryDirectory() as folder:
            traces = []
            for forbidden in ((), FORBIDDEN.values()):
                done = self.run_in(forbidden, "--virtual", "--loss", "10%", "--json", f"{folder}/json")
                self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
                traces.append(events(f"{folder}/json")[:-1])
            self.assertEqual(*traces)

    def test_the_lab_takes_it_by_itself_there(self):
        done = self.run_in(FORBIDDEN.values(), "run", "handshake")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertIn("this machine allows no namespaces", done.stderr)

    def test_where_ptrace_is_forbidden_the_remedy_is_told(self):
        for arguments in (["--virtual"], ["doctor"]):
            with self.subTest(arguments):
                done = self.run_in([*FORBIDDEN.values(), PTRACE], *arguments)
                self.assertEqual(done.returncode, 77, done.stdout + done.stderr)
                self.assertIn("ptrace", done.stdout + done.stderr)
                self.assertIn("--cap-add SYS_PTRACE", " ".join((done.stdout + done.stderr).split()))


if __name__ == "__main__":
    unittest.main()
