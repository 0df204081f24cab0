# SPDX-License-Identifier: MIT
"""The lab as a person uses it: lessons, any programs, scenarios that assert, and what it says to a mistake."""
import json
import pathlib
import tempfile
import time
import unittest
import xml.etree.ElementTree

from lab_support import FULL, LABS, events, lab, packets, summary, works_here

PEERS = ["--server", "peer serve --upper", "--client", "peer call --text 'texto original'"]


@unittest.skipUnless(works_here(), "the lab cannot work here (aperto lab doctor)")
class Lessons(unittest.TestCase):
    def test_all_sixteen_labs_pass(self):
        names = sorted(one.stem for one in LABS.glob("*.toml"))
        self.assertEqual(len(names), 16)
        for turn in range(50 if FULL else 1):
            for name in names:
                with self.subTest(lab=name, turn=turn):
                    done = lab("run", name, "--show", "none")
                    self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_the_lesson_alone_shows_a_handshake_and_an_answer_in_capitals(self):
        done = lab()
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        for text in ("SYN: the client asks to connect", "SYN/ACK: the server accepts", "ACK: connected",
                     "TEXTO ORIGINAL", "checksums equal", "no packet was lost at the TUN devices"):
            self.assertIn(text, done.stdout)

    def test_every_lab_tells_its_story_in_both_languages(self):
        for name in (one.stem for one in LABS.glob("*.toml")):
            english, portuguese = lab("show", name).stdout, lab("show", name, language="pt_BR").stdout
            self.assertIn("Predict", english, name)
            self.assertIn("What happened", english, name)
            self.assertIn("Preveja", portuguese, name)
            self.assertIn("O que aconteceu", portuguese, name)


