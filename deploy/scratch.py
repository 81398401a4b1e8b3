"""Prints the folder for what tests and drills throw away again: in memory where there is plenty, else the usual one.

Every test copies a database and drops it again. On a disk that is most of what a test run waits for; nothing of it is
kept, and a kill of a process loses nothing there either. Standard library only: it must work without .venv.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

GIB = 1 << 30
MEMORY = Path("/dev/shm")  # noqa: S108 - Linux' memory file system; every file below it has a drawn name
ROOM, SPARE = 4 * GIB, 8 * GIB  # a run on two processes was seen to need 1; the machine goes on needing its memory


def available(report: str) -> int:
    """Bytes of memory that programs may still take, from the text of /proc/meminfo; 0 when it does not say."""
    for line in report.splitlines():
        name, _, value = line.partition(":")
        if name == "MemAvailable":
            return int(value.split()[0]) * 1024
    return 0


def roomy(folder: Path, report: Path = Path("/proc/meminfo")) -> bool:
    """Whether ``folder`` may be written to, may hold programs (tests write some), and nothing is short."""
    try:
        state = os.statvfs(folder)
        memory = available(report.read_text(encoding="ascii"))
    except OSError:
        return False
    free = state.f_bavail * state.f_frsize
    may = os.access(folder, os.W_OK | os.X_OK) and not state.f_flag & os.ST_NOEXEC
    return may and free >= ROOM and memory >= SPARE


def main() -> int:
    sys.stdout.write(f"{MEMORY if roomy(MEMORY) else tempfile.gettempdir()}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
