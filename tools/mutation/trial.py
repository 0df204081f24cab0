# SPDX-License-Identifier: MIT
"""Tries mutants: in a copy of the sources, with a build of its own, under build/mutants."""

import os
import re
import shutil
import signal
import subprocess
import time
from dataclasses import dataclass

# The programs that can reach a room's code.
PROGRAMS = {
    "core": ("test_core", "test_io", "test_net", "test_server", "test_memory", "sim_seeds"),
    "io": ("test_io", "test_net", "test_server", "test_memory", "sim_seeds"),
    "net": ("test_net", "test_server", "test_memory", "sim_seeds"),
    "server": ("test_server", "test_memory", "sim_seeds"),
}
ARGUMENTS = {"sim_seeds": ("--seeds", "3000", "--quiet")}
GOOGLE_TEST = ("--gtest_fail_fast", "--gtest_color=no")
# A mutant may run for ever, take all memory or write without end; a test does nothing of the kind.
TIMEOUT_LEAST_SECONDS = 20
TIMEOUT_TIMES_MEASURED = 3
BOUNDS = ("prlimit", f"--as={8 << 30}", f"--fsize={64 << 20}", "--core=0")
MARKS = {"failed": r"^\[  FAILED  \] (\S+?),? ", "ran": r"^\[ RUN      \] (\S+)", "seed": r"^seed \d+ failed"}


class Broken(Exception):
    """The project itself does not build or does not pass, so nothing can be said of its mutants."""


@dataclass
class Outcome:
    status: str  # caught, survived or "not compiling"
    by: str = ""  # the program that caught it, and what it said
    seconds: float = 0.0


class Copy:
    """A copy of the sources that is built once, and again for each mutant."""

    def __init__(self, root, folder, skipped=()):
        self.root, self.folder = root, folder
        # Names of tests that cannot pass on this machine.
        self.filter = (f"--gtest_filter=-{':'.join(skipped)}",) if skipped else ()
        self.tree, self.build = folder / "tree", folder / "build"
        self.child = None  # the program that runs

    def prepare(self, programs, jobs):
        """Brings the copy up to date with the working tree and builds it."""
        self.synchronize()
        if not (self.build / "build.ninja").exists():
            # A build type of its own, since those of cmake/aperto_flags.cmake say how much is optimised.
            self.run_or_fail(
                "cmake", "-S", self.tree, "-B", self.build, "-G", "Ninja", "-DCMAKE_CXX_COMPILER=g++",
                "-DCMAKE_BUILD_TYPE=Mutants", "-DCMAKE_CXX_FLAGS_MUTANTS=-O1", "-DAPERTO_TESTS=ON",
                "-DAPERTO_BENCHMARKS=OFF",
            )  # fmt: skip
        self.run_or_fail("ninja", "-C", self.build, f"-j{jobs}", *programs)

    def synchronize(self):
        # With the files that are new: a test that has just been written, too.
        listing = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
        listed = subprocess.run(listing, cwd=self.root, stdout=subprocess.PIPE, text=True, check=True)
        tracked = {name for name in listed.stdout.split("\0") if name and (self.root / name).is_file()}
        for name in tracked:
            source, copy = self.root / name, self.tree / name
            if not copy.exists() or copy.read_bytes() != source.read_bytes():
                copy.parent.mkdir(parents=True, exist_ok=True)
                copy.unlink(missing_ok=True)
                shutil.copyfile(source, copy)
                shutil.copymode(source, copy)
        for copy in self.tree.rglob("*"):
            if copy.is_file() and str(copy.relative_to(self.tree)) not in tracked:
                copy.unlink()

    def environment(self, **more):
        # Names that do not exist: a silent name service may not hold a test up (resolv.conf(5)).
        named = {"CCACHE_BASEDIR": str(self.folder), "CCACHE_NOHASHDIR": "yes", "RES_OPTIONS": "timeout:1 attempts:1"}
        return {**os.environ, **named, **more}

    def run_or_fail(self, *command):
        done = subprocess.run(
            list(map(str, command)), env=self.environment(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip
        if done.returncode != 0:
            raise Broken(f"{done.stdout[-4000:]}\n{command[0]} failed")

    def measure(self, programs):
        """{program: seconds}: how long each takes without a mutant."""
        measured = {}
        for program in programs:
            outcome = self.run(program, 600)
            if outcome.status == "caught":
                raise Broken(f"without a mutant {outcome.by}")
            measured[program] = outcome.seconds
        return measured

    def run(self, program, timeout):
        """Runs one program, and ends all that it started."""
        command = [*BOUNDS, self.build / "tests" / program, *ARGUMENTS.get(program, GOOGLE_TEST + self.filter)]
        output, start = self.folder / "output", time.monotonic()
        with open(output, "wb") as into:
            child = self.child = subprocess.Popen(
                command, cwd=self.build, env=self.environment(), stdin=subprocess.DEVNULL, stdout=into,
                stderr=subprocess.STDOUT, start_new_session=True,
            )  # fmt: skip
            try:
                code = child.wait(timeout)
            except subprocess.TimeoutExpired:
                code = None
            finally:
                end_group(child)
        seconds = time.monotonic() - start
        if code == 0:
            return Outcome("survived", seconds=seconds)
        return Outcome("caught", f"{program}: {how_it_ended(code, output, timeout)}", seconds)

    def stop(self):
        """From another thread: ends the program that runs, if there is one."""
        child = self.child
        if child and child.poll() is None:
            end_group(child)

    def try_mutant(self, mutant, measured, jobs):
        """What becomes of one mutant; the copy is as it was afterwards."""
        at = self.tree / mutant.file
        original = at.read_text()
        start = time.monotonic()
        try:
            at.write_text(mutant.apply(original))
            outcome = self.first_that_catches(PROGRAMS[mutant.room], measured, jobs)
        finally:
            at.write_text(original)
        outcome.seconds = time.monotonic() - start
        return outcome

    def first_that_catches(self, programs, measured, jobs):
        for program in sorted(programs, key=measured.get):
            # Nobody compiles a mutant twice, so the cache is only asked.
            built = subprocess.run(
                ["ninja", "-C", self.build, f"-j{jobs}", program], env=self.environment(CCACHE_READONLY="yes"),
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            )  # fmt: skip
            if built.returncode != 0:
                return Outcome("not compiling")
            outcome = self.run(program, max(TIMEOUT_LEAST_SECONDS, TIMEOUT_TIMES_MEASURED * measured[program]))
            if outcome.status == "caught":
                return outcome
        return Outcome("survived")


def end_group(child):
    """The child leads a process group of its own."""
    try:
        os.killpg(child.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    child.wait()


def how_it_ended(code, output, timeout):
    """Which test it was, as far as the program told, and how it ended."""
    with open(output, "rb") as file:
        file.seek(max(0, os.path.getsize(output) - (1 << 20)))
        text = file.read().decode(errors="replace")
    said = {name: re.findall(pattern, text, re.MULTILINE) for name, pattern in MARKS.items()}
    if code is None or code < 0:
        how = f"longer than {timeout:.0f} s" if code is None else signal.Signals(-code).name
        return f"{how} in {said['ran'][-1]}" if said["ran"] else how
    return (said["failed"] + said["seed"] + [f"exit code {code}"])[0]
