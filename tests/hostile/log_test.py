# SPDX-License-Identifier: MIT
"""A log that cannot be written, and messages that would lie in it: serving goes on, the log stays honest."""

import json
import os
import re
import tempfile
import time
import unittest

from attack import APERTO, Server, free_port, on_each_engine, receive, report, size

HOSTILE = {
    "escape": b"\x1b]0;owned\x07\x1b[2J",
    "line ends": b"one\r\n{\"event\":\"stopped\"}\r\n",
    "nul": b"before\0after",
    "bidi": "\u202egnp.exe \u2066hidden\u2069".encode(),
    "c1": b"\xc2\x9b31m and \xc2\x85",
    "bad utf-8": b"\xff\xfe\xc0\xaf\xed\xa0\x80\xf4\x90\x80\x80",
    "separators": "a\u2028b\u2029c".encode(),
    "quotes": b'"\\",\\u0000"}',
}
RAW = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


class Log(unittest.TestCase):
    @on_each_engine
    def test_a_full_disk_under_the_log_does_not_disturb_serving(self, engine):
        full = os.open("/dev/full", os.O_WRONLY)
        count = size(2000, 300)
        with Server(engine, "--framing", "line", "--messages", "all", output=full, port=free_port()) as server:
            began = time.monotonic()
            for number in range(count):
                self.assertEqual(server.ask(b"message\n"), b"MESSAGE\n")
            took = time.monotonic() - began
            code, _ = server.stop()
            said = server.complaint()
        os.close(full)
        lost = re.search(r"([\d,]+) log lines? (was|were) lost", said)
        report(engine, f"{count} answered in {took:.1f} s, {lost[1] if lost else 'no'} lines told of as lost", "all, at least 3 each")
        self.assertEqual(code, 0)
        self.assertTrue(lost, said)
        self.assertGreaterEqual(int(lost[1].replace(",", "")), 3 * count)

    @on_each_engine
    def test_a_log_that_nobody_reads_does_not_disturb_serving(self, engine):
        reading, writing = os.pipe()
        count = size(5000, 1000)
        with Server(engine, "--framing", "line", "--messages", "all", output=writing, port=free_port()) as server:
            os.close(writing)
            block = b"m" * 999 + b"\n"
            slowest = 0
            with server.connect() as peer:
                for number in range(count * 4):
                    began = time.monotonic()
                    peer.sendall(block)
                    self.assertEqual(len(receive(peer, len(block))), len(block))
                    slowest = max(slowest, time.monotonic() - began)
            resident = server.resident()
            code, took = server.stop()
            said = server.complaint()
        os.close(reading)
        lost = re.search(r"([\d,]+) log lines? (was|were) lost", said)
        report(engine, f"{count * 4} answered, the slowest in {slowest * 1e3:.0f} ms; {lost[1] if lost else 'no'} lines lost; "
                       f"exit {code} after {took:.1f} s", "500 ms, counted, 0, 5 s")
        self.assertTrue(lost, said)
        self.assertLess(slowest, 0.5)
        self.assertEqual(code, 0)
        self.assertLess(took, 5)

    @on_each_engine
    def test_no_byte_of_a_message_can_forge_a_line(self, engine):
        with Server(engine, "--messages", "all", service="echo") as server:
            for name, message in HOSTILE.items():
                with server.connect() as peer:
                    peer.sendall(message)
                    receive(peer, 1)
            code, _ = server.stop()
            server.log.seek(0)
            lines = server.log.read().split("\n")
        self.assertEqual(lines.pop(), "")
        events = [json.loads(line) for line in lines]
        self.assertEqual(sum(event["event"] == "stopped" for event in events), 1)
        self.assertGreaterEqual(sum(event["event"] == "message" for event in events), len(HOSTILE))
        self.assertEqual([line for line in lines if RAW.search(line)], [])
        report(engine, f"{len(HOSTILE)} hostile messages, {len(lines)} lines, each one valid object", "no raw control")

    @on_each_engine
    def test_nothing_of_a_message_reaches_the_terminal_raw(self, engine):
        with tempfile.TemporaryFile() as shown:
            with Server(engine, "--messages", "all", "--log", "text", service="echo", output=shown, port=free_port(),
                        environment={"NO_COLOR": "1"}) as server:
                for message in HOSTILE.values():
                    with server.connect() as peer:
                        peer.sendall(message)
                        receive(peer, 1)
                server.stop()
            shown.seek(0)
            text = shown.read().decode("utf-8")  # throws where it is none
        raw = [line for line in text.split("\n") if RAW.search(line)]
        report(engine, f"{len(HOSTILE)} hostile messages as text, {len(raw)} lines with a raw control", "none")
        self.assertEqual(raw, [])


if __name__ == "__main__":
    unittest.main()
