# SPDX-License-Identifier: MIT
"""SIGUSR2: the counters and every open connection in the log, while clients are served, in the sandbox."""

import os
import resource
import signal
import socket
import threading
import unittest

from surroundings import LIMIT_S, Server, Terminal, free_port


def name_of(client):
    return "%s:%d" % client.getsockname()[:2]


class Survey(unittest.TestCase):
    def ask(self, server, times=1):
        os.kill(server.pid, signal.SIGUSR2)
        return server.wait_for("connections", times)

    def test_each_connection_is_told_of_with_its_facts(self):
        for engine in ("uring", "epoll"):
            with self.subTest(engine), Server("echo", engine, "line", "--deny", "127.0.0.9", "--admin", "127.0.0.1:0") as server:
                with socket.create_connection(("127.0.0.1", server.port), LIMIT_S, source_address=("127.0.0.9", 0)) as denied:
                    self.assertEqual(denied.recv(1), b"")
                with server.connect() as gone:
                    gone.sendall(b"x\n")
                    self.assertEqual(gone.recv(10), b"x\n")
                server.wait_for("closed")
                clients = [server.connect() for _ in range(30)]
                for number, client in enumerate(clients):
                    for _ in range(number % 3):
                        client.sendall(b"hello\n")
                        self.assertEqual(client.recv(10), b"hello\n")
                over = self.ask(server)
                self.assertEqual((over["count"], over["whole"]), (30, True))
                counted = server.seen("counters")[0]
                self.assertEqual({key: counted[key] for key in ("open", "accepted", "closed", "struck_deny", "messages",
                                                                "message_bytes", "replies", "log_lines_lost")},
                                 {"open": 30, "accepted": 31, "closed": 1, "struck_deny": 1, "messages": 31,
                                  "message_bytes": 151, "replies": 31, "log_lines_lost": 0})
                found = {event["peer"]: event for event in server.seen("connection")}
                self.assertEqual(found.keys(), {name_of(client) for client in clients})
                for number, client in enumerate(clients):
                    told = found[name_of(client)]
                    rounds = number % 3
                    self.assertEqual((told["bytes_in"], told["bytes_out"], told["messages"], told["state"]),
                                     (6 * rounds, 6 * rounds, rounds, "idle" if rounds else "opening"))
                    self.assertGreater(told["age_ms"], 0)
                    self.assertGreater(told["rtt_us"], 0)
                    self.assertGreater(told["congestion_window"], 0)
                    self.assertEqual(told["retransmissions"], 0)
                    client.close()

    def test_a_thousand_are_each_told_of_once_while_others_are_served(self):
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        if hard < 4096:
            self.skipTest(f"{hard} descriptors are too few")
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 4096), hard))
        self.addCleanup(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))
        with Server("echo", "epoll", "line", "--messages", "none") as server:
            clients = [server.connect() for _ in range(1000)]
            for client in clients:
                client.sendall(b"x\n")
                self.assertEqual(client.recv(10), b"x\n")
            over = threading.Event()
            served = []

            def keep_asking():
                while not over.is_set():
                    with server.connect() as client:
                        client.sendall(b"y\n")
                        served.append(client.recv(10))
            asking = threading.Thread(target=keep_asking)
            asking.start()
            for times in (1, 2, 3):
                self.assertTrue(self.ask(server, times)["whole"])
            over.set()
            asking.join()
            told = [event["peer"] for event in server.seen("connection")]
            for client in clients:
                self.assertEqual(told.count(name_of(client)), 3)
                client.close()
            self.assertEqual(set(served), {b"y\n"})

    def test_a_person_reads_it_in_words(self):
        port = free_port()
        with Terminal("serve", "echo", "--port", str(port), columns=300, LC_ALL="C") as screen:
            screen.wait_for("listening")
            with socket.create_connection(("127.0.0.1", port), LIMIT_S) as client:
                client.sendall(b"hello")
                self.assertEqual(client.recv(10), b"hello")
                os.kill(screen.pid, signal.SIGUSR2)
                screen.wait_for("that was 1 connection")
                self.assertIn("counters · open: 1 · accepted: 1 · closed: 0", screen.seen)
                self.assertRegex(screen.seen, rf"127\.0\.0\.1:{client.getsockname()[1]} · idle · connected for [\d.]+ \w+ · "
                                 r"nothing done for [\d.]+ \w+ · 5 B in · 5 B out · RTT [\d.]+ ms · congestion window \d+ "
                                 r"segments · nothing sent twice")


if __name__ == "__main__":
    unittest.main()
