# SPDX-License-Identifier: MIT
"""What the ladder says of a packet is what tshark says of it, over a long run with every fault on."""
import pathlib
import shutil
import subprocess
import tempfile
import unittest

from lab_support import lab, needs, packets

FIELDS = {
    "ip.src": None, "ip.ttl": "ttl", "ip.dsfield.ecn": "ecn", "ip.len": "length", "tcp.srcport": "sport", "tcp.dstport": "dport",
    "tcp.flags": None, "tcp.seq_raw": "raw_seq", "tcp.ack_raw": "raw_ack", "tcp.seq": "seq", "tcp.ack": "ack", "tcp.len": "payload",
    "tcp.window_size_value": "raw_window", "tcp.window_size": "window", "tcp.options.mss_val": "mss",
    "tcp.options.wscale.shift": "wscale", "tcp.options.sack_perm": None, "tcp.options.sack_le": None, "tcp.options.sack_re": None,
    "tcp.options.timestamp.tsval": "tsval", "tcp.options.timestamp.tsecr": "tsecr", "tcp.checksum.status": None, "tcp.checksum": None,
    "tcp.checksum_calculated": None, "ip.id": None}
BITS = {"FIN": 1, "SYN": 2, "RST": 4, "PSH": 8, "ACK": 16, "URG": 32, "ECE": 64, "CWR": 128, "AE": 256}
# A burst is counted in packets, and a sender that backs off sends one after 200 ms, 400 ms, 800 ms…: only short ones end in time.
ALL_FAULTS = ["--loss", "1%", "--burst-enter", "0.1%", "--burst-leave", "80%", "--reorder", "2%", "--duplicate", "1%", "--corrupt", "1%",
              "--corrupt-where", "header", "--jitter", "200us", "--delay", "500us", "--keep-order", "false", "--ecn", "2%",
              "--setting", "tcp_ecn=1", "--setting", "tcp_timestamps=1"]


def is_damaged(read):
    """What tshark says of the checksum; but 0xffff, which the kernel writes, is the other zero of ones' complement (RFC 1624), and not wrong."""
    other_zero = read["tcp.checksum"] == "0xffff" and read["tcp.checksum_calculated"] == "0x0000"
    return read["tcp.checksum.status"] != "1" and not other_zero


def tshark(path, *more):
    done = subprocess.run(["tshark", "-r", str(path), "-o", "tcp.check_checksum:TRUE", *more], capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


def rows(path):
    wanted = [part for field in FIELDS for part in ("-e", field)]
    for line in tshark(path, "-T", "fields", "-E", "separator=|", "-E", "occurrence=a", *wanted):
        yield dict(zip(FIELDS, line.split("|")))


def setUpModule():
    needs(shutil.which("tshark"), "tshark")


class Decode(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def capture(self, view, size, *more):
        json, pcap = self.folder / "run.jsonl", self.folder / "run.pcapng"
        done = lab("--server", f"peer serve --bytes {size}", "--client", f"peer call --bytes {size}", "--json", json, "--pcap", pcap,
                   "--pcap-view", view, "--show", "none", "--timeout", "100s", *ALL_FAULTS, *more)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return packets(json), pcap

    def compare(self, ours, theirs):
        for field, key in FIELDS.items():
            if key is not None and not (field == "tcp.ack" and "ACK" not in ours["flags"]):
                told = theirs[field].split(",")[0]
                self.assertEqual(str(ours.get(key, "")), str(int(told, 0)) if told else "", f"{field} of packet {ours['n']}")
        flags = sum(BITS[word] for word in ours["flags"].replace("/", " ").split())
        self.assertEqual(flags, int(theirs["tcp.flags"], 16), f"flags of packet {ours['n']}")
        self.assertEqual(ours["ip_id"], int(theirs["ip.id"], 16))
        edges = list(zip(*(map(int, theirs[name].split(",")) for name in ("tcp.options.sack_le", "tcp.options.sack_re")))) \
            if theirs["tcp.options.sack_le"] else []
        self.assertEqual([tuple(block) for block in ours.get("sack", [])], edges, f"SACK of packet {ours['n']}")
        self.assertEqual("sack_permitted" in ours, theirs["tcp.options.sack_perm"] != "")

    def test_every_field_over_ten_thousand_packets(self):
        seen, pcap = self.capture("sent", "6MB")
        sent = [one for one in seen if "copy" not in one.get("faults", [])]
        read = list(rows(pcap))
        self.assertGreaterEqual(len(read), 10_000)
        self.assertEqual(len(sent), len(read))
        for ours, theirs in zip(sent, read):
            self.compare(ours, theirs)
            self.assertFalse(is_damaged(theirs), f"packet {ours['n']} was whole when it was sent")
        self.assertEqual(tshark(pcap, "-Y", "_ws.malformed"), [])
        struck = {name for one in seen for name in one.get("faults", [])}
        self.assertLessEqual({"corrupted", "duplicated", "copy", "reordered", "ce-marked"}, struck)

    def test_the_damage_that_arrives_is_the_damage_that_was_done(self):
        seen, pcap = self.capture("server", "2MB", "--corrupt", "2%", "--corrupt-where", "payload")
        hurt = sum(1 for one in seen if one["from"] == "client" and one["fate"] == "delivered" and "corrupted" in one.get("faults", []))
        bad = sum(1 for one in rows(pcap) if is_damaged(one))
        self.assertGreater(hurt, 10)
        self.assertEqual(bad, hurt)


if __name__ == "__main__":
    unittest.main()
