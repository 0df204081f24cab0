# SPDX-License-Identifier: MIT
"""examples/broker, judged by mosquitto_pub and mosquitto_sub, and by bytes from the standard (OASIS MQTT 3.1.1)."""

import shutil
import signal
import socket
import subprocess
import unittest

from example_programs import serve_on_port

CONNECT = b"\x10\x0d\x00\x04MQTT\x04\x02\x00\x00\x00\x01a"
CONNACK = b"\x20\x02\x00\x00"


@unittest.skipUnless(shutil.which("mosquitto_sub"), "NOT RUN HERE: mosquitto-clients is not installed")
class Broker(unittest.TestCase):
    def setUp(self):
        self.port = serve_on_port(self, "broker")

    def publish(self, topic, text, *more):
        subprocess.run(["mosquitto_pub", "-V", "311", "-p", str(self.port), "-t", topic, "-m", text, *more],
                       check=True, timeout=20, capture_output=True)

    def subscribe(self, count, *filters, more=()):
        """mosquitto_sub until it has so many messages; it is subscribed when this returns."""
        words = ["mosquitto_sub", "-V", "311", "-p", str(self.port), "-C", str(count), "-W", "20", "-v", "-d", *more]
        for each in filters:
            words += ["-t", each]
        listener = subprocess.Popen(["stdbuf", "-oL", *words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.addCleanup(lambda: (listener.kill(), listener.wait(), listener.stdout.close()))
        for line in listener.stdout:
            if line.startswith("Subscribed"):
                return listener
        self.fail("never subscribed")

    def heard(self, listener):
        lines = listener.stdout.read().splitlines()
        self.assertEqual(listener.wait(timeout=20), 0, lines)
        return [line for line in lines if not line.startswith(("Client ", "Subscribed"))]

    def connect(self, hello=CONNECT):
        client = socket.create_connection(("127.0.0.1", self.port), timeout=20)
        self.addCleanup(client.close)
        client.sendall(hello)
        return client

    def take(self, client, size):
        taken = b""
        while len(taken) < size:
            more = client.recv(size - len(taken))
            if not more:
                break
            taken += more
        return taken

    def test_who_has_subscribed_hears_what_is_published(self):
        all_of_it = self.subscribe(3, "house/#")
        one_level = self.subscribe(2, "house/+/light")
        exactly = self.subscribe(1, "house")
        for topic in ("garden/light", "house/kitchen/light", "house", "house/hall/light"):
            self.publish(topic, "olá " + topic)
        self.assertEqual(self.heard(all_of_it), ["house/kitchen/light olá house/kitchen/light", "house olá house",
                                                 "house/hall/light olá house/hall/light"])
        self.assertEqual(self.heard(one_level), ["house/kitchen/light olá house/kitchen/light",
                                                 "house/hall/light olá house/hall/light"])
        self.assertEqual(self.heard(exactly), ["house olá house"])

    def test_what_is_retained_is_told_to_who_comes_later(self):
        self.publish("a/b", "kept", "-r")
        self.publish("a/c", "gone", "-r")
        self.publish("a/c", "", "-r")
        late = self.subscribe(2, "a/#")
        self.publish("a/d", "live")
        self.assertEqual(self.heard(late), ["a/b kept", "a/d live"])

    def test_qos_1_is_acknowledged_and_large_messages_pass(self):
        listener = self.subscribe(2, "large")
        self.publish("large", "x" * 100_000)
        self.publish("large", "acknowledged", "-q", "1")
        self.assertEqual(self.heard(listener), ["large " + "x" * 100_000, "large acknowledged"])

    def test_a_will_is_told_for_who_goes_without_a_word_alone(self):
        listener = self.subscribe(1, "last/#")
        polite = self.connect(b"\x10\x1a\x00\x04MQTT\x04\x06\x00\x00\x00\x01p\x00\x06last/p\x00\x03bye")
        self.assertEqual(self.take(polite, 4), CONNACK)
        polite.sendall(b"\xe0\x00")
        self.assertEqual(polite.recv(100), b"")
        words = ["-p", str(self.port), "-t", "x", "-d", "--will-topic", "last/s", "--will-payload", "sudden"]
        sudden = subprocess.Popen(["stdbuf", "-oL", "mosquitto_sub", "-V", "311", *words], stdout=subprocess.PIPE, text=True)
        self.addCleanup(lambda: (sudden.wait(), sudden.stdout.close()))
        self.assertTrue(any("CONNACK" in line for line in sudden.stdout))
        sudden.send_signal(signal.SIGKILL)
        self.assertEqual(self.heard(listener), ["last/s sudden"])

    def test_a_silent_client_goes_after_one_and_a_half_times_its_keep_alive(self):
        client = self.connect(CONNECT[:11] + b"\x01" + CONNECT[12:])
        self.assertEqual(self.take(client, 4), CONNACK)
        client.sendall(b"\xc0\x00")
        self.assertEqual(self.take(client, 2), b"\xd0\x00")
        self.assertEqual(client.recv(100), b"")

    def test_a_second_session_of_a_client_ends_the_first(self):
        first = self.connect()
        self.assertEqual(self.take(first, 4), CONNACK)
        second = self.connect()
        self.assertEqual(self.take(second, 4), CONNACK)
        self.assertEqual(first.recv(100), b"")
        second.sendall(b"\xc0\x00")
        self.assertEqual(self.take(second, 2), b"\xd0\x00")

    def test_what_is_not_subscribed_or_no_more_is_not_told(self):
        client = self.connect()
        client.sendall(b"\x82\x09\x00\x07\x00\x01a\x00\x00\x00\x00")  # "a" and an empty filter
        self.assertEqual(self.take(client, 8), CONNACK + b"\x90\x04\x00\x07")
        self.assertEqual(self.take(client, 2), b"\x00\x80")
        self.publish("a", "1")
        self.assertEqual(self.take(client, 6), b"\x30\x04\x00\x01a1")
        client.sendall(b"\xa2\x05\x00\x08\x00\x01a")
        self.assertEqual(self.take(client, 4), b"\xb0\x02\x00\x08")
        self.publish("a", "2")
        client.sendall(b"\xc0\x00")
        self.assertEqual(self.take(client, 2), b"\xd0\x00")

    def test_what_is_no_mqtt_ends_that_client_alone(self):
        refused = self.connect(CONNECT[:8] + b"\x05" + CONNECT[9:])
        self.assertEqual(self.take(refused, 5), b"\x20\x02\x00\x01")
        for wrong in (b"GET / HTTP/1.1\r\n\r\n", b"\x10\xff\xff\xff\xff\xff", b"\x10\x02\x00\x04", b"\x30\x03\x00\x01a",
                      CONNECT + b"\x30\x03\x00\x01#", b"\x10\x11\x00\x04MQTT\x04\x06\x00\x00\x00\x01p\x00\x01#\x00\x00",
                      CONNECT + b"\x30\x01\x00", CONNECT + b"\x34\x05\x00\x01a\x00\x01"):
            client = self.connect(wrong)
            client.shutdown(socket.SHUT_WR)
            try:
                self.assertIn(self.take(client, 100), (b"", CONNACK), wrong)
            except ConnectionResetError:
                pass
        client = self.connect()
        self.assertEqual(self.take(client, 4), CONNACK)


if __name__ == "__main__":
    unittest.main()
