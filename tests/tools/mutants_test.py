# SPDX-License-Identifier: MIT
"""tools/mutants: what it changes and what it leaves, how it chooses, and how it tells what caught a mutant."""

import importlib.machinery
import importlib.util
import os
import sys
import tempfile
import threading
import time
import unittest
from pathlib import Path

ROOT = Path(os.environ.get("APERTO_SOURCE_DIR", Path(__file__).parents[2]))
sys.dont_write_bytecode = True
loader = importlib.machinery.SourceFileLoader("mutants", str(ROOT / "tools" / "mutants"))
mutants = importlib.util.module_from_spec(importlib.util.spec_from_loader("mutants", loader))
loader.exec_module(mutants)

from mutation.operators import mutants_of  # noqa: E402
from mutation.trial import PROGRAMS, Copy  # noqa: E402


def changes(code, operator=None):
    """What becomes of one line in a function's body."""
    found = mutants_of("src/net/x.cpp", f"void f(int a) {{\n    {code}\n}}\n")
    return {each.after.strip() for each in found if operator in (None, each.operator)}


class Operators(unittest.TestCase):
    def test_a_condition_is_negated_and_taken_for_true_and_for_false(self):
        self.assertEqual(changes("if (ready()) return;"),
                         {"if (!(ready())) return;", "if (true) return;", "if (false) return;"})
        self.assertEqual(changes("if (!at) return;"), {"if (at) return;", "if (true) return;", "if (false) return;"})
        self.assertEqual(changes("if (a == b) return;", "negated"), {"if (a != b) return;"})
        self.assertEqual(changes("if (const int n = f(); n) return;", "negated"),
                         {"if (const int n = f(); !(n)) return;"})

    def test_a_loop_is_not_made_to_run_for_ever(self):
        self.assertEqual(changes("while (more(a)) continue;"),
                         {"while (!(more(a))) continue;", "while (false) continue;"})

    def test_what_declares_a_value_is_no_condition(self):
        self.assertEqual(changes("if (auto* at = find(a)) return;"), set())

    def test_an_operand_is_dropped(self):
        self.assertEqual(changes("return a && f(b, c) || !d;", "dropped"),
                         {"return true && f(b, c) || !d;", "return a && true || !d;", "return false || !d;",
                          "return a && f(b, c) || false;"})
        self.assertEqual(changes("g(a || b, c);", "dropped"), {"g(false || b, c);", "g(a || false, c);"})

    def test_a_moved_value_and_a_template_are_no_operators(self):
        self.assertEqual(changes("take([](thing&& moved) { return moved; }, std::array<int, 4>());"), {"{}"})

    def test_a_bound_is_moved_by_one(self):
        self.assertEqual(changes("while (a < b) continue;", "bound"), {"while (a <= b) continue;"})
        self.assertEqual(changes("return a >= b;"), {"return a > b;"})
        self.assertEqual(changes("return a + 1;"), {"return a + 0;"})
        self.assertEqual(changes("return a - 1;"), {"return a - 0;"})

    def test_a_constant_is_changed(self):
        self.assertEqual(changes("return 0;"), {"return 1;"})
        self.assertEqual(changes("return 1U;"), {"return 0U;"})
        self.assertEqual(changes("return 1'000;"), {"return 1001;"})
        self.assertEqual(changes("return 0xFF'FFuL;"), {"return 0x10000uL;"})
        self.assertEqual(changes("return 1.5;"), set())

    def test_true_and_false_are_exchanged_where_they_are_returned(self):
        self.assertEqual(changes("return true;"), {"return false;"})
        self.assertEqual(changes("co_return false;"), {"co_return true;"})

    def test_a_call_or_an_assignment_is_removed(self):
        for statement in ("at->send(a);", "size_ = a;", "*last = a;", "++count_;", "co_await pause();", "a.b[c] |= d;"):
            with self.subTest(statement):
                self.assertEqual(changes(statement, "removed"), {"{}"})
        self.assertEqual(changes("if (a) go();", "removed"), {"if (a) {}"})

    def test_a_declaration_is_not_removed(self):
        for statement in ("const int b = a;", "text b(a);", "thing& b = a;", "thing* b = f();", "list<int> b(a);",
                          "return f(a);", "throw f(a);", "std::string b = f();", "return duration{f(a) - b};"):
            with self.subTest(statement):
                self.assertEqual(changes(statement, "removed"), set())

    def test_what_is_spread_over_lines_is_left_but_its_lines_are_not(self):
        found = mutants_of("src/net/x.cpp", "bool f() {\n    return a &&\n           g(b);\n}\n")
        self.assertEqual([(each.line, each.after.strip()) for each in found], [(2, "return true &&"), (3, "true;")])


class Tokens(unittest.TestCase):
    def test_comments_texts_and_assertions_are_left(self):
        for code in ("// a < b + 1;", "/* f(1); */", "assert(a < 1 && f(a));", "static_assert(sizeof(int) == 4);",
                     'return "a < 1 \\" && 2";', "return '1';", 'return R"x(if (a) f(1);)")x";',
                     "[[maybe_unused]] int b;"):
            with self.subTest(code):
                self.assertEqual(changes(code), set())

    def test_what_is_in_no_function_is_left(self):
        source = "\n".join(("#include <a>", "#define B(x) if (x) f(1);", "namespace n {", "constexpr int a = 1;",
                            "const t b[] = {{1, 2}};", "enum class e { x = 1 };", "class c {", "    c(int a);",
                            "    int d_ = 1 + 1;", "    c& operator=(const c&) = delete;", "};", "}"))
        self.assertEqual(mutants_of("src/net/x.hpp", source), [])

    def test_a_body_in_a_class_is_code(self):
        source = "class c {\n    int get() const noexcept { return a_ + 1; }\n    int a_ = 1;\n};\n"
        self.assertEqual([each.after.strip() for each in mutants_of("src/net/x.hpp", source)],
                         ["int get() const noexcept { return a_ + 0; }"])


