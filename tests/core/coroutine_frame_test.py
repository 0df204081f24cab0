# SPDX-License-Identifier: MIT
"""A coroutine that the compiler lays out wrongly (GCC PR 106188) does not compile, or ends the program; a right one runs."""

import os
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

SOURCE_DIR = Path(os.environ.get("APERTO_SOURCE_DIR", Path(__file__).resolve().parents[2]))

# Each answers three reads; `said` counts what it wrote.
WRONG_ON_GCC_12 = {
    "loop": "while (co_await read()) co_await write();",
    "block": "while (co_await read()) { co_await write(); }",
    "nested": "while (co_await read()) { const int one = 1; said += one; }",
    "last": "do { co_await write(); } while (co_await read());",
    "counted": "for (; co_await read();) co_await write();",
    "negated": "while (!!(co_await read())) co_await write();",
    "choice": "if (co_await read()) said += 3;",
    "cases": "switch (co_await read()) { case true: said += 3; }",
}
RIGHT = {
    "named": "while (const bool more = co_await read()) { co_await write(); (void)more; }",
    "declared": "int before = 3; while (co_await read()) said += before / 3;",
    "plain": "co_await write(); co_await write(); co_await write();",
    "inside": "for (;;) { const bool more = co_await read(); if (!more) break; co_await write(); }",
}
PROGRAM = """
#include "aperto/task.hpp"
#include <cstdio>

int left = 3;
int said = 0;
aperto::task<bool> read() {{ co_return left-- > 0; }}
aperto::task<> write() {{ ++said; co_return; }}
aperto::task<> {name}() {{ {body} }}

struct runner {{
    struct promise_type : aperto::detail::promise_base {{
        runner get_return_object() {{ return {{}}; }}
        std::suspend_never initial_suspend() const noexcept {{ return {{}}; }}
        std::suspend_never final_suspend() const noexcept {{ return {{}}; }}
        void return_void() const noexcept {{}}
        void unhandled_exception() const {{ throw; }}
    }};
}};
runner run(aperto::task<> work) {{ co_await work; }}

int main() {{
    run({name}());
    std::printf("said %d\\n", said);
}}
"""


class CoroutineFrame(unittest.TestCase):
    def build(self, compiler, level, name, body):
        """The compiler's exit code and words; the program is self.program."""
        self.program = Path(self.folder.name) / "program"
        source = self.program.with_suffix(".cpp")
        source.write_text(PROGRAM.format(name=name, body=body))
        done = subprocess.run(
            [compiler, "-std=c++20", level, "-I", SOURCE_DIR / "include", source, SOURCE_DIR / "src/core/task.cpp", "-o",
             self.program], capture_output=True, text=True, check=False)
        return done.returncode, done.stderr

    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)

    def assert_runs(self, compiler, level, name, body):
        code, words = self.build(compiler, level, name, body)
        self.assertEqual(code, 0, words)
        done = subprocess.run([self.program], capture_output=True, text=True, timeout=20, check=False)
        self.assertEqual((done.stdout, done.returncode), ("said 4\n" if name == "last" else "said 3\n", 0), done.stderr)

    def test_right_ones_run(self):
        for level in ("-O0", "-O1", "-O2"):
            for name, body in RIGHT.items():
                with self.subTest(level=level, name=name):
                    self.assert_runs("g++", level, name, body)

    def test_wrong_ones_do_not_compile_and_are_named(self):
        for name, body in WRONG_ON_GCC_12.items():
            with self.subTest(name=name):
                code, words = self.build("g++", "-O1", name, body)
                if code == 0:  # a compiler without this fault
                    self.assert_runs("g++", "-O1", name, body)
                    continue
                self.assertIn("GCC miscompiles this coroutine, PR 106188", words)
                self.assertIn(f"void {name}(", words)

    def test_without_optimization_the_first_call_ends_the_program_with_words(self):
        for name, body in WRONG_ON_GCC_12.items():
            with self.subTest(name=name):
                code, words = self.build("g++", "-O0", name, body)
                self.assertEqual(code, 0, words)
                done = subprocess.run([self.program], capture_output=True, text=True, timeout=20, check=False)
                if done.returncode == 0:
                    self.assertEqual(done.stdout, "said 4\n" if name == "last" else "said 3\n")
                    continue
                self.assertEqual(done.returncode, -6, done)
                self.assertIn("PR 106188", done.stderr)
                self.assertEqual(done.stdout, "")

    def test_another_compiler_runs_them_all(self):
        compiler = shutil.which("clang++-19")
        if compiler is None:
            self.skipTest("clang++-19 is not installed")
        for name, body in {**WRONG_ON_GCC_12, **RIGHT}.items():
            with self.subTest(name=name):
                self.assert_runs(compiler, "-O1", name, body)


if __name__ == "__main__":
    unittest.main()
