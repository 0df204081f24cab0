# SPDX-License-Identifier: MIT
"""Same seed, same trace: to the byte, whoever runs it and whatever else the machine does."""
import contextlib
import os
import pathlib
import shutil
import subprocess
import tempfile
import unittest

from virtual_support import EVERYWHERE, FULL, KERNEL, LABS, PROGRAM, ROOT, fingerprint, lab, needs_the_kernel

setUpModule = needs_the_kernel
NOBODY = 65534
RUNS = 50 if FULL else 2

NGINX = f"nginx -c {ROOT}/tests/virtual/nginx.conf"
REDIS = "redis-server --bind 0.0.0.0 --protected-mode no --save '' --appendonly no"
SEND = "aperto send --host server"
SCENARIOS = {
    "our own": ["--loss", "10%"],
    "epoll": ["--server", "aperto serve --engine epoll", "--client", f"{SEND} --engine epoll hello", "--drop", "server data#1"],
    "a transfer": ["--server", "peer serve", "--client", "peer call --bytes 200000", "--loss", "5%", "--delay", "20ms", "--jitter", "5ms"],
    "nginx and curl": ["--server", NGINX, "--client", "curl -s http://server/GPL-2", "--loss", "5%", "--delay", "10ms"],
    "redis": ["--server", REDIS, "--client", "redis-benchmark -h server -n 300 -c 5 -t set,get -q", "--delay", "2ms"],
    "python and curl": ["--server", "python3 -m http.server 80", "--client", "curl -s http://server/", "--loss", "5%"],
    "a lab": ["run", "retransmit"],
    "reordered": ["--server", "peer serve", "--client", "peer call --bytes 100000", "--reorder", "5%", "--duplicate", "2%", "--delay", "5ms"],
    "ipv6": ["--ipv6", "--server", "peer serve", "--client", "peer call --bytes 50000", "--corrupt", "2%"],
    "a rate": ["--server", "peer serve", "--client", "peer call --bytes 300000", "--rate", "5mbit", "--queue-packets", "20", "--delay", "10ms"],
    "bursts": ["--server", "peer serve", "--client", "peer call --bytes 100000", "--burst-enter", "2%", "--burst-leave", "30%"],
    "a blackhole": ["--server", "peer serve", "--client", "peer call --bytes 100000 --write-pause 200ms", "--blackhole", "true@300ms..20s"],
    "lines, uring": ["--server", "aperto serve --framing line --engine uring", "--loss", "5%", "--client",
                     f"sh -c 'seq 1 200 | {SEND} --framing line --engine uring'"],
    "lines, epoll": ["--server", "aperto serve --framing line --engine epoll", "--loss", "5%", "--client",
                     f"sh -c 'seq 1 200 | {SEND} --framing line --engine epoll'"],
    "bench": ["--server", "aperto serve", "--client", "aperto bench --host server --connections 4 --requests 200", "--delay", "3ms"],
    "redis-cli": ["--server", REDIS, "--client", "sh -c 'seq 1 100 | sed s/^/INCRBY.x./ | tr . \" \" | redis-cli -h server'", "--loss", "5%"],
    "socat": ["--server", "socat TCP-LISTEN:99,fork,reuseaddr EXEC:cat", "--client", "sh -c 'seq 1 2000 | socat -t 5 - TCP:server:99'", "--loss", "5%"],
    "wrk": ["--server", NGINX, "--client", "wrk -t 2 -c 4 -d 2 http://server/BSD", "--delay", "20ms", "--loss", "1%"],
    "python on both sides": ["--server", f"python3 -S {ROOT}/tests/virtual/judged/judge.py server", "--client",
                             f"python3 -S {ROOT}/tests/virtual/judged/judge.py client epoll", "--loss", "3%"],
    "flow control": ["run", "flow-control"],
}
# Without APERTO_LAB_FULL=1 the first of them.
SHARE = SCENARIOS if FULL else dict(list(SCENARIOS.items())[:7])


