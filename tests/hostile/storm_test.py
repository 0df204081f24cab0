# SPDX-License-Identifier: MIT
"""Connections by the thousand, most of them ended rudely: afterwards nothing is left of them."""

import os
import socket
import time
import unittest

from attack import Server, free_port, on_each_engine, raise_descriptor_limit, receive, report, reset, send_all_it_takes, size

MIB = 1024 * 1024


def after_connecting(peer):
    pass


def inside_a_message(peer):
    peer.sendall(b"half a li")


def with_a_reply_on_its_way(peer):
    peer.sendall(b"question\n")


def after_a_reply(peer):
    peer.sendall(b"question\n")
    receive(peer, 9)


def with_replies_unread(peer):
    send_all_it_takes(peer, b"x" * 65535 + b"\n")


def after_half_close(peer):
    peer.sendall(b"question\n")
    peer.shutdown(socket.SHUT_WR)


STATES = (after_connecting, inside_a_message, with_a_reply_on_its_way, after_a_reply, with_replies_unread, after_half_close)


class Storm(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        raise_descriptor_limit()

    @on_each_engine
    def test_resets_in_every_state_leave_nothing(self, engine):
        count = size(25_000, 6_000)
        with Server(engine, "--framing", "line", "--messages", "none") as server:
            server.ask(b"first\n")
            server.wait_for("closed")
            descriptors = server.descriptors()
            began = time.monotonic()
            for number in range(count):
                peer = server.connect(source=f"127.0.{1 + number % 200}.{1 + number // 200 % 250}")
                STATES[number % len(STATES)](peer)
                reset(peer)
            rate = count / (time.monotonic() - began)
            until = time.monotonic() + 5
            while server.descriptors() > descriptors and time.monotonic() < until:
                time.sleep(0.02)
            left = server.descriptors() - descriptors
            self.assertEqual(server.ask(b"still here\n"), b"STILL HERE\n")
            code, _ = server.stop()
            events = server.events()
        accepted = sum(event["event"] == "accepted" for event in events)
        closed = sum(event["event"] == "closed" for event in events)
        report(engine, f"{count} resets, {rate:.0f} a second; {left} descriptors left, {accepted} accepted, {closed} closed",
               "none left, as many closed as accepted, exit 0")
        self.assertLessEqual(left, 0)
        self.assertEqual(code, 0)
        self.assertEqual(accepted, closed)

    @on_each_engine
    def test_connections_opened_and_closed_leave_memory_and_descriptors_flat(self, engine):
        count = size(1_000_000, 10_000)
        with Server(engine, "--framing", "line", "--messages", "none", output=os.open(os.devnull, os.O_WRONLY),
                    port=free_port()) as server:
            def open_and_close(total):
                for number in range(total):
                    peer = server.connect(source=f"127.{1 + number % 50}.{1 + number // 50 % 200}.1")
                    peer.sendall(b"once\n")
                    self.assertEqual(receive(peer, 5), b"ONCE\n")
                    reset(peer)

            open_and_close(count // 10)
            time.sleep(0.2)
            before = (server.resident(), server.descriptors())
            began = time.monotonic()
            open_and_close(count)
            took = time.monotonic() - began
            time.sleep(0.5)
            grown, left = server.resident() - before[0], server.descriptors() - before[1]
        report(engine, f"{count} connections in {took:.0f} s: memory grew by {grown / 1024:.0f} KiB, {left} descriptors left",
               "1024 KiB, none")
        self.assertLess(grown, MIB)
        self.assertLessEqual(left, 0)


if __name__ == "__main__":
    unittest.main()
