"""Opens a file in a short-lived child with little memory and time, and believes only one short line of its answer."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from pathlib import Path

from app.errors import Unavailable
from app.package_ports import Probe

_PROJECT = Path(__file__).resolve().parents[1]
_ANSWER_MAX = 4096
KNOWN = frozenset({"application/pdf", "image/jpeg", "image/png", "image/tiff", "application/ofd"})


class ChildProber:
    """app.package_ports.Prober. Needs no settings, no network and no keys; at most ``children`` run at once."""

    def __init__(self, memory_mb: int = 512, cpu_s: int = 10, wall_s: float = 20, children: int = 2) -> None:
        self._memory_mb, self._cpu_s, self._wall_s = memory_mb, cpu_s, wall_s
        self._places = threading.BoundedSemaphore(children)

    def probe(self, data: bytes, media_type: str) -> Probe:
        """Raises Unavailable when no child is free in time or none can start."""
        if media_type not in KNOWN:
            return Probe(opens=False, why="not_allowed")
        if not self._places.acquire(timeout=self._wall_s):
            raise Unavailable("documents_busy")
        try:
            return _read(self._run(data, media_type))
        finally:
            self._places.release()

    def _run(self, data: bytes, media_type: str) -> bytes | None:
        """None when the child was slow, greedy or died."""
        words = ["-m", "providers.document_probe", str(self._memory_mb), str(self._cpu_s), media_type]
        try:
            done = subprocess.run(  # noqa: S603 - our own interpreter and module, no shell
                [sys.executable, "-E", "-s", "-B", *words],
                cwd=_PROJECT,
                env={"LANG": "C.UTF-8"},
                input=data,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                timeout=self._wall_s,
                start_new_session=True,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired):
            # greedy files meet the child's own limits first: a wall clock that ran out is a busy machine
            raise Unavailable("documents_busy") from None
        return done.stdout if done.returncode == 0 and len(done.stdout) <= _ANSWER_MAX else None


def _read(answer: bytes | None) -> Probe:
    if answer is None:
        return Probe(opens=False, why="too_complex")
    try:
        seen = json.loads(answer)
        return Probe(**{**seen, "active": tuple(seen.get("active", ()))})
    except (ValueError, TypeError):
        return Probe(opens=False, why="damaged")