@contextlib.contextmanager
def busy():
    """Two programs that keep both cores busy."""
    programs = [subprocess.Popen(["sh", "-c", "while :; do :; done"]) for _ in range(2)]
    try:
        yield
    finally:
        for one in programs:
            one.kill()
            one.wait()


class Same(unittest.TestCase):
    def traces(self, arguments, times, env=None):
        """The fingerprints of events, packets and ladder of so many runs."""
        found = []
        verb, arguments = (arguments[:2], arguments[2:]) if arguments[:1] == ["run"] else ([], arguments)
        with tempfile.TemporaryDirectory() as folder:
            for _ in range(times):
                done = lab(*verb, "--virtual", "--seed", "7", "--json", f"{folder}/json", "--pcap", f"{folder}/pcap", *arguments, env=env,
                           cwd="/")
                self.assertNotIn(done.returncode, (70, 71, 77, 124), done.stdout + done.stderr)
                trace = pathlib.Path(f"{folder}/json").read_text().splitlines()[:-1]  # the last says how it was called
                found.append((hash(tuple(trace)), fingerprint(f"{folder}/pcap"), done.stdout.replace(folder, "")))
        return found

    def test_runs_are_equal_while_the_machine_is_busy(self):
        with busy():
            for name, arguments in SHARE.items():
                with self.subTest(name):
                    found = self.traces(arguments, RUNS)
                    self.assertEqual(len(set(found)), 1, f"{len(set(found))} different traces in {RUNS} runs")
                    print(f"{name}: {RUNS} runs, {found[0][1][:12]}", flush=True)

    def test_another_seed_is_another_trace(self):
        with tempfile.TemporaryDirectory() as folder:
            first, second = (lab("--virtual", "--seed", seed, "--json", f"{folder}/{seed}", "--loss", "10%") for seed in (1, 2))
            self.assertEqual((first.returncode, second.returncode), (0, 0))
            self.assertNotEqual(first.stdout, second.stdout)

    def test_which_outputs_are_asked_for_does_not_matter(self):
        with tempfile.TemporaryDirectory() as folder:
            told = []
            for outputs in ([], ["--pcap", f"{folder}/a/b/pcap", "--html", f"{folder}/page"], ["--json", f"{folder}/json"]):
                os.makedirs(f"{folder}/a/b", exist_ok=True)
                done = lab("--virtual", *SCENARIOS["a transfer"], *outputs, cwd=folder)
                told.append(done.stderr.split("result ")[-1])
            self.assertEqual(len(set(told)), 1, told)

    @unittest.skipUnless(os.geteuid() == 0, "must start as root to become somebody without privilege")
    def test_an_ordinary_user_without_namespaces_or_tun_has_the_same(self):
        with tempfile.TemporaryDirectory() as folder:
            os.chmod(folder, 0o755)
            shutil.copy(PROGRAM, f"{folder}/aperto")
            shutil.copytree(LABS, f"{folder}/labs")
            shutil.copy(KERNEL, f"{folder}/linux")
            os.mkdir(f"{folder}/own", 0o777)
            os.chmod(f"{folder}/own", 0o777)
            # A place without user namespaces and without the device: what most containers are.
            place = ("mount -t tmpfs none /dev/net && echo 0 > /proc/sys/user/max_user_namespaces && cd own && "
                     f"{folder}/aperto lab doctor && exec {folder}/aperto lab --seed 7 --json json --server 'peer serve' --client 'peer call --bytes 200000' "
                     "--loss 5% --delay 20ms --jitter 5ms")
            become_nobody = ["setpriv", "--reuid", str(NOBODY), "--regid", str(NOBODY), "--clear-groups"]
            done = subprocess.run([*become_nobody, "unshare", "--user", "--map-root-user", "--mount", "sh", "-c", place],
                                  capture_output=True, text=True, timeout=120, stdin=subprocess.DEVNULL, cwd=folder,
                                  env=dict(EVERYWHERE, APERTO_LABS=f"{folder}/labs", APERTO_VIRTUAL_KERNEL=f"{folder}/linux"))
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
            self.assertIn("the lab works here in the virtual Linux", done.stdout)
            self.assertIn("this machine allows no namespaces", done.stderr)
            theirs = pathlib.Path(f"{folder}/own/json").read_text().splitlines()[:-1]
            subprocess.run([f"{folder}/aperto", "lab", "--virtual", "--seed", "7", "--json", f"{folder}/ours", *SCENARIOS["a transfer"]],
                           capture_output=True, timeout=120, stdin=subprocess.DEVNULL, cwd="/", check=True,
                           env=dict(EVERYWHERE, APERTO_LABS=f"{folder}/labs"))
            self.assertEqual(theirs, pathlib.Path(f"{folder}/ours").read_text().splitlines()[:-1])

    def test_what_lies_beside_the_kernel_changes_nothing(self):
        with tempfile.TemporaryDirectory() as folder:
            shutil.copy(KERNEL, f"{folder}/linux")
            os.makedirs(f"{folder}/share/locale")
            here = self.traces(SCENARIOS["our own"], 1)
            there = self.traces(SCENARIOS["our own"], 1, env={"APERTO_VIRTUAL_KERNEL": f"{folder}/linux"})
            self.assertEqual(here, there)

    @unittest.skipUnless(os.geteuid() == 0, "must start as root to become somebody else")
    def test_another_user_on_a_machine_with_other_memory_has_the_same(self):
        if subprocess.run(["unshare", "--mount", "true"], capture_output=True).returncode != 0:
            self.skipTest("root may make no mount namespace here")
        with tempfile.TemporaryDirectory() as folder:
            os.chmod(folder, 0o755)
            shutil.copy(PROGRAM, f"{folder}/aperto")
            shutil.copy(KERNEL, f"{folder}/linux")
            environment = dict(EVERYWHERE, APERTO_VIRTUAL_KERNEL=f"{folder}/linux")
            wanted = [f"{folder}/aperto", "lab", "--virtual", "--seed", "7", "--json", "json", *SCENARIOS["a transfer"]]

            def trace(name, *around):
                own = pathlib.Path(folder, name)
                own.mkdir()
                own.chmod(0o777)
                done = subprocess.run([*around, *wanted], capture_output=True, text=True, timeout=120, stdin=subprocess.DEVNULL, cwd=own, env=environment)
                self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
                return (own / "json").read_text().splitlines()[:-1]

            ours = trace("ours")
            for run in range(10 if FULL else 2):
                memory, user = 768 * 1024 * (run + 1), NOBODY - run
                pathlib.Path(folder, "meminfo").write_text(f"MemTotal: {memory} kB\nMemFree: {memory // 2} kB\nMemAvailable: {memory // 2} kB\n")
                place = f'mount --bind {folder}/meminfo /proc/meminfo && exec setpriv --reuid {user} --regid {user} --clear-groups prlimit --as={memory * 1024} "$@"'
                self.assertEqual(trace(str(run), "unshare", "--mount", "sh", "-c", place, "sh"), ours, f"user {user}, {memory} kB")


class Verified(unittest.TestCase):
    def test_a_report_is_found_the_same_and_a_changed_one_is_not(self):
        with tempfile.TemporaryDirectory() as folder:
            report = pathlib.Path(folder, "report.json")
            made = lab("--virtual", "--seed", "3", "--loss", "20%", "--json", report, cwd=folder)
            self.assertEqual(made.returncode, 0, made.stdout + made.stderr)
            done = lab("verify", report)
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
            self.assertIn("the same", done.stdout)
            lines = report.read_text().splitlines(keepends=True)
            lines[4] = lines[4].replace('"n":', '"n":9')
            report.write_text("".join(lines))
            done = lab("verify", report)
            self.assertEqual(done.returncode, 1, done.stdout + done.stderr)
            self.assertIn("from event 5 on", done.stdout)

    def test_what_is_no_report_is_told(self):
        with tempfile.TemporaryDirectory() as folder:
            pathlib.Path(folder, "other").write_text("{}\n")
            for name in ("other", "absent"):
                self.assertEqual(lab("verify", f"{folder}/{name}").returncode, 2)


if __name__ == "__main__":
    unittest.main()
