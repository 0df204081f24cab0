# SPDX-License-Identifier: MIT
"""The loads: what is asked of every server, by the numbers that people name them with."""

from dataclasses import dataclass, field

# The largest number of idle connections that the usual limit of 20,000 files leaves room for, on both sides.
IDLE_CONNECTIONS = 18_000


@dataclass(frozen=True)
class Load:
    key: str
    title: str
    arguments: tuple = ()
    framing: str = "stream"
    # Bytes that a server should read at once, for those that can be told.
    buffer: int = 4096
    connections: int = 64
    idle: int = 0
    seconds: float = 3.0
    # What one request is, for the column of CPU.
    unit: str = "req"
    special: str = ""
    # A sample of it takes long: so few rounds are enough for one run.
    rounds_max: int = 1000
    tags: frozenset = field(default_factory=frozenset)

    @property
    def number(self):
        return int(self.key.rstrip("ab"))

    def generator(self, seconds):
        """The arguments of `aperto bench`."""
        result = ["--framing", self.framing, "--connections", str(self.connections), *self.arguments]
        if self.idle:
            result += ["--idle", str(self.idle)]
        if "--requests" not in self.arguments:
            result += ["--duration", f"{seconds * 1000:.0f}ms", "--warm-up", f"{min(1.0, seconds / 3) * 1000:.0f}ms"]
        return result


LOADS = [
    Load("1", "ping-pong, 64 B on 64 kept connections", ("--size", "64")),
    Load("2", "ping-pong, 64 B on 8,000 kept connections", ("--size", "64"), connections=8000, tags=frozenset({"many"}),
         rounds_max=3),
    Load("3", "a connection for each message of 64 B", ("--size", "64", "--per-message-connection"),
         tags=frozenset({"short"})),
    Load("4", "lines of 32 B, 64 in flight on each of 64 connections", ("--size", "32", "--pipeline", "64"),
         framing="line"),
    Load("5", "length-framed messages of 16 KB on 64 connections", ("--size", "16KiB"), framing="length",
         buffer=32 * 1024),
    Load("6a", "bulk: 256 KB there and back on 16 connections", ("--size", "256KiB"), connections=16,
         buffer=64 * 1024),
    Load("6b", "bulk: a stream of 1 GB there and back", ("--size", "1GiB", "--requests", "1"), connections=1,
         buffer=64 * 1024, unit="GB", rounds_max=3),
    Load("7", "ping-pong, 64 B on 100 connections among 18,000 idle ones", ("--size", "64"), connections=100,
         idle=IDLE_CONNECTIONS, tags=frozenset({"many"}), rounds_max=3),
    Load("10", "a connection for each message of 64 B, and a reset in place of its end",
         ("--size", "64", "--per-message-connection", "--reset"), tags=frozenset({"short"})),
    Load("8", "start: from exec to the first reply", special="start", tags=frozenset({"short"})),
]


def choose(names):
    """The loads whose number or key stands in `names` ("1,6b"); all of them for an empty string."""
    wanted = [name.strip() for name in names.split(",") if name.strip()]
    unknown = [w for w in wanted if w != "9" and not any(w in (load.key, str(load.number)) for load in LOADS)]
    if unknown:
        raise SystemExit(f"error: there is no load {', '.join(unknown)}; there are 1 to 10")
    if not wanted or "9" in wanted:
        return list(LOADS)
    return [load for load in LOADS if load.key in wanted or str(load.number) in wanted]
