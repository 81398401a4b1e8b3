"""kill -9 of every process of a running stack under load; afterwards nothing acknowledged is lost or half-done.

Planted at the end: one acknowledged message is deleted by the owner's hand, and the audit must find it.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from random import Random
from typing import Any

import psycopg
import requests

from app.errors import DomainError
from parts import Lantai
from providers.sandbox.cohort_people import make_cohort
from tests.proof import audit
from tests.proof.crowd import Caller, Clerk, Graduate, Ledger, NotNow, at_work, crowd
from tests.proof.face_line import FaceLine
from tests.proof.outcome import Budget, Outcome
from tests.proof.stack import VICTIMS, Stack, stack

PEOPLE = 5
BACK_LIMIT_S = 30.0
DRAINED_LIMIT_S = 120.0
COHORT = (40, 2026, 2026)  # as the demo loads it


class Killer:
    """Picks victims by the seed: each once at least, in an order of its own, at random moments."""

    def __init__(self, running: Stack, rng: Random) -> None:
        self._running, self._rng = running, rng
        self.killed: Counter[str] = Counter()
        self.received: Counter[str] = Counter()

    def go_on(self, seconds: float) -> None:
        ends = time.monotonic() + seconds
        queue: list[str] = []
        while time.monotonic() < ends:
            time.sleep(self._rng.uniform(0.8, 3.0))
            queue = queue or self._rng.sample(VICTIMS, len(VICTIMS))
            victim = queue.pop()
            if victim == "sandbox":
                self.note_received()
            self.killed[victim] += self._running.kill(victim, self._rng.randrange(8))

    def note_received(self) -> None:
        """A sandbox forgets its screens when it dies: read them first. What comes between is missed, never doubled."""
        with suppress(requests.RequestException):
            for phone in requests.get(f"{self._running.sandbox}/control/phones", timeout=5).json()["phones"]:
                url = f"{self._running.sandbox}/control/phones/{phone['id']}/messages"
                screen = requests.get(url, timeout=5).json()["messages"]
                self.received[phone["open_id"]] += sum(m["kind"] == "subscribe" for m in screen)


def _eventually(true: Callable[[], bool], limit_s: float) -> float | None:
    """Seconds until it was true, or None."""
    started = time.monotonic()
    while time.monotonic() - started < limit_s:
        with suppress(psycopg.Error, requests.RequestException, DomainError, NotNow, RuntimeError):
            if true():
                return time.monotonic() - started
        time.sleep(0.2)
    return None


def usable(running: Stack, people: list[Any]) -> Callable[[], bool]:
    """A new login, and the face worker says that it lives."""

    def check() -> bool:
        caller = Caller(running, Ledger(), "10.7.9.9")
        phone = requests.get(f"{running.sandbox}/control/phones", timeout=5).json()["phones"][0]["id"]
        code = running.play(f"/phones/{phone}/login-code")["code"]
        opened = caller.call("POST", "/sessions", {"platform": "wechat", "code": code})
        caller.token = opened.json()["access_token"]
        return bool(caller.call("GET", "/factors").json()["face_health"] == "ok") and running.ready()

    return check


def judge(running: Stack, parts: Lantai, ledger: Ledger, killer: Killer) -> list[str]:
    with running.owner() as owner:
        faults = audit.broken_invariants(owner) + audit.missing_writes(owner, parts, ledger)
        faults += audit.too_many_pushes(owner, killer.received)
    return faults


def planted(running: Stack, parts: Lantai, ledger: Ledger) -> list[str]:
    """The audit must miss the message that the owner takes away."""
    if not ledger.messages:
        return ["void: nobody wrote a message"]
    with running.owner() as owner:
        owner.execute("delete from ticket_message where ticket_id = %s", (ledger.messages[0][0],))
        found = audit.missing_writes(owner, parts, ledger)
    return [] if found else ["void: the audit did not notice a deleted message"]


def run(budget: Budget) -> Outcome:
    rng, ledger, faults = Random(budget.seed), Ledger(), list[str]()
    people = make_cohort(*COHORT)[10 : 10 + PEOPLE]
    with stack() as running, running.wired() as parts:
        logins = running.logins()
        graduates: list[Graduate] = crowd(running, ledger, people, budget.seed)
        clerks = [Clerk(running, parts, ledger, login, n) for n, login in enumerate(logins["staff"][:2])]
        line = FaceLine(running, ledger, logins["terminal"], make_cohort(*COHORT)[20:40])
        stop, killer = threading.Event(), Killer(running, rng)
        jobs = [*(g.work for g in graduates), *(c.work for c in clerks), line.work]
        threads = at_work(jobs, stop)
        time.sleep(6.0)
        killer.go_on(45.0 if budget.short else budget.minutes * 60)
        back = _eventually(usable(running, people), BACK_LIMIT_S)
        stop.wait(4.0)
        stop.set()
        for thread in threads:
            thread.join(30)
        with running.owner() as owner:
            drained = _eventually(lambda: audit.waiting_jobs(owner) == 0, DRAINED_LIMIT_S)
        killer.note_received()
        if back is None:
            faults.append(f"not usable again within {BACK_LIMIT_S:g} s")
        if drained is None:
            faults.append(f"jobs still waiting after {DRAINED_LIMIT_S:g} s")
        faults += [f"an answer that is not declared: {s}" for s in ledger.surprises[:5]]
        faults += [f"never killed: {v}" for v in VICTIMS if not killer.killed[v]]
        faults += judge(running, parts, ledger, killer)
        faults += planted(running, parts, ledger)
    return Outcome(_number(ledger, killer, line, back, drained), faults)


def _number(ledger: Ledger, killer: Killer, line: FaceLine, back: float | None, drained: float | None) -> str:
    kills = ", ".join(f"{victim} {n}" for victim, n in sorted(killer.killed.items()))
    return (
        f"{killer.killed.total()} kills ({kills}); {ledger.writes} acknowledged writes ({len(ledger.tickets)} tickets,"
        f" {len(ledger.messages)} messages, {len(ledger.decided)} decisions), {len(ledger.reads)} reads,"
        f" {line.judged} clips judged; unanswered or refused {dict(ledger.refusals)};"
        f" usable again after {back or -1:.1f} s, jobs done after {drained or 0:.1f} s more"
    )
