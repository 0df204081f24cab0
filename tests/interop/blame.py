# SPDX-License-Identifier: MIT
"""Holds what a server says of its messages (--trace-messages) against what their client has waited.

APERTO_TIMED_MESSAGES: how many messages of each cause; a few where it is not set."""

import os
import shutil
import subprocess
import unittest

COUNT = int(os.environ.get("APERTO_TIMED_MESSAGES", "4"))
# A busy machine wakes a client late, which no server can see.
SLACK_S = 0.015

# Calls of the C library that take longer, or do less, than they say.
SLOW_SYNC = r"""
#include <time.h>
static int slow(void) { struct timespec t = {0, 40000000}; nanosleep(&t, 0); return 0; }
int fsync(int d) { (void)d; return slow(); }
int fdatasync(int d) { (void)d; return slow(); }
"""
NAGLE = r"""
#define _GNU_SOURCE
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>
int setsockopt(int d, int level, int name, const void* value, socklen_t size) {
    if (level == IPPROTO_TCP && name == TCP_NODELAY) return 0;
    return (int)syscall(SYS_setsockopt, d, level, name, value, size);
}
"""


def preloaded(folder, source):
    """A library for LD_PRELOAD."""
    compiler = shutil.which("cc")
    if not compiler:
        raise unittest.SkipTest("no compiler")
    path = os.path.join(folder, "planted.so")
    subprocess.run([compiler, "-shared", "-fPIC", "-o", path, "-x", "c", "-"], input=source.encode(), check=True)
    return path


def check(test, told, waited, cause):
    """Each record blames `cause` (a name, or a function of how long was waited), and its parts sum to what was waited."""
    test.assertEqual(len(told), len(waited))
    close = 0
    for one, truth in zip(told, waited):
        expected = cause(truth) if callable(cause) else cause
        parts = {name: round(time) for name, time in one["parts_us"].items() if time}
        test.assertEqual(one["blame"], expected, f"{parts}, {truth * 1e6:.0f} us were waited")
        test.assertAlmostEqual(sum(one["parts_us"].values()), one["total_us"], delta=0.1)
        test.assertLessEqual(abs(one["total_us"] / 1e6 - truth), truth / 20 + SLACK_S, f"{parts}, {truth * 1e6:.0f} us were waited")
        close += abs(one["total_us"] / 1e6 - truth) <= truth / 20
    print(f"{cause if isinstance(cause, str) else 'each'}: all {len(told)} right, within 5 %: {close}", flush=True)
