# SPDX-License-Identifier: MIT
"""The lab's causes of retransmissions against the kernels' own counters, over many bad networks.

Each run has a network and a way for TCP to be set, both from its number, and is judged by what both hosts' kernels
counted (TCPTimeouts, TCPFastRetrans, TCPSlowStartRetrans, TCPSynRetrans, TCPLossProbes, RetransSegs). At most one run
in a hundred may differ; the table says where. APERTO_LAB_FULL=1 makes it 352 runs, and prints what docs/lab.md shows."""
import concurrent.futures
import pathlib
import tempfile
import unittest

from lab_support import FULL, lab, needs, packets, summary

LOSSES = (1, 2, 3, 5, 8, 10, 15, 20, 25, 30)
DELAYS = ("1ms", "10ms", "25ms", "50ms")
COUNTERS = ("RetransSegs", "TCPTimeouts", "TCPFastRetrans", "TCPSlowStartRetrans", "TCPSynRetrans", "TCPLossProbes")
BULK, TALK = "peer call --bytes {}", "peer call --bytes {} --write-size 1000 --write-pause 10ms"
BURSTS = ["--burst-enter", "2%", "--burst-leave", "40%", "--burst-bad-loss", "100%"]
SACK_OFF, PROBES, STAMPS = "tcp_sack=0", "tcp_early_retrans=3", "tcp_timestamps=1"
# What the table calls it, how TCP is set, what else the wire does; loss comes beside it unless it has its own.
NETWORKS = (
    ("loss", [], []),
    ("loss, no SACK", [SACK_OFF], []),
    ("loss, tail probes", [PROBES], []),
    ("loss, timestamps", [STAMPS], []),
    ("loss, tail probes, timestamps", [PROBES, STAMPS], []),
    ("loss, tail probes, short messages", [PROBES], []),
    ("bursts", [], BURSTS),
    ("bursts, tail probes", [PROBES], BURSTS),
    ("bursts, no SACK", [SACK_OFF], BURSTS),
    ("loss, MTU smaller or lowered", [], None),
    ("loss, SYN or SYN/ACK lost", [PROBES], None),
)


def arguments(number):
    """The run's options: eleven networks, each at ten shares of loss or, where it has its own, at ten seeds."""
    name, settings, more = NETWORKS[number % len(NETWORKS)]
    turn = number // len(NETWORKS)
    loss = LOSSES[turn % len(LOSSES)]
    size = 300_000 if loss <= 5 else 120_000 if loss <= 10 else 40_000 if loss <= 20 else 20_000
    if more is None:
        more = (["--mtu", ("1200", "900@200ms..10s", "576", "1000@100ms..20s")[turn % 4]] if "MTU" in name else
                ["--drop", ("client syn#1", "server syn-ack#1")[turn % 2]])
    client = TALK.format(min(size, 60_000)) if "messages" in name else BULK.format(size)
    out = ["--server", "peer serve", "--client", client, "--seed", number + 1,
           "--delay", DELAYS[(turn + number) % len(DELAYS)], "--timeout", "30s", *more]
    for one in settings:
        out += ["--setting", one]
    return out + ([] if more is BURSTS else ["--loss", f"{loss}%"])


def setUpModule():
    needs(True, "")


