# SPDX-License-Identifier: MIT
"""`--samples` and `--until`: what the kernels say of the sockets, beside what crossed the wire; and looking changes nothing."""
import pathlib
import tempfile
import unittest

from virtual_support import FULL, events, fingerprint, lab, needs_the_kernel

setUpModule = needs_the_kernel

TRANSFER = ["--server", "peer serve", "--client", "peer call --bytes 200000", "--loss", "5%", "--delay", "20ms"]
SCENARIOS = {
    "a transfer": [*TRANSFER, "--jitter", "5ms"],
    "our own": ["--loss", "10%"],
    "epoll": ["--server", "aperto serve --engine epoll", "--client", "aperto send --host server --engine epoll hello", "--loss", "10%"],
    "a rate": ["--server", "peer serve", "--client", "peer call --bytes 100000", "--rate", "10mbit", "--delay", "7ms", "--reorder", "5%"],
    "python and curl": ["--server", "python3 -m http.server 80", "--client", "curl -s http://server/", "--loss", "5%"],
}
SEEDS = range(1, 11) if FULL else (7,)
# Without APERTO_LAB_FULL=1 the first of them, and fewer intervals.
SHARE = SCENARIOS if FULL else dict(list(SCENARIOS.items())[:3])
INTERVALS = ("10ms", "1ms", "70ms") if FULL else ("10ms",)


def acknowledged(packets, whose, before_us):
    """The highest acknowledgement that had arrived at the host by then."""
    return max((p["ack"] for p in packets if p["from"] != whose and p.get("arrived_us", before_us + 1) <= before_us), default=0)


def in_order(packets, whose, before_us):
    """The next byte that the host waits for: past all that had arrived at it without a gap."""
    edge = 0
    for p in sorted((p for p in packets if p["from"] != whose and p.get("arrived_us", before_us + 1) <= before_us), key=lambda p: p["seq"]):
        if p["seq"] <= edge:
            edge = max(edge, p["end_seq"])
    return edge


class Sockets(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.path = pathlib.Path(self.folder.name)

    def run_lab(self, *arguments, expected=0):
        done = lab(*arguments, "--json", self.path / "json", cwd="/")
        self.assertEqual(done.returncode, expected, done.stdout + done.stderr)
        found = [e for e in events(self.path / "json") if e["event"] != "virtual"]
        return done, found

    def test_looking_changes_nothing(self):
        for name, arguments in SHARE.items():
            for seed in SEEDS:
                with self.subTest(name, seed=seed):
                    traces = []
                    for samples in ([], *(["--samples", each] for each in INTERVALS)):
                        _, found = self.run_lab("--virtual", "--seed", seed, *arguments, *samples, "--pcap", self.path / "pcap")
                        traces.append(([e for e in found if e["event"] != "sample"], fingerprint(self.path / "pcap")))
                        seen = [e for e in found if e["event"] == "sample"]
                        self.assertEqual(bool(seen), bool(samples))
                    for other in traces[1:]:
                        self.assertEqual(traces[0], other)

    def test_samples_agree_with_the_wire(self):
        _, found = self.run_lab("--virtual", *TRANSFER, "--samples", "10ms", "--html", self.path / "page")
        packets = [e for e in found if e["event"] == "packet"]
        samples = [e for e in found if e["event"] == "sample" and e["state"] == "ESTABLISHED"]
        self.assertGreater(len(samples), 30)
        for one in samples:
            self.assertEqual(one["snd_una"], acknowledged(packets, one["from"], one["at_us"]), one)
            self.assertEqual(one["rcv_nxt"], in_order(packets, one["from"], one["at_us"]), one)
        client = [e for e in samples if e["from"] == "client"]
        self.assertGreater(max(e["cwnd"] for e in client), 10)
        self.assertTrue(any("ssthresh" in e for e in client))
        moments = sorted({e["at_us"] for e in samples})
        self.assertTrue(all(round(b - a, 3) % 10_000 == 0 for a, b in zip(moments, moments[1:])), moments[:5])
        self.assertIn('"event":"sample"', (self.path / "page").read_text())

    def test_it_stops_at_a_packet(self):
        done, found = self.run_lab("--virtual", *TRANSFER, "--until", "client data#40")
        packets = [e for e in found if e["event"] == "packet"]
        stopped = next(e for e in found if e["event"] == "stopped")
        last = packets[-1]
        self.assertEqual((last["n"], last["data"], last["fate"]), (stopped["packet"], 40, "lost"))
        sockets = {e["from"]: e for e in found if e["event"] == "socket"}
        self.assertEqual(set(sockets), {"client", "server"})
        for side, one in sockets.items():
            self.assertEqual(one["snd_una"], acknowledged(packets, side, stopped["at_us"]))
            self.assertEqual(one["rcv_nxt"], in_order(packets, side, stopped["at_us"]))
        self.assertGreaterEqual(sockets["client"]["snd_nxt"], last["end_seq"])
        self.assertEqual(sockets["client"]["timer"], "retransmission")
        self.assertIn(f"stopped at packet {last['n']}", done.stdout)

    def test_it_stops_at_a_moment_and_at_a_number(self):
        for until in ("0.15s", "30"):
            _, found = self.run_lab("--virtual", *TRANSFER, "--until", until)
            stopped = next(e for e in found if e["event"] == "stopped")
            packets = [e for e in found if e["event"] == "packet"]
            if until == "30":
                self.assertEqual((stopped["packet"], len(packets)), (30, 30))
            else:
                self.assertEqual(stopped["at_us"], 150_000)
                self.assertLessEqual(packets[-1]["sent_us"], 150_000)

    def test_what_came_before_is_the_run_that_was_not_stopped(self):
        _, whole = self.run_lab("--virtual", *TRANSFER)
        _, part = self.run_lab("--virtual", *TRANSFER, "--until", "60")
        whole, part = ([e for e in run if e["event"] == "packet" and e.get("cause") != "ended"] for run in (whole, part))
        self.assertGreater(len(part), 30)
        self.assertEqual([e for e in part if e["n"] <= 40], [e for e in whole if e["n"] <= 40])

    def test_a_run_that_ends_before_is_told(self):
        done, _ = self.run_lab("--virtual", "--until", "5000", expected=1)
        self.assertIn('ended before "5000"', done.stderr)

    def test_what_makes_no_sense_is_refused(self):
        for until in ("", "0", "3 parsecs", "lost client data", "nothing#1"):
            with self.subTest(until):
                self.assertEqual(lab("--virtual", "--until", until).returncode, 2)

    def test_the_machine_s_own_kernel_tells_the_same_words(self):
        done = lab(*TRANSFER, "--until", "client data#40", "--samples", "10ms", "--json", self.path / "json")
        if done.returncode == 77:
            self.skipTest("this machine allows no namespaces")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        found = events(self.path / "json")
        sockets = {e["from"]: e for e in found if e["event"] == "socket"}
        self.assertEqual(sockets["client"]["state"], "ESTABLISHED")
        self.assertTrue(any(e["event"] == "sample" for e in found))


if __name__ == "__main__":
    unittest.main()
