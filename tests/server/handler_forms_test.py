# SPDX-License-Identifier: MIT
"""What is no handler does not compile, and one sentence says what a handler is."""

import os
import shutil
import subprocess
import unittest
from pathlib import Path

SOURCE_DIR = Path(os.environ.get("APERTO_SOURCE_DIR", Path(__file__).resolve().parents[2]))

HANDLERS = {
    "text": '[](std::string_view message) { return std::string(message); }',
    "exchange": '[](std::string_view message, aperto::exchange& with) { with.reply(message); }',
    "later": '[](std::string_view message) -> aperto::task<std::string> { co_return std::string(message); }',
    "exchange_later": '[](std::string_view message, aperto::exchange& with) -> aperto::task<> { with.reply(message); co_return; }',
    "session": '[](aperto::stream peer) -> aperto::task<> { co_await peer.write("x"); }',
    "any": '[](auto peer) -> aperto::task<> requires std::same_as<decltype(peer), aperto::stream> { co_await peer.write("x"); }',
}
NO_HANDLERS = {
    "reference": '[](aperto::stream& peer) -> aperto::task<> { co_await peer.write("x"); }',
    "moved_reference": '[](aperto::stream&& peer) -> aperto::task<> { co_await peer.write("x"); }',
    "number": "[](std::string_view message) { return message.size(); }",
    "nothing": "[] {}",
    "no_task": "[](aperto::stream peer) { peer.abort(); }",
    "no_function": "42",
}
PROGRAM = """
#include <aperto/aperto.hpp>
{function}
int main() {{ return aperto::serve(9999, {handler}); }}
"""


class HandlerForms(unittest.TestCase):
    def compile(self, handler, function=""):
        command = [*(["ccache"] if shutil.which("ccache") else []), "g++", "-std=c++20", f"-I{SOURCE_DIR / 'include'}",
                   "-fsyntax-only", "-x", "c++", "-"]
        return subprocess.run(command, input=PROGRAM.format(handler=handler, function=function), text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

    def test_each_form_is_taken(self):
        for name, handler in HANDLERS.items():
            with self.subTest(name):
                done = self.compile(handler)
                self.assertEqual(done.returncode, 0, done.stdout)

    def test_what_is_none_is_told_so_in_one_sentence(self):
        for name, handler in NO_HANDLERS.items():
            with self.subTest(name):
                self.refused(self.compile(handler))
        self.refused(self.compile("session", "aperto::task<> session(aperto::stream&& peer) { co_await peer.write(\"x\"); }"))

    def test_a_wait_that_nobody_awaits_is_told(self):
        """What was forgotten is a `co_await`: nothing would be read, written or waited for."""
        waits = ("peer.read_line()", "peer.read_some()", 'peer.write("x")', "peer.flush()", "peer.close()",
                 "peer.read_into(memory)", "peer.write_message({})", "door.accept()", "set.wait()", "places.acquire()",
                 "values.pop()", "values.push(1)", "aperto::sleep(1s)", "aperto::yield()", "here.readable(0)",
                 "aperto::aside([] {})", "wanted.next()", "aperto::with_timeout(1s, peer.read_line())",
                 "aperto::first(set.wait(), aperto::sleep(1s))", 'aperto::connect("localhost:1")')
        lines = "\n".join(f"#line {number}\n{wait};" for number, wait in enumerate(waits, 1001))
        done = self.compile("session", f"""using namespace std::chrono_literals;
            aperto::task<> wait(aperto::stream& peer, aperto::listener& door, aperto::event& set, aperto::semaphore& places,
                                aperto::queue<int>& values, aperto::loop& here, aperto::signals& wanted,
                                std::span<char> memory) {{
            {lines}
            co_return;
            }}
            aperto::task<> session(aperto::stream) {{ co_return; }}""")
        self.assertEqual(done.returncode, 0, done.stdout)
        for number, wait in enumerate(waits, 1001):
            self.assertRegex(done.stdout, rf":{number}:.*nodiscard", wait)

    def refused(self, done):
        self.assertNotEqual(done.returncode, 0)
        errors = [line for line in done.stdout.splitlines() if "error:" in line]
        self.assertEqual(len(errors), 1, done.stdout)
        self.assertIn("a handler is called with a std::string_view, alone (and gives the answer", errors[0])


if __name__ == "__main__":
    unittest.main()