class Counts(unittest.TestCase):
    def test_the_causes_are_those_the_kernels_counted(self):
        # The first four shares of loss, up to 5 %: beyond, a run may back off for its whole half minute.
        numbers = range(352 if FULL else 44)
        with tempfile.TemporaryDirectory() as folder, concurrent.futures.ThreadPoolExecutor(8) as pool:
            told = list(pool.map(lambda number: self.one(pathlib.Path(folder), number), numbers))
        rows = {name: {"runs": 0, "agree": 0, **{one: [0, 0] for one in COUNTERS}} for name, _, _ in NETWORKS}
        differing = []
        for number, counts in zip(numbers, told):
            row = rows[NETWORKS[number % len(NETWORKS)][0]]
            row["runs"] += 1
            wrong = [one for one in counts if not one["agrees"]]
            row["agree"] += not wrong
            for one in counts:
                row[one["counter"]][0] += one["wire"]
                row[one["counter"]][1] += one["kernel"][0]
            if wrong:
                differing.append(f"run {number} (aperto lab {' '.join(map(repr, map(str, arguments(number))))}): {wrong}")
        print_table(rows)
        print(*differing, sep="\n", flush=True)
        self.assertGreater(sum(row["RetransSegs"][1] for row in rows.values()), 5 * len(numbers), "the networks were bad")
        self.assertLessEqual(len(differing), max(1, len(numbers) // 100), "\n".join(differing))

    def test_data_in_a_syn_that_the_server_does_not_take_is_due_again(self):
        program = ("import socket\ns = socket.socket()\ns.sendto(b'early', socket.MSG_FASTOPEN, ('server', 9999))\n"
                   "s.shutdown(socket.SHUT_WR)\nprint(s.recv(9))\n")
        for more, causes in (([], ["syn-data"]), (["--drop", "client syn#1"], ["timeout", "after-timeout"])):
            seen, told = self.by_programs(None, program, "--setting", "tcp_fastopen=5", "--delay", "10ms", *more)
            self.assertEqual([one["resent"]["by"] for one in seen if "resent" in one], causes)
            self.assertEqual([one for one in seen if "seen-before" in one.get("marks", [])], [])
            self.assertTrue(told["counts_agree"], told["counts"])

    def test_who_opens_at_the_same_time_repeats_nothing(self):
        server = ("import socket\nsocket.create_server(('', 9999)).accept()\ns = socket.socket()\ns.bind(('', 7000))\n"
                  "s.connect(('client', 7001))\ns.sendall(b'hi')\ns.recv(9)\n")
        client = ("import socket, time\nfirst = socket.create_connection(('server', 9999))\ntime.sleep(0.15)\n"
                  "s = socket.socket()\ns.bind(('', 7001))\ns.connect(('server', 7000))\ns.sendall(b'ho')\ns.recv(9)\n")
        seen, told = self.by_programs(server, client, "--delay", "300ms")
        opens = [one for one in seen if one["flow"] == 2 and "SYN" in one["flags"]]
        self.assertEqual(sorted((one["from"], one["flags"]) for one in opens if "resent" not in one),
                         [("client", "SYN"), ("client", "SYN/ACK"), ("server", "SYN"), ("server", "SYN/ACK")])
        self.assertTrue(told["counts_agree"], told["counts"])

    def by_programs(self, server, client, *more):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder)
            commands = {"server": "peer serve --upper", "client": ""}
            for side, text in (("server", server), ("client", client)):
                if text:
                    (path / f"{side}.py").write_text(text, encoding="utf-8")
                    commands[side] = f"python3 {path / side}.py"
            done = lab("--server", commands["server"], "--client", commands["client"], "--json", path / "run.jsonl",
                       "--show", "none", *more)
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
            return packets(path / "run.jsonl"), summary(path / "run.jsonl")

    def one(self, folder, number):
        path = folder / f"{number}.jsonl"
        done = lab(*arguments(number), "--json", path, "--show", "none")
        self.assertIn(done.returncode, (0, 124), done.stdout + done.stderr)
        counts = summary(path)["counts"]
        self.assertEqual({one["counter"] for one in counts}, set(COUNTERS))
        path.unlink()
        return counts


def print_table(rows):
    """Each pair is what the wire told and what the kernels counted."""
    print("\n| network | runs | equal | " + " | ".join(COUNTERS) + " |")
    print("| --- " * (3 + len(COUNTERS)) + "|")
    for name, row in rows.items():
        pairs = " | ".join(f"{row[one][0]:,} / {row[one][1]:,}" for one in COUNTERS)
        print(f"| {name} | {row['runs']} | {row['agree']} | {pairs} |", flush=True)


if __name__ == "__main__":
    unittest.main()
