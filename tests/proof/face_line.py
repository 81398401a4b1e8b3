"""A terminal that sends clips of no face at all: what matters is that every clip is judged or asked for again."""

from __future__ import annotations

import base64
import threading
import time
from collections.abc import Sequence
from typing import Any

from tests.fakes import jpeg
from tests.proof.crowd import Caller, Ledger, NotNow
from tests.proof.stack import Stack

JUDGED_LIMIT_S = 45.0


class FaceLine:
    """One person after another at a campus terminal, each with one clip. ``judged`` counts the answers."""

    def __init__(self, stack: Stack, ledger: Ledger, terminal: str, people: Sequence[Any]) -> None:
        self._stack, self._ledger, self._terminal, self._people = stack, ledger, terminal, people
        self.judged = 0

    def work(self, stop: threading.Event) -> None:
        number = 0
        while not stop.is_set():
            number += 1
            caller = Caller(self._stack, self._ledger, f"10.6.{number // 250}.{number % 250 + 1}")
            try:
                self._one(caller, self._people[number % len(self._people)], stop)
            except NotNow:
                stop.wait(0.5)
            stop.wait(1.0)

    def _one(self, caller: Caller, person: Any, stop: threading.Event) -> None:
        opened = caller.call("POST", "/sessions", {"platform": "campus_terminal", "code": self._terminal})
        caller.token = opened.json()["access_token"]
        claim = {"student_number": person.student_number, "id_number": person.id_number, "name": person.name}
        caller.call("POST", "/claims", claim)
        caller.call("PUT", "/consents/face", {"granted": True})
        begun = caller.call("POST", "/verifications", {"factor": "local_face", "purpose": "bind"})
        if begun.status_code != 201:
            raise NotNow
        image = base64.b64encode(jpeg(320, 240)).decode()
        frames = [{"action": 0, "at_ms": 80 * n, "mac": "0" * 64, "image": image} for n in range(8)]
        path = f"/verifications/{begun.json()['id']}"
        if caller.call("POST", f"{path}/frames", {"frames": frames}).status_code != 202:
            raise NotNow
        ends = time.monotonic() + JUDGED_LIMIT_S
        while time.monotonic() < ends and not stop.is_set():
            state = caller.call("GET", path).json()["state"]
            if state == "passed" or state == "verified":
                self._ledger.surprises.append("a clip without a face was accepted")
            if state != "queued":
                self.judged += 1
                return
            stop.wait(0.5)