@unittest.skipUnless(works_here(), "the lab cannot work here (aperto lab doctor)")
class Faults(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.json = pathlib.Path(folder.name) / "run.jsonl"
        self.folder = pathlib.Path(folder.name)

    def run_lab(self, *arguments, code=0):
        done = lab("--json", self.json, "--show", "none", *arguments)
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return packets(self.json)

    def test_the_packet_named_is_lost_and_no_other(self):
        seen = self.run_lab(*PEERS, "--drop", "client data#1")
        lost = [one for one in seen if one["fate"] == "lost"]
        self.assertEqual([one["data"] for one in lost], [1])
        self.assertEqual(lost[0]["rule"], "--drop client data#1")
        again = [one for one in seen if "retransmission" in one.get("marks", [])]
        self.assertEqual(again[0]["resent"]["of"], [1, 1])
        self.assertTrue(summary(self.json)["payload_intact"])

    def test_its_retransmission_can_be_lost_too_and_is_a_timeout(self):
        peers = ["--server", "peer serve --end-after 3", "--client", "peer call --text abc --keep-open"]
        seen = self.run_lab(*peers, "--drop", "client data#1", "--drop", "retransmission#1 of client data#1")
        again = [one["resent"] for one in seen if "resent" in one]
        self.assertEqual([one["times"] for one in again], [1, 2])
        self.assertEqual({one["by"] for one in again}, {"timeout"})
        self.assertGreater(again[1]["after_us"], 1.7 * again[0]["after_us"], "the timer doubles")

    def test_the_smallest_timeout_is_the_one_asked_for(self):
        peers = ["--server", "peer serve --end-after 3", "--client", "peer call --text abc --keep-open"]
        for asked, sooner, later in (("20ms", 0, 200e3), ("700ms", 690e3, 60e6)):
            seen = self.run_lab(*peers, "--rto-min", asked, "--drop", "client data#1")
            again = [one["resent"] for one in seen if "resent" in one]
            self.assertEqual(len(again), 1, asked)
            self.assertGreater(again[0]["after_us"], sooner, asked)
            self.assertLess(again[0]["after_us"], later, asked)

    def test_a_packet_can_be_held_duplicated_and_corrupted_by_name(self):
        seen = self.run_lab("--server", "peer serve", "--client", "peer call --bytes 14600", "--hold", "client data#2", "80ms",
                            "--duplicate", "client data#4", "--corrupt", "client data#6", "--delay", "30ms")
        struck = {fault: one.get("data") for one in seen for fault in one.get("faults", [])}
        self.assertEqual(struck["held"], 2)
        self.assertEqual(struck["duplicated"], 4)
        self.assertEqual(struck["corrupted"], 6)
        self.assertTrue(summary(self.json)["payload_intact"])
        self.assertEqual(summary(self.json)["kernel"]["server"]["InCsumErrors"], 1)

    def test_decisions_saved_are_decisions_replayed(self):
        rough = ["--loss", "5%", "--duplicate", "2%", "--corrupt", "2%", "--reorder", "2%"]
        peers = ["--server", "peer serve", "--client", "peer call --bytes 300000"]
        kept = self.folder / "kept.decisions"
        first = self.run_lab(*peers, *rough, "--seed", 11, "--save-decisions", kept)
        second = self.run_lab(*peers, "--decisions", kept, "--save-decisions", self.folder / "again.decisions")
        struck = lambda seen: {(one["from"], one["seq"]) for one in seen if one["fate"] == "lost" and one.get("data", 99) <= 10}
        self.assertEqual(struck(first), struck(second))
        self.assertGreater(len(kept.read_text().splitlines()), 10)
        known = set(kept.read_text().splitlines())
        again = set((self.folder / "again.decisions").read_text().splitlines())
        self.assertLessEqual(again, known, "nothing is decided that the log does not say")

    def test_one_seed_decides_the_same_for_the_same_packets(self):
        peers = ["--server", "peer serve", "--client", "peer call --bytes 200000"]
        rough = ["--loss", "5%", "--duplicate", "2%", "--corrupt", "2%", "--seed", 12]
        logs = []
        for turn in range(20 if FULL else 3):
            kept = self.folder / f"{turn}.decisions"
            self.run_lab(*peers, *rough, "--save-decisions", kept)
            lines = [line.split() for line in kept.read_text().splitlines()[2:]]
            # Which bit of a packet is flipped depends on its length too, and how data is cut is the kernel's to say.
            logs.append({tuple(line[:4]): [word.split("@")[0] for word in line[4:]] for line in lines})
        for log in logs[1:]:
            common = logs[0].keys() & log.keys()
            self.assertGreater(len(common), 5)
            self.assertTrue(all(logs[0][key] == log[key] for key in common))

    def test_curl_and_a_python_server_speak_through_a_bad_wire(self):
        body = bytes(range(256)) * (200_000 if FULL else 8_000)
        (self.folder / "body").write_bytes(body)
        for turn in range(20 if FULL else 1):
            got = self.folder / f"got-{turn}"
            self.run_lab("--server", f"python3 -m http.server 80 --directory {self.folder}",
                         "--client", f"curl -s -o {got} http://server/body", "--loss", "5%", "--reorder", "2%",
                         "--duplicate", "1%", "--corrupt", "1%", "--seed", 200 + turn, "--timeout", "100s")
            self.assertEqual(got.read_bytes(), body, turn)
            self.assertTrue(summary(self.json)["payload_intact"], turn)
            got.unlink()

    def test_fifty_megabytes_each_way_arrive_intact(self):
        size = "50MB" if FULL else "3MB"
        for turn in range(20 if FULL else 1):
            self.run_lab("--server", f"peer serve --bytes {size}", "--client", f"peer call --bytes {size}", "--loss", "5%",
                         "--reorder", "2%", "--duplicate", "1%", "--corrupt", "1%", "--seed", 100 + turn, "--timeout", "110s")
            told = summary(self.json)
            self.assertTrue(told["payload_intact"], turn)
            self.assertEqual(told["tun_drops"], [0, 0])

    def test_what_the_program_tells_of_a_handshake_stood_on_the_wire(self):
        for timestamps in (0, 1):
            done = lab("--json", self.json, "--setting", f"tcp_timestamps={timestamps}", "--server", "aperto serve --log json",
                       "--client", "aperto send --facts --host server hello")
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
            syn, answer, third = packets(self.json)[:3]
            told = [json.loads(one["text"]) for one in events(self.json) if one["event"] == "output" and one["from"] == "server"]
            accepted = next(one for one in told if one["event"] == "accepted")
            self.assertEqual((accepted["client_mss"], accepted["client_window"]), (syn["mss"], syn["window"]))
            self.assertEqual(accepted["server_mss"], answer["mss"])
            said = "\n".join(one["text"] for one in events(self.json) if one["event"] == "output" and one["from"] == "client")
            self.assertIn(f"SYN      →  MSS {syn['mss']:,} B\n", said)
            self.assertIn(f"SYN/ACK  ←  window {answer['window']:,} B\n", said)
            self.assertIn(f"ACK      →  connected · window {third['window']:,} B", said)

    def test_ipv6_between_the_hosts(self):
        seen = self.run_lab(*PEERS, "--ipv6", "--drop", "server syn-ack#1")
        self.assertTrue(summary(self.json)["payload_intact"])
        self.assertEqual(sum(one["fate"] == "lost" for one in seen), 1)


@unittest.skipUnless(works_here(), "the lab cannot work here (aperto lab doctor)")
class Scenarios(unittest.TestCase):
    def test_one_that_does_not_hold_fails_with_its_evidence_and_in_junit(self):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "wrong.toml"
            path.write_text('server = "peer serve"\nclient = "peer call --text abc"\n'
                            'expect = ["client data = 1", "retransmissions >= 1"]\n')
            junit = pathlib.Path(folder) / "junit.xml"
            done = lab("run", path, "--junit", junit)
            self.assertEqual(done.returncode, 1)
            self.assertIn("✗ retransmissions >= 1   saw 0", done.stdout)
            self.assertIn("replay:", done.stdout)
            tree = xml.etree.ElementTree.parse(junit)
            self.assertEqual(tree.find("testsuite").get("failures"), "1")
            self.assertEqual(len(tree.findall(".//testcase")), 3)


class Mistakes(unittest.TestCase):
    def complain(self, *arguments, code=2, text, seconds=30):
        begin = time.monotonic()
        done = lab(*arguments)
        self.assertLess(time.monotonic() - begin, seconds)
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        self.assertIn(text, done.stderr)
        self.assertNotIn("Traceback", done.stderr)

    def test_options_and_selectors(self):
        self.complain("--drop", "client dato#1", text="'dato' is no kind of packet")
        self.complain("--drop", "lost client data", text="names what becomes of a packet")
        self.complain("--loss", "much", text="--loss")
        self.complain("--mtu", "5", text="68")
        self.complain("--hold", "client data#1", "soon", text="not a duration")
        self.complain("--setting", "nonsense", text="no setting")
        self.complain("--rto-min", "500us", text='--rto-min takes a time like 200ms, 5s or 2m, from 1ms to 2m, not "500us"')
        self.complain("--hold", "client data#1", text="--hold needs two values: PACKET TIME")
        self.complain("--los", "5%", text="there is no option --los; did you mean --loss?")
        self.complain("run", "handshake", "--junti", "x", text="did you mean --junit?")
        self.complain("--frobnicate", text="there is no option --frobnicate")
        for option in ("--json", "--pcap", "--html", "--save-decisions"):
            self.complain(option, "/nonexistent/file", text="cannot write /nonexistent/file: No such file or directory")
        self.complain("--server", "no-such-program-here --port 1", text="there is no program 'no-such-program-here'")
        self.complain("--decisions", "/nonexistent", text="/nonexistent")
        self.complain("--server", "echo " + "x" * 70_000, text="is too long; the most is 50,000")

    def test_a_number_that_is_none_is_told_with_its_option_and_what_would_be_one(self):
        senseless = ("-1", "", "1e9", "nan", "0x10", "99999999999999999999999")
        for option, wanted in (("--seed", "a whole number from 0 to 9223372036854775807"), ("--host-mtu", "a whole number from 68 to 65535"),
                               ("--timeout", "a time like 200ms, 5s or 2m, from 0s to 24h"),
                               ("--rto-min", "a time like 200ms, 5s or 2m, from 1ms to 2m")):
            for value in senseless:
                self.complain(option, value, text=f'error: {option} takes {wanted}, not "{value}"')
        # What the wire takes reads as in a scenario's file.
        for option, wanted in (("--loss", "at most 100%"), ("--delay", "at most a day"), ("--rate", "from 1bit to 1000gbit"),
                               ("--queue-bytes", "at most 1000000GB"), ("--queue-packets", "a whole number from")):
            for value in senseless:
                self.complain(option, value, text=f"error: {option}: '{value}' is not ")
                self.complain(option, value, text=wanted)

    def test_scenarios_name_the_line(self):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "s.toml"
            for text, wanted in (("seed = 1\n[link]\ndealy = '5ms'\n", ":3:1: there is no key 'dealy' here; did you mean 'delay'?"),
                                 ("expect = ['payload intact',\n 'client dato = 1']", ":2:2: "),
                                 ("[[fault]]\ndrop = 'client data#x'\n", ":2:8: "),
                                 ("seed = 'x'\n", ":1:8: "),
                                 ("seed = \n", ":1:"),
                                 ("[[link.change]]\nat='2s'\nuntil='1s'\nloss='1%'\n", "ends before it begins")):
                path.write_text(text)
                self.complain("run", path, text=wanted)
        self.complain("run", "handshak", text="did you mean 'handshake'?")
        self.complain("run", "/nonexistent.toml", text="/nonexistent.toml")

    @unittest.skipUnless(works_here(), "the lab cannot work here (aperto lab doctor)")
    def test_a_client_that_never_ends_and_a_server_that_never_listens(self):
        self.complain("--server", "peer serve", "--client", "sleep 1000", "--timeout", "2s", code=124, text="time was up")
        self.complain("--server", "sleep 1000", "--client", "true", "--timeout", "2s", code=124, text="time was up")
        self.complain("--server", "false", "--client", "true", code=1, text="before it was ready")

    @unittest.skipUnless(works_here(), "the lab cannot work here (aperto lab doctor)")
    def test_settings_the_kernel_does_not_take(self):
        self.complain("--setting", "tcp_nonsense=1", text="does not take the setting ipv4/tcp_nonsense = 1")
        self.complain("--setting", "tcp_sack=nonsense", text="Invalid argument")

    @unittest.skipUnless(works_here(), "the lab cannot work here (aperto lab doctor)")
    def test_the_clients_own_code_counts(self):
        done = lab("--server", "peer serve", "--client", "sh -c 'exit 9'")
        self.assertEqual(done.returncode, 9, done.stdout + done.stderr)


if __name__ == "__main__":
    unittest.main()
