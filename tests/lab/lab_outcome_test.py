# SPDX-License-Identifier: MIT
"""What `aperto lab run` says of a run in which nothing happened, and that no file of it tells of an older one."""
import pathlib
import signal
import subprocess
import tempfile
import time
import unittest
import xml.etree.ElementTree

from lab_support import PROGRAM, events, lab, works_here

TALK = 'server = "peer serve"\nclient = "peer call --text abc"\n'


class InAFolder(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.junit = self.folder / "junit.xml"

    def scenario(self, text, name="s"):
        path = self.folder / f"{name}.toml"
        path.write_text(text, encoding="utf-8")
        return path

    def junit_errors(self):
        return [one.get("message") for one in xml.etree.ElementTree.parse(self.junit).iter("error")]


@unittest.skipUnless(works_here(), "the lab cannot work here (aperto lab doctor)")
class NothingRan(InAFolder):
    def run_one(self, text, code, *arguments):
        done = lab("run", self.scenario(text), "--junit", self.junit, *arguments)
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        self.assertEqual("PASSED" in done.stdout, code == 0, done.stdout)
        self.assertEqual(bool(self.junit_errors()), code != 0, self.junit.read_text(encoding="utf-8"))
        return done.stdout

    def test_a_server_that_ends_before_anybody_talked(self):
        for server, code in (("false", 1), ("true", 0), ("sh -c no-such-program-here", 127)):
            with self.subTest(server=server):
                said = self.run_one(f'server = "{server}"\nclient = "peer call"\n', 1)
                self.assertIn(f"the server ended with {code} before it was ready, so the client did not run", said)

    def test_a_client_that_never_called(self):
        said = self.run_one('server = "peer serve"\nclient = "true"\n', 1)
        self.assertIn("no connection was made", said)
        self.run_one('server = "peer serve"\nclient = "true"\nexpect = ["client exits 0", "payload intact"]\n', 1)

    def test_a_program_that_cannot_be_started(self):
        program = self.folder / "program"
        program.write_text("#!/nonexistent/interpreter\n", encoding="ascii")
        program.chmod(0o755)
        for text in (f'server = "{program}"\nclient = "peer call"\n', f'server = "peer serve"\nclient = "{program}"\n'):
            self.run_one(text, 2)
            self.assertIn("could not start", self.junit_errors()[0])

    def test_what_is_expected_so_passes(self):
        self.run_one('server = "false"\nclient = "true"\nexpect = ["connections = 0", "server exits 1"]\n', 0)
        self.run_one('server = "peer serve"\nclient = "true"\nexpect = ["connections = 0"]\n', 0)
        self.run_one('server = "peer serve"\nclient = "peer call --port 7"\nexpect = ["client exits 1", "server rst = 1"]\n', 0)
        self.run_one(TALK, 0)

    def test_a_server_that_is_to_have_ended_well_has_not_served(self):
        self.run_one('server = "true"\nclient = "peer call"\nexpect = ["server exits 0"]\n', 1)

    def test_the_timeout_of_the_command_line_holds(self):
        begin = time.monotonic()
        said = self.run_one('server = "peer serve"\nclient = "sleep 1000"\n', 124, "--timeout", "1s")
        self.assertLess(time.monotonic() - begin, 20)
        self.assertIn("the time was up", said)


@unittest.skipUnless(works_here(), "the lab cannot work here (aperto lab doctor)")
class Files(InAFolder):
    def setUp(self):
        super().setUp()
        self.files = {option: self.folder / f"out.{option}" for option in ("json", "pcap", "html", "save-decisions")}
        self.outputs = [one for option, path in self.files.items() for one in (f"--{option}", path)] + ["--junit", self.junit]

    def write_old(self):
        for path in (*self.files.values(), self.junit):
            path.write_text("of an older run", encoding="utf-8")

    def assert_nothing_old(self):
        for path in (*self.files.values(), self.junit):
            self.assertNotIn("older run", path.read_text(encoding="latin-1"), path)
        self.assertEqual(len(self.junit_errors()), 1)

    def test_a_mistake_leaves_no_older_result(self):
        good = self.scenario(TALK, "good")
        for wrong in (["run", self.scenario("seed = 'x'\n"), *self.outputs], ["run", "no-such-lab", *self.outputs],
                      ["run", good, *self.outputs, "--frobnicate"], ["run", good, *self.outputs, "--seed", "x"],
                      ["run", good, *self.outputs, "--decisions", "/nonexistent"],
                      ["run", self.scenario('server = "no-such-program-here"\n', "t"), *self.outputs]):
            with self.subTest(arguments=wrong[1]):
                self.write_old()
                done = lab(*wrong)
                self.assertEqual(done.returncode, 2, done.stdout + done.stderr)
                self.assert_nothing_old()

    def test_a_run_that_is_stopped_leaves_no_older_result(self):
        self.write_old()
        done = lab("run", self.scenario('server = "peer serve"\nclient = "sleep 1000"\ntimeout = "1s"\n'), *self.outputs)
        self.assertEqual(done.returncode, 124, done.stdout + done.stderr)
        self.assert_nothing_old()

    def test_several_scenarios_write_a_file_each(self):
        first, second = self.scenario(TALK, "first"), self.scenario(TALK + "seed = 5\n", "second")
        done = lab("run", first, second, "--json", self.folder / "run-{}.json", "--junit", self.junit)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertEqual([events(self.folder / f"run-{name}.json")[0]["seed"] for name in ("first", "second")], [1, 5])
        self.assertEqual(len(xml.etree.ElementTree.parse(self.junit).findall("testsuite")), 2)

    def test_they_do_not_write_one_file_one_after_the_other(self):
        first, second = self.scenario(TALK, "first"), self.scenario(TALK, "second")
        for option in ("--json", "--pcap", "--html", "--save-decisions"):
            done = lab("run", first, second, option, self.folder / "run")
            self.assertEqual(done.returncode, 2, done.stdout + done.stderr)
            self.assertIn("would be written twice; write {} where the scenario's name is to stand in it", done.stderr)
        self.assertEqual(lab("run", first, first, "--html", self.folder / "{}.html").returncode, 2)
        self.assertEqual(lab("run", first, "--html", self.folder / "run.html").returncode, 0)
        self.assertEqual(lab("run", first, second, "--json", "/dev/null", "--pcap", "/dev/null").returncode, 0)

    def test_decisions_may_be_followed_and_saved_in_one_file(self):
        kept = self.folder / "kept"
        rough = 'server = "peer serve"\nclient = "peer call --bytes 100000"\n[link]\nduplicate = "30%"\n'
        self.assertEqual(lab("run", self.scenario(rough), "--save-decisions", kept).returncode, 0)
        before = kept.read_text(encoding="ascii")
        self.assertIn("duplicate", before)
        self.assertEqual(lab("run", self.scenario(rough), "--decisions", kept, "--save-decisions", kept).returncode, 0)
        self.assertIn("duplicate", kept.read_text(encoding="ascii"))


@unittest.skipUnless(works_here(), "the lab cannot work here (aperto lab doctor)")
class Figures(InAFolder):
    def test_a_window_that_stays_shut_has_its_time_told(self):
        path = self.scenario('server = "peer serve --receive-buffer 8192 --first-read-pause 1000s"\n'
                             'client = "sh -c \'timeout 3 peer call --bytes 100000\'"\n'
                             'expect = ["zero-window episodes >= 1", "time in zero window >= 1s"]\n')
        done = lab("run", path)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_the_handshake_is_timed_from_its_first_syn(self):
        # The SYN is lost, not its answer: two timers would run for that, and if the server's is the first the
        # SYN is not sent again and tells a round trip (flow_test holds it).
        done = lab("--server", "peer serve", "--client", "peer call --text abc", "--drop", "client syn#1")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertRegex(done.stdout, r"ACK: connected 1[.,]\d+ s after the first SYN")
        self.assertRegex(done.stdout, r"established +yes, the client asked · 1[.,]\d+ s from the first SYN to its answer")
        self.assertNotRegex(done.stdout, r"round trip[^\n]* 1[.,]\d+ s")

    def test_ipv6_is_refused_a_way_that_is_too_small_for_it(self):
        wrong = "IPv6 needs a way for packets of 1,280 bytes, and an MTU of 600 is less"
        for arguments in (["--host-mtu", "600"], ["--mtu", "600"], ["--mtu", "server:600@1s..2s"]):
            done = lab("--ipv6", *arguments)
            self.assertEqual(done.returncode, 2, done.stdout + done.stderr)
            self.assertIn(wrong, done.stderr)
        for text in ("[hosts]\nmtu = 600\n", "[link]\nmtu = 600\n", "[[link.change]]\nat = '1s'\nmtu = 600\n",
                     "[hosts.client]\nmtu = 600\n"):
            done = lab("run", self.scenario("ipv6 = true\n" + text))
            self.assertEqual(done.returncode, 2, done.stdout + done.stderr)
            self.assertIn(wrong, done.stderr)
        self.assertEqual(lab("--ipv6", "--host-mtu", "1280", "--mtu", "1280").returncode, 0)


@unittest.skipUnless(works_here(), "the lab cannot work here (aperto lab doctor)")
class Signals(InAFolder):
    def test_the_exit_code_tells_which_signal_ended_it(self):
        for which, code in ((signal.SIGINT, 130), (signal.SIGTERM, 143)):
            for arguments in ([], ["run", self.scenario('server = "peer serve"\nclient = "sleep 1000"\n'), self.scenario(TALK, "later"),
                                   "--junit", self.junit]):
                told = ["--server", "peer serve", "--client", "sleep 1000"] if not arguments else arguments
                program = subprocess.Popen([PROGRAM, "lab", *map(str, told)], stdout=subprocess.PIPE, stdin=subprocess.DEVNULL,
                                           text=True)
                for line in program.stdout:
                    if line.startswith("seed"):
                        break
                program.send_signal(which)
                program.communicate(timeout=20)
                self.assertEqual(program.returncode, code, arguments)
        self.assertEqual(self.junit_errors(), ["interrupted", "it did not run"])


if __name__ == "__main__":
    unittest.main()
