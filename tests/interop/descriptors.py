# SPDX-License-Identifier: MIT
"""How many descriptors another process holds (proc(5), /proc/pid/fd)."""

import os


def open_descriptors(pid):
    """Those of process `pid`, but for pipes.

    The program opens no pipe. A sanitizer does, at any time and for a moment: it writes to one to learn whether memory
    may be read. Counted with the rest, such a moment looks like two descriptors more."""
    count = 0
    for name in os.listdir(f"/proc/{pid}/fd"):
        try:
            count += not os.readlink(f"/proc/{pid}/fd/{name}").startswith("pipe:")
        except FileNotFoundError:  # closed since it was listed
            pass
    return count
