# SPDX-License-Identifier: MIT
"""The server and the client of this project, judged under Linux's own TCP on a bad network, by seeds, with both engines.

Each scenario of judged/ says what must hold; judged/judge.py, which has nothing of aperto in it, sees to it. All of them with
APERTO_LAB_FULL=1: 120 seeds each, 1,080 for each engine; APERTO_JUDGED_SEEDS=A..B names others."""
import os
import pathlib
import subprocess
import unittest

from virtual_support import EVERYWHERE, FULL, PROGRAM, ROOT, needs_the_kernel

setUpModule = needs_the_kernel
SEEDS = os.environ.get("APERTO_JUDGED_SEEDS") or ("1..120" if FULL else "1..2")
SCENARIOS = sorted(pathlib.Path(__file__).parent.glob("judged/*.toml"))
# Those of io_uring are made of those of epoll, and stay, so that the command that repeats a failure works.
MADE = ROOT / "build/judged"


def scenario_for(engine, path):
    if engine == "epoll":
        return path.relative_to(ROOT)
    MADE.mkdir(parents=True, exist_ok=True)
    out = MADE / f"{path.stem}-{engine}.toml"
    out.write_text(path.read_text().replace("epoll", engine))
    return out.relative_to(ROOT)


class Product(unittest.TestCase):
    def judge(self, engine):
        self.assertGreaterEqual(len(SCENARIOS), 9)
        for path in SCENARIOS:
            with self.subTest(path.stem, engine=engine):
                done = subprocess.run([PROGRAM, "lab", "sweep", str(scenario_for(engine, path)), "--seeds", SEEDS], cwd=ROOT,
                                      env=EVERYWHERE, capture_output=True, text=True, timeout=3600, stdin=subprocess.DEVNULL)
                print(f"{engine}: {path.stem}: {done.stdout.splitlines()[-1] if done.stdout else ''}", flush=True)
                self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_the_judge_sees_an_answer_that_comes_twice(self):
        MADE.mkdir(parents=True, exist_ok=True)
        lie = MADE / "lie.toml"
        judge = "python3 -S tests/virtual/judged/judge.py"
        lie.write_text(f'server = "{judge} server lies"\nclient = "{judge} lines"\nexpect = ["client exits 0"]\n')
        done = subprocess.run([PROGRAM, "lab", "sweep", str(lie.relative_to(ROOT)), "--seeds", "1..2"], cwd=ROOT, env=EVERYWHERE,
                              capture_output=True, text=True, timeout=120, stdin=subprocess.DEVNULL)
        self.assertEqual(done.returncode, 1, done.stdout + done.stderr)
        self.assertIn("WRONG: ", done.stdout)

    def test_epoll(self):
        self.judge("epoll")

    def test_uring(self):
        self.judge("uring")


if __name__ == "__main__":
    unittest.main()
