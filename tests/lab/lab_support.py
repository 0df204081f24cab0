# SPDX-License-Identifier: MIT
"""Runs `aperto lab` for the tests beside this file."""
import contextlib
import fcntl
import json
import os
import pathlib
import shutil
import stat
import subprocess
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAM = os.environ.get("APERTO_BIN", str(ROOT / "build/release/aperto"))
LABS = ROOT / "labs"
# Everything the project promises is shown with APERTO_LAB_FULL=1; without it each test does the same with less.
FULL = os.environ.get("APERTO_LAB_FULL") == "1"
CANNOT_HERE = 77


def lab(*arguments, timeout=120, language="en", **more):
    environment = dict(os.environ, LANGUAGE=language, LC_ALL="C.UTF-8", APERTO_LABS=str(LABS), COLUMNS="140")
    environment.update(more.pop("env", {}))
    return subprocess.run([PROGRAM, "lab", *map(str, arguments)], capture_output=True, text=True, timeout=timeout,
                          env=environment, stdin=subprocess.DEVNULL, **more)


def works_here():
    return lab("doctor").returncode == 0


def events(path):
    with open(path, encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def packets(path):
    return [one for one in events(path) if one["event"] == "packet"]


def summary(path):
    return events(path)[-1]


def needs(there, what):
    """In setUpModule: leaves the whole file out where something is missing, and says so in the words that ctest
    looks for, so that it counts as not run rather than as passed."""
    if not there and os.environ.get("APERTO_PACKAGES") == "installed":
        raise AssertionError(f"{what} is not there: tools/packages lacks it")
    if not works_here():
        there, what = False, "a machine on which `aperto lab doctor` is content"
    if not there:
        print(f"NOT RUN HERE: needs {what}", flush=True)
        raise unittest.SkipTest(f"needs {what}")


NOBODY = 65534


def as_ordinary_user(*arguments, timeout=60, tun=0o666, **more):
    """Runs the lab as somebody who is not root: as nobody where the tests are root's. The build tree may be closed
    to others, so the program and the labs go where anybody may read them."""
    if os.geteuid() != 0:
        return lab(*arguments, timeout=timeout, **more)

    def drop():
        os.setgroups([])
        os.setgid(NOBODY)
        os.setuid(NOBODY)

    with tempfile.TemporaryDirectory() as folder, tun_mode(tun):
        os.chmod(folder, 0o755)
        shutil.copy(PROGRAM, f"{folder}/aperto")
        shutil.copytree(LABS, f"{folder}/labs")
        return subprocess.run([f"{folder}/aperto", "lab", *map(str, arguments)], capture_output=True, text=True, timeout=timeout,
                              preexec_fn=drop, cwd=more.pop("cwd", "/tmp"), stdin=subprocess.DEVNULL,
                              env=dict(os.environ, APERTO_LABS=f"{folder}/labs", LANGUAGE="en", LC_ALL="C.UTF-8", HOME="/tmp",
                                       COLUMNS="140"))


@contextlib.contextmanager
def tun_mode(mode):
    """/dev/net/tun as open as on some other machine, and as it was afterwards; one test at a time."""
    with open("/dev/net/tun", "rb") as device:
        fcntl.flock(device, fcntl.LOCK_EX)
        before = stat.S_IMODE(os.stat("/dev/net/tun").st_mode)
        os.chmod("/dev/net/tun", mode)
        try:
            yield
        finally:
            os.chmod("/dev/net/tun", before)