class Identity(unittest.TestCase):
    code = "void f() {\n    go(1);\n}\nvoid g() {\n    go(1);\n}\n"

    def test_an_id_is_of_what_a_line_says_not_of_where_it_is(self):
        before = mutants_of("src/net/x.cpp", self.code)
        after = mutants_of("src/net/x.cpp", "// more\n\n" + self.code)
        self.assertEqual([each.id for each in before], [each.id for each in after])
        self.assertEqual(len({each.id for each in before}), 4)

    def test_a_mutant_is_a_change_of_its_line_alone(self):
        for each in mutants_of("src/net/x.cpp", self.code):
            lines = each.apply(self.code).split("\n")
            changed = [at for at, (new, old) in enumerate(zip(lines, self.code.split("\n"))) if new != old]
            self.assertEqual(changed, [each.line - 1])

    def test_every_mutant_of_the_tree_has_an_id_of_its_own(self):
        found = mutants.all_mutants()
        self.assertGreater(len(found), 3000)
        self.assertEqual(len({each.id for each in found}), len(found))
        self.assertEqual({each.room for each in found}, {"core", "io", "net", "server"})

    def test_what_is_equivalent_is_so_for_a_reason(self):
        for identity, why in mutants.equivalent().items():
            self.assertGreater(len(why), 20, identity)


class Choice(unittest.TestCase):
    def test_a_seed_chooses_the_same_again_and_each_room_has_its_share(self):
        found = mutants.all_mutants()
        chosen = mutants.choose(found, 100, "7")
        self.assertEqual(chosen, mutants.choose(found, 100, "7"))
        self.assertEqual(chosen[:10], mutants.choose(found, 10, "7"))
        self.assertNotEqual(chosen, mutants.choose(found, 100, "8"))
        for room in mutants.ROOMS:
            of_all = sum(each.room == room for each in found) * 100 / len(found)
            self.assertAlmostEqual(sum(each.room == room for each in chosen), of_all, delta=2)

    def test_no_mutant_is_chosen_twice(self):
        found = mutants.all_mutants()[:50]
        self.assertEqual(len(set(mutants.choose(found, 100, "1"))), 50)


def program_of(folder, script):
    """A copy in which test_net does this."""
    copy = Copy(ROOT, Path(folder))
    program = copy.build / "tests" / "test_net"
    program.parent.mkdir(parents=True)
    program.write_text("#!/bin/sh\n" + script)
    program.chmod(0o755)
    return copy


class Trial(unittest.TestCase):
    def run_program(self, script, timeout=20):
        with tempfile.TemporaryDirectory() as folder:
            copy = program_of(folder, script)
            outcome = copy.run("test_net", timeout)
            self.pid_file = (copy.build / "pid").read_text() if (copy.build / "pid").exists() else ""
            return outcome.status, outcome.by

    def test_a_program_that_passes_has_not_caught_it(self):
        self.assertEqual(self.run_program("exit 0"), ("survived", ""))

    def test_a_test_that_fails_is_named(self):
        said = "echo '[ RUN      ] A.B/epoll'; echo '[  FAILED  ] A.B/epoll, where x (3 ms)'"
        self.assertEqual(self.run_program(said + "; exit 1"), ("caught", "test_net: A.B/epoll"))
        self.assertEqual(self.run_program("exit 3"), ("caught", "test_net: exit code 3"))

    def test_a_crash_is_named_by_its_signal_and_the_test_it_was_in(self):
        self.assertEqual(self.run_program("echo '[ RUN      ] A.B'; kill -SEGV $$"),
                         ("caught", "test_net: SIGSEGV in A.B"))

    def test_what_takes_too_long_is_ended_with_all_it_started(self):
        start = time.monotonic()
        status, by = self.run_program("sleep 60 & echo $! > pid; wait", timeout=1)
        self.assertEqual((status, by), ("caught", "test_net: longer than 1 s"))
        self.assertLess(time.monotonic() - start, 20)
        child = Path("/proc") / self.pid_file.strip() / "stat"
        deadline = time.monotonic() + 10
        while child.exists() and child.read_text().rsplit(")", 1)[1].split()[0] != "Z":
            self.assertLess(time.monotonic(), deadline, "it still runs")
            time.sleep(0.01)

    def test_a_run_that_is_stopped_leaves_nothing_that_runs(self):
        with tempfile.TemporaryDirectory() as folder:
            copy = program_of(folder, "sleep 60")
            running = threading.Thread(target=copy.run, args=("test_net", 60))
            running.start()
            deadline = time.monotonic() + 10
            while not copy.child and time.monotonic() < deadline:
                time.sleep(0.01)
            copy.stop()
            running.join(10)
            self.assertFalse(running.is_alive())
            self.assertEqual(copy.child.returncode, -9)

    def test_the_copy_is_as_it_was_afterwards(self):
        with tempfile.TemporaryDirectory() as folder:
            copy = Copy(ROOT, Path(folder))
            source = "bool f() {\n    return true;\n}\n"
            at = copy.tree / "src" / "net" / "x.cpp"
            at.parent.mkdir(parents=True)
            at.write_text(source)
            # There is no build: ninja fails.
            measured = dict.fromkeys(PROGRAMS["net"], 1)
            outcome = copy.try_mutant(mutants_of("src/net/x.cpp", source)[0], measured, 1)
            self.assertEqual(outcome.status, "not compiling")
            self.assertEqual(at.read_text(), source)


if __name__ == "__main__":
    unittest.main()
