# SPDX-License-Identifier: MIT
"""Connections by the thousand, most of them ended rudely: afterwards nothing is left of them."""

import os
import unittest

from attack import Server, attack, free_port, on_each_engine, report, size, wait_until

MIB = 1024 * 1024
# In CI other tests have the cores too: there it is what the storm leaves that counts.
RATE = size(5000, 500)


class Storm(unittest.TestCase):
    @on_each_engine
    def test_resets_in_every_state_leave_nothing(self, engine):
        count = size(100_000, 12_000)
        with Server(engine, "--framing", "line", "--messages", "none") as server:
            server.ask(b"first\n")
            server.wait_for("closed")
            descriptors = server.descriptors()
            storm = attack("storm", server.port, count)
            wait_until(lambda: server.descriptors() <= descriptors, 5, "the descriptors to be given back")
            left = server.descriptors() - descriptors
            self.assertEqual(server.ask(b"still here\n"), b"STILL HERE\n")
            code, _ = server.stop()
            events = server.events()
        accepted, closed = (sum(event["event"] == name for event in events) +
                            sum(event[name] for event in events if event["event"] == "clients")  # those told of together
                            for name in ("accepted", "closed"))
        report(engine, f"{count} resets in six states, {storm['rate']} a second; {left} descriptors left, {accepted} accepted, "
                       f"{closed} closed", f"{RATE} a second, none left, as many closed as accepted, exit 0")
        self.assertGreaterEqual(storm["least_in_a_state"], count // 6)
        self.assertGreaterEqual(storm["rate"], RATE)
        self.assertLessEqual(left, 0)
        self.assertEqual(code, 0)
        self.assertEqual(accepted, closed)

    @on_each_engine
    def test_connections_opened_and_closed_leave_memory_and_descriptors_flat(self, engine):
        count = size(1_000_000, 10_000)
        with Server(engine, "--framing", "line", "--messages", "none", output=os.open(os.devnull, os.O_WRONLY),
                    port=free_port()) as server:
            attack("cycle", server.port, count // 10)
            looks = [0, server.descriptors()]

            def settled():
                looks.append(server.descriptors())
                return looks[-1] == looks[-2]

            wait_until(settled, 5, "the last descriptors to be given back", interval=0.1)
            before, descriptors = server.resident(), looks[-1]
            took = attack("cycle", server.port, count)["seconds"]
            wait_until(lambda: server.descriptors() <= descriptors, 5, "the descriptors to be given back")
            grown, left = server.resident() - before, server.descriptors() - descriptors
        report(engine, f"{count} connections in {took:.0f} s: memory grew by {grown / 1024:.0f} KiB, {left} descriptors left",
               "1024 KiB, none")
        self.assertLess(grown, MIB)
        self.assertLessEqual(left, 0)


if __name__ == "__main__":
    unittest.main()
