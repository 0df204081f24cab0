# SPDX-License-Identifier: MIT
"""What `aperto bench` measures, held against what another program saw of the same requests, and against the kernel's books."""

import json
import math
import os
import re
import resource
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest
from pathlib import Path

APERTO = os.environ.get("APERTO_BIN", "")
SIZE = 64
# A histogram's part is at most so much wider than its lowest value, and a reading in it counts as the highest.
WIDTH = 1 + 1 / 512


class Delaying:
    """Answers one connection, each request after a delay of its own, and notes when it had each and when it answered."""

    def __init__(self, delays_s):
        self.delays_s = delays_s
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.had, self.answers_from = [], []
        self.thread = threading.Thread(target=self.serve)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.thread.join()
        self.listener.close()

    def serve(self):
        client, _ = self.listener.accept()
        with client:
            for delay_s in self.delays_s:
                message = client.recv(SIZE, socket.MSG_WAITALL)
                self.had.append(time.monotonic_ns())
                time.sleep(delay_s)
                self.answers_from.append(time.monotonic_ns())
                client.sendall(message)
            client.recv(1)  # the end of the stream: every answer has come
            self.had.append(time.monotonic_ns())

    def bounds_ns(self, began_ns):
        """For each request, in no case less and in no case more than the client can have measured: it asked before we had
        the request and not before the reply before it; it had the reply after we began to answer and before we had what
        it said next."""
        least = [answer - had for had, answer in zip(self.had, self.answers_from)]
        asked_after = [began_ns, *self.answers_from]
        most = [then - before for before, then in zip(asked_after, self.had[1:])]
        return sorted(least), sorted(most)


def nearest_rank(ordered, percentile):
    return ordered[max(1, math.ceil(percentile / 100 * len(ordered) - 1e-9)) - 1]


def bench(port, *arguments):
    words = [APERTO, "bench", "--json", "--port", str(port), "--warm-up", "0", *arguments]
    done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)
    print(f"  {done.stdout}{done.stderr}")
    return json.loads(done.stdout)


def read_histogram(path):
    """[(value in ms, percentile, total count)] of a file as HdrHistogram writes them, and what its last lines say."""
    text = Path(path).read_text(encoding="ascii")
    rows = [line.split() for line in text.splitlines() if re.match(r"\s+\d", line)]
    facts = {name: float(value) for name, value in re.findall(r"(Mean|Max|Total count)\s*=\s*([\d.]+)", text)}
    return [(float(row[0]), float(row[1]), int(row[2])) for row in rows], facts


@unittest.skipUnless(APERTO, "APERTO_BIN names the program")
class Latency(unittest.TestCase):
    def test_percentiles_are_those_of_delays_that_another_program_knows(self):
        # Most are quick, some slow, one very: no percentile is another's.
        delays_s = [0.0005 * (1 + k % 7) for k in range(100)] + [0.01] * 15 + [0.03] * 3 + [0.12]
        count = len(delays_s)
        began_ns = time.monotonic_ns()
        with tempfile.NamedTemporaryFile() as file, Delaying(delays_s) as server:
            seen = bench(server.port, "--connections", "1", "--requests", str(count), "--expect", "echo", "--histogram",
                         file.name)["latency_us"]
            rows, facts = read_histogram(file.name)
        least, most = server.bounds_ns(began_ns)
        for name, percentile in (("min", 0), ("p50", 50), ("p90", 90), ("p99", 99), ("p99_9", 99.9), ("p99_99", 99.99),
                                 ("max", 100)):
            with self.subTest(name):
                low, high = nearest_rank(least, percentile), nearest_rank(most, percentile)
                print(f"  {name:6} {low / 1e3:10.1f} <= {seen[name]:10.1f} <= {high / 1e3:10.1f}")
                self.assertLessEqual(low, seen[name] * 1e3 + 1)
                self.assertLessEqual(seen[name] * 1e3, high * WIDTH + 1)
                if name == "min":
                    continue
                # The file's lines, of which the one that reaches the percentile may have been left out for a later one.
                wanted = max(1, math.ceil(percentile / 100 * count - 1e-9))
                reached = next(k for k, row in enumerate(rows) if row[2] >= wanted)
                before_ms = rows[reached - 1][0] if reached else 0
                self.assertLessEqual(before_ms, seen[name] / 1e3)
                self.assertLessEqual(seen[name] / 1e3, rows[reached][0] + 1e-6)
        self.assertLessEqual(sum(least) / count, seen["mean"] * 1e3)
        self.assertLessEqual(seen["mean"] * 1e3, sum(most) / count)
        self.assertEqual((seen["count"], facts["Total count"], rows[-1][1:]), (count, count, (1.0, count)))
        self.assertAlmostEqual(facts["Mean"], seen["mean"] / 1e3, delta=1e-6)
        self.assertAlmostEqual(facts["Max"], seen["max"] / 1e3, delta=1e-6)
        for value, percentile, total in rows:
            self.assertAlmostEqual(percentile, total / count, delta=1e-9)
            self.assertGreaterEqual(value, rows[0][0])

    def test_an_open_loop_counts_from_when_each_was_due(self):
        # One answer takes 200 ms; meanwhile 100 requests come due, 2 ms apart, and each waits for what is left.
        with Delaying([0.2] + [0] * 99) as server:
            seen = bench(server.port, "--connections", "1", "--requests", "100", "--rate", "500", "--expect", "echo")
        felt, served = seen["corrected_latency_us"], seen["latency_us"]
        self.assertEqual((seen["latency_counts_from"], felt["count"], served["count"]), ("due", 100, 100))
        # Request k was due 2k ms after the first, and none was answered before 200 ms: at least half felt 100 ms.
        for name, percentile in (("p50", 50), ("p90", 90), ("p99", 99), ("max", 100)):
            self.assertGreaterEqual(felt[name], 200_000 - 2000 * (100 - math.ceil(percentile)))
        self.assertGreaterEqual(served["max"], 200_000)
        self.assertLess(served["p50"], felt["p50"])


