# SPDX-License-Identifier: MIT
"""The virtual kernel beside the machine's own: the wire decides the same, and both send the same segments again for the same reasons.

Where two kernels of different age differ (docs/virtual.md), none of these looks."""
import pathlib
import tempfile
import unittest

from virtual_support import events, lab, needs_the_kernel

setUpModule = needs_the_kernel

SCENARIOS = {
    "retransmit": ["run", "retransmit"],
    "corruption": ["run", "corruption"],
    "reordering": ["run", "reordering"],
    "duplicates": ["run", "duplicates"],
    "the last segment": ["--server", "peer serve", "--client", "peer call --bytes 14600", "--drop", "client data#10", "--delay", "10ms"],
}


class BesideTheMachine(unittest.TestCase):
    def run_on(self, arguments, virtual):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder)
            done = lab(*arguments, *virtual, "--json", path / "json", "--save-decisions", path / "decisions")
            if done.returncode == 77:
                self.skipTest("this machine allows no namespaces")
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
            found = events(path / "json")
            again = [(e["from"], e["flow"], e["resent"]["of"], e["resent"]["times"], e["resent"]["by"]) for e in found if "resent" in e]
            summary = next(e for e in found if e["event"] == "summary")
            return (path / "decisions").read_text(), again, summary["counts_agree"]

    def test_decisions_and_causes_are_the_same(self):
        seen = 0
        for name, arguments in SCENARIOS.items():
            with self.subTest(name):
                ours, inside = self.run_on(arguments, []), self.run_on(arguments, ["--virtual"])
                self.assertEqual(ours, inside)
                self.assertTrue(inside[2], "the kernel counts otherwise than the wire")
                seen += len(inside[1])
        self.assertGreaterEqual(seen, 4)


if __name__ == "__main__":
    unittest.main()
