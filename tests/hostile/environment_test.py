# SPDX-License-Identifier: MIT
"""A machine that is not as usual: io_uring forbidden, the wall clock moved."""

import ctypes
import errno
import os
import shutil
import struct
import subprocess
import tempfile
import time
import unittest

from attack import APERTO, BUILD, FULL, Server, on_each_engine, receive, report

PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP, SECCOMP_MODE_FILTER = 38, 22, 2
# The same numbers on every architecture.
IO_URING_SETUP, IO_URING_ENTER, IO_URING_REGISTER = 425, 426, 427
LOAD_NUMBER, JUMP_EQUAL, RETURN = 0x20, 0x15, 0x06
ALLOW, REFUSE = 0x7FFF0000, 0x00050000


class FilterProgram(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("instructions", ctypes.c_char_p)]


def refusing_io_uring(code, call=IO_URING_SETUP):
    """For the child, before it becomes the program: a call of io_uring's fails with `code` (seccomp(2))."""
    instruction = struct.Struct("HBBI")
    text = (instruction.pack(LOAD_NUMBER, 0, 0, 0) + instruction.pack(JUMP_EQUAL, 0, 1, call)
            + instruction.pack(RETURN, 0, 0, REFUSE | code) + instruction.pack(RETURN, 0, 0, ALLOW))
    libc = ctypes.CDLL(None, use_errno=True)

    def apply():
        program = FilterProgram(len(text) // instruction.size, text)
        if libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) or libc.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER,
                                                                     ctypes.byref(program), 0, 0):
            raise OSError(ctypes.get_errno(), "seccomp")

    return apply


# Moves what the program sees of the wall clock by as many seconds as the file APERTO_TEST_SHIFT has bytes × 3600.
CLOCK = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <time.h>
static time_t shift(void) {
    struct stat about;
    return stat(getenv("APERTO_TEST_SHIFT"), &about) == 0 ? about.st_size * 3600 : 0;
}
int clock_gettime(clockid_t which, struct timespec *now) {
    static int (*real)(clockid_t, struct timespec *);
    if (!real) real = dlsym(RTLD_NEXT, "clock_gettime");
    int result = real(which, now);
    if (result == 0 && which == CLOCK_REALTIME) now->tv_sec += shift();
    return result;
}
int gettimeofday(struct timeval *now, void *zone) {
    struct timespec precise;
    (void)zone;
    int result = clock_gettime(CLOCK_REALTIME, &precise);
    now->tv_sec = precise.tv_sec;
    now->tv_usec = precise.tv_nsec / 1000;
    return result;
}
time_t time(time_t *result) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (result) *result = now.tv_sec;
    return now.tv_sec;
}
"""


class Environment(unittest.TestCase):
    def test_without_io_uring_epoll_serves_and_says_why(self):
        for code in (errno.EPERM, errno.ENOSYS, errno.ENOMEM):
            name = errno.errorcode[code]
            with self.subTest(name), Server("auto", "--framing", "line", prepare=refusing_io_uring(code)) as server:
                self.assertEqual(server.started["engine"], "epoll")
                self.assertEqual(server.ask(b"served\n"), b"SERVED\n")
                exit_code, _ = server.stop()
                report(name, f'"{server.started["why"]}"', "epoll serves, exit 0")
                self.assertEqual(exit_code, 0)

    def test_the_reason_is_told_in_the_readers_language(self):
        for code, reason in ((errno.EPERM, "o io_uring não é permitido aqui"), (errno.ENOSYS, "este kernel não tem io_uring")):
            done = subprocess.run([APERTO, "demo", "--lang", "pt_BR"], stdin=subprocess.DEVNULL, capture_output=True,
                                  text=True, timeout=20, preexec_fn=refusing_io_uring(code))
            self.assertIn(f" · epoll: {reason}", done.stdout)

    def test_a_ring_that_may_be_made_but_not_used_is_no_ring(self):
        for call, name in ((IO_URING_ENTER, "io_uring_enter"), (IO_URING_REGISTER, "io_uring_register")):
            refusing = refusing_io_uring(errno.EPERM, call)
            with self.subTest(name), Server("auto", "--framing", "line", prepare=refusing) as server:
                self.assertEqual(server.started["engine"], "epoll")
                self.assertEqual(server.ask(b"served\n"), b"SERVED\n")
                exit_code, _ = server.stop()
                report(name, f'"{server.started["why"]}"', "epoll serves, exit 0")
                self.assertEqual(exit_code, 0)

    def test_asked_for_by_name_a_refused_engine_is_an_error(self):
        with self.assertRaisesRegex(AssertionError, "io_uring"):
            Server("uring", prepare=refusing_io_uring(errno.EPERM))

    def test_the_servers_own_tests_pass_on_epoll_where_io_uring_is_refused(self):
        tests = os.path.join(BUILD, "tests", "test_server")
        if not os.path.exists(tests):
            self.skipTest("test_server is not built")
        for code in (errno.EPERM, errno.ENOSYS, errno.ENOMEM) if FULL else (errno.EPERM,):
            done = subprocess.run([tests, "--gtest_filter=*epoll*", "--gtest_brief=1"], capture_output=True, text=True,
                                  preexec_fn=refusing_io_uring(code))
            report(errno.errorcode[code], done.stdout.strip().split("\n")[-1], "all pass")
            self.assertEqual(done.returncode, 0, done.stdout)

    @on_each_engine
    def test_the_wall_clock_moved_by_a_day_fires_no_timer(self, engine):
        compiler = shutil.which("cc") or self.skipTest("no compiler")
        with tempfile.TemporaryDirectory() as folder:
            library, shift = os.path.join(folder, "clock.so"), os.path.join(folder, "shift")
            subprocess.run([compiler, "-shared", "-fPIC", "-o", library, "-x", "c", "-"], input=CLOCK.encode(), check=True)
            open(shift, "w").close()
            environment = {"LD_PRELOAD": library, "APERTO_TEST_SHIFT": shift}
            with Server(engine, "--framing", "line", "--idle-timeout", "20s", "--handshake-deadline", "3s",
                        "--message-deadline", "20s", environment=environment) as server:
                silent, idle, halfway = server.connect(), server.connect(), server.connect()
                began = time.monotonic()
                idle.sendall(b"a\n")
                receive(idle, 2)
                halfway.sendall(b"half ")
                with open(shift, "w") as moved:
                    moved.write("x" * 24)  # a day ahead
                self.assertEqual(server.ask(b"tomorrow\n"), b"TOMORROW\n")
                with open(shift, "w"):
                    pass  # and back
                self.assertEqual(server.ask(b"today\n"), b"TODAY\n")
                halfway.sendall(b"a line\n")
                self.assertEqual(receive(halfway, 12), b"HALF A LINE\n")
                idle.sendall(b"b\n")
                self.assertEqual(receive(idle, 2), b"B\n")
                self.assertEqual(receive(silent, 1), b"")
                cut = time.monotonic() - began
                for peer in (silent, idle, halfway):
                    peer.close()
        report(engine, f"a day ahead and back: nobody cut by it; the silent one at its own deadline, {cut:.2f} s", "3 s + 10 %")
        self.assertGreater(cut, 2.9)
        self.assertLess(cut, 3.3)


if __name__ == "__main__":
    unittest.main()
