# SPDX-License-Identifier: MIT
"""Runs `aperto lab --virtual` for the tests beside this file."""
import hashlib
import json
import os
import pathlib
import re
import subprocess
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAM = os.environ.get("APERTO_BIN", str(ROOT / "build/release/aperto"))
LABS = ROOT / "labs"
# Everything the project promises is shown with APERTO_LAB_FULL=1; without it each test does the same with less.
FULL = os.environ.get("APERTO_LAB_FULL") == "1"
# The system's own programs: the wrapper of a version manager starts dozens of processes for each of them.
EVERYWHERE = dict(os.environ, PATH="/usr/sbin:/usr/bin:/sbin:/bin", LANGUAGE="en", LC_ALL="C.UTF-8", APERTO_LABS=str(LABS), COLUMNS="140")
KERNEL = pathlib.Path(os.environ.get("APERTO_VIRTUAL_KERNEL") or pathlib.Path(
    os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache", "aperto/virtual-linux/linux"))


def is_current(kernel):
    """Whether this tools/virtual-linux built it. One that the environment names is taken as it is."""
    if os.environ.get("APERTO_VIRTUAL_KERNEL"):
        return True
    revision = re.search(r"^revision=(\d+)$", (ROOT / "tools/virtual-linux").read_text(), re.M).group(1)
    told = kernel.parent / "revision"
    return told.exists() and told.read_text().strip() == revision


def needs_the_kernel():
    """In setUpModule: leaves the whole file out where the kernel is not built, or .ci/run has seen that it does not run."""
    if os.environ.get("APERTO_VIRTUAL") == "refused":
        print("NOT RUN HERE: this machine runs no kernel in user mode", flush=True)
        raise unittest.SkipTest("this machine runs no kernel in user mode")
    if not os.access(KERNEL, os.X_OK) or not is_current(KERNEL):
        if os.environ.get("APERTO_VIRTUAL") == "built":
            raise AssertionError(f"the virtual kernel is not there, or an older one: {KERNEL}")
        print("NOT RUN HERE: needs the virtual kernel of today: tools/virtual-linux", flush=True)
        raise unittest.SkipTest("needs the virtual kernel of today: tools/virtual-linux")


def lab(*arguments, timeout=120, language="en", env=None, stdin=subprocess.DEVNULL, **more):
    if "input" in more:
        stdin = None
    return subprocess.run([PROGRAM, "lab", *map(str, arguments)], capture_output=True, text=True, timeout=timeout,
                          env=dict(EVERYWHERE, LANGUAGE=language, **(env or {})), stdin=stdin, **more)


def events(path):
    with open(path, encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def fingerprint(*paths):
    digest = hashlib.sha256()
    for path in paths:
        digest.update(pathlib.Path(path).read_bytes())
    return digest.hexdigest()


# What each use of the library is to stand: in a scenario, behind its programs and what is expected of them.
BAD_NETWORK = """
[link]
delay = "50ms"
loss = "5%"
reorder = "1%"
"""


def sweep(folder, scenario, seeds):
    """`aperto lab sweep` of these words on the bad network."""
    path = pathlib.Path(folder) / "use.toml"
    path.write_text(scenario + BAD_NETWORK)
    return lab("sweep", path, "--seeds", f"1..{seeds}", timeout=3600)


def expect_on_each_engine(test, sweep_with, seeds):
    """That so many seeds pass with each engine."""
    for engine in ("epoll", "uring"):
        with test.subTest(engine):
            done = sweep_with(engine)
            print(f"{engine}: {done.stdout.splitlines()[-1] if done.stdout else ''}", flush=True)
            test.assertEqual(done.returncode, 0, done.stdout + done.stderr)
            test.assertTrue(re.search(rf"{seeds} seeds in [\d.]+ s, 0 failed", done.stdout), done.stdout)
