# SPDX-License-Identifier: MIT
"""Runs `aperto lab` for the tests beside this file."""
import json
import os
import pathlib
import subprocess
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
