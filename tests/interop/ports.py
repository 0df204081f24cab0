# SPDX-License-Identifier: MIT
"""Ports for programs that cannot be told to take any."""

import random
import socket


def free_port():
    """One that nobody has at any address, from below those that the kernel gives to who connects
    (net.ipv4.ip_local_port_range): between this and the program's start no client gets it by chance."""
    while True:
        port = random.randrange(20000, 32000)
        families = [socket.AF_INET, socket.AF_INET6] if socket.has_ipv6 else [socket.AF_INET]
        try:
            for family in families:
                with socket.socket(family) as probe:
                    if family == socket.AF_INET6:
                        probe.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
                    probe.bind(("", port))
        except OSError:
            continue
        return port


def free_ports(count):
    ports = set()
    while len(ports) < count:
        ports.add(free_port())
    return list(ports)