def cpu_of_ns(pid):
    """CPU time of all threads, as the scheduler keeps it (proc(5), Documentation/scheduler/sched-stats.rst)."""
    return sum(int((task / "schedstat").read_text().split()[0]) for task in Path(f"/proc/{pid}/task").iterdir())


ANSWERS = """
import selectors, socket
listener = socket.create_server(("127.0.0.1", 0), backlog=128)
print(listener.getsockname()[1], flush=True)
waiting = selectors.DefaultSelector()
waiting.register(listener, selectors.EVENT_READ)
while True:
    for key, _ in waiting.select():
        if key.fileobj is listener:
            waiting.register(listener.accept()[0], selectors.EVENT_READ)
        elif data := key.fileobj.recv(65536):
            key.fileobj.sendall(data)
        else:
            waiting.unregister(key.fileobj)
            key.fileobj.close()
"""


@unittest.skipUnless(APERTO, "APERTO_BIN names the program")
class Cpu(unittest.TestCase):
    def test_it_is_what_the_kernel_says(self):
        with subprocess.Popen([sys.executable, "-c", ANSWERS], stdout=subprocess.PIPE, text=True) as server:
            port = int(server.stdout.readline())
            own_before, before = resource.getrusage(resource.RUSAGE_CHILDREN), cpu_of_ns(server.pid)
            seen = bench(port, "--connections", "4", "--expect", "echo", "--requests", "20000", "--server-pid",
                         str(server.pid))
            own_after, after = resource.getrusage(resource.RUSAGE_CHILDREN), cpu_of_ns(server.pid)
            server.terminate()
        self.assertTrue(seen["clean"])
        told, whole = seen["server"]["cpu_ns"], after - before
        print(f"  the server's CPU: {told / 1e6:.1f} ms of {whole / 1e6:.1f} ms")
        # All but accepting four connections and closing them is in what was measured.
        self.assertLessEqual(told, whole)
        self.assertGreater(told, 0.9 * whole)
        self.assertAlmostEqual(seen["server"]["cpu_ns_per_request"], told / 20000, delta=1)
        own = sum(getattr(own_after, kind) - getattr(own_before, kind) for kind in ("ru_utime", "ru_stime")) * 1e9
        print(f"  the generator's: {seen['generator']['cpu_ns'] / 1e6:.1f} ms of {own / 1e6:.1f} ms")
        self.assertLessEqual(seen["generator"]["cpu_ns"], own + 1e6)
        self.assertGreater(seen["generator"]["cpu_ns"], 0.5 * own)  # the rest is its start and its end
        self.assertAlmostEqual(seen["generator"]["cpu_share"], seen["generator"]["cpu_ns"] / 1e9 / seen["seconds"], delta=1e-6)


if __name__ == "__main__":
    unittest.main()
