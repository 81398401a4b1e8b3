"""kill -9 of the workers, the web and PostgreSQL at random points of a run of notices: what was committed is told.

No notice is lost. A message that may come twice does so only where the kill fell between its call and the record of
its answer; one that must not never does, and each is either known to have been sent or marked as unknown. The
sandbox says what truly arrived. Planted at the end: a notice is deleted by the owner's hand, a message is sent to a
phone a second time, an attempt is left open; the comparison must find each.
"""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta
from random import Random
from typing import Any
from unittest.mock import patch
from uuid import UUID

import psycopg
import requests

from app.ports import OutboundMessage, Platform
from deploy.programs import next_free_port
from notifications import sent_events
from providers.embedded import services
from tests.proof import notices_cast as cast
from tests.proof.outcome import Budget, Outcome
from tests.proof.ward import Grounds, grounds
from wiring import build, libpq_url

PEOPLE, SHORT_PEOPLE = 500, 10  # each is told all kinds on two phones
KILLS, SHORT_KILLS = 200, 6
WORKERS = 2
ANSWERED_LATE_S = 0.05
CALL_LIMIT = timedelta(seconds=15)  # what an open call may take before the platform's event is believed in its place
AT_WORK_LIMIT_S = 1.0
ACKNOWLEDGED_LIMIT_S, DRAINED_LIMIT_S, RECOVERY_LIMIT_S = 60.0, 180.0, 30.0
WAITING = """select count(*) from procrastinate_jobs where status in ('todo', 'doing')
    and task_name in ('notifications.announce', 'notifications.deliver', 'notifications.handle_push')"""
# an event whose inbox line and push one job makes, or a notice that is tried again, by this job or by a later one;
# begun as often as it was started
IN_HAND = """select coalesce(args->>'notice_id', args->>'event_id'), status = 'doing', j.id,
    (select count(*) from procrastinate_events e where e.job_id = j.id and e.type = 'started')
    from procrastinate_jobs j where status in ('todo', 'doing')
    and task_name in ('notifications.announce', 'notifications.deliver') order by 2, 3"""
NOTICES = "select event_id, count(*) from notice group by event_id"
ATTEMPTS = """select n.event_id, i.open_id, a.state, a.reason from delivery_attempt a
    join notice n on n.id = a.notice_id join platform_identity i on i.id = a.identity_id order by a.number"""
FAILED = "select count(*) from procrastinate_jobs where status = 'failed' and task_name like 'notifications.%'"


Begun = tuple[int, int]
"""(job, how often it was started). A job that has to wait out a lease ends and a new one goes on: a kill that meets
that one too has a recovery of its own."""


@dataclass(frozen=True, slots=True)
class Kill:
    victim: str
    at: float
    in_hand: int


@dataclass(frozen=True, slots=True)
class Attempt:
    state: str
    reason: str

    @property
    def open_end(self) -> bool:
        """Nobody knew, when it was given up, whether it had arrived."""
        return self.state == "unknown" or self.reason == "worker_lost" or self.reason.startswith("unknown:")


@dataclass
class Drill:
    on: Grounds
    rng: Random
    sandbox: cast.Sandbox
    people: list[cast.Listener]
    port: int
    told: dict[UUID, cast.Told] = field(default_factory=dict)
    kills: list[Kill] = field(default_factory=list)
    caught: dict[UUID, tuple[int, Begun]] = field(default_factory=dict)  # (the kill that met it, in which of its runs)
    recovered: dict[int, float] = field(default_factory=lambda: defaultdict(float))
    again: list[float] = field(default_factory=list)
    ended: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.database = cast.Server(self.on)
        self.web = cast.Kept(self.on, cast.web, self.port, "web")
        self.workers = [cast.Kept(self.on, cast.worker, self.port, f"worker {n}") for n in range(WORKERS)]

    @contextmanager
    def owner(self) -> Iterator[psycopg.Connection[tuple[Any, ...]]]:
        with psycopg.connect(libpq_url(self.on.urls.database_owner_url), autocommit=True) as connection:
            yield connection

    # --- work and adversity -------------------------------------------------------------------------------------------

    def perform(self, kills: int) -> None:
        """All notices, evenly over all kills; each kill falls somewhere among its share."""
        notes = [cast.Told(f"drill-{n:06d}", who, kind) for n, (who, kind) in enumerate(self._all())]
        victims: list[Callable[[], None]] = []
        for number in range(kills):
            share = notes[number * len(notes) // kills : (number + 1) * len(notes) // kills]
            moment = self.rng.randint(1, max(len(share), 1))
            for note in share[:moment]:
                self.tell(note)
            victims = victims or self.rng.sample([self._kill_worker, self._kill_web, self._kill_database], 3)
            kill = victims.pop()
            time.sleep(self.rng.uniform(0.0, 0.02 if kill == self._kill_worker else 0.3))
            kill()
            for note in share[moment:]:
                self.tell(note)
            time.sleep(self.rng.uniform(0.0, 1.0))
            self.revive()
            self.watch()

    def _all(self) -> list[tuple[cast.Listener, cast.Kind]]:
        pairs = [(who, kind) for who in self.people for kind in cast.KINDS]
        self.rng.shuffle(pairs)
        return pairs

    def tell(self, note: cast.Told) -> None:
        """Asked for until it is acknowledged, as a caller does that got no answer."""
        body = {
            "key": note.key,
            "graduate": str(note.who.graduate),
            "event": note.kind.event,
            "data": note.kind.data,
        }
        deadline = time.monotonic() + ACKNOWLEDGED_LIMIT_S
        while time.monotonic() < deadline:
            with suppress(requests.RequestException):
                reply = requests.post(f"http://127.0.0.1:{self.port}{cast.DOOR}/notices", json=body, timeout=10)
                if reply.status_code == 201:
                    self.told[UUID(reply.json()["event"])] = note
                    return
            self.revive()
            time.sleep(0.1)
        raise RuntimeError(f"no notice was taken for {ACKNOWLEDGED_LIMIT_S:g} s: {cast.tail(self.web.log)}")

    def revive(self) -> None:
        for process in (self.web, *self.workers):
            self.ended[process.name] += process.revive()

    def _kill_worker(self) -> None:
        """While there is work: a push takes longer than it takes to look. Whoever is idle loses nothing."""
        deadline = time.monotonic() + AT_WORK_LIMIT_S
        while time.monotonic() < deadline and not any(doing for doing, _ in self.watch().values()):
            pass
        victim = self.rng.choice(self.workers)
        victim.kill()
        self._note("worker")
        victim.revive()

    def _kill_web(self) -> None:
        self.web.kill()
        self._note("web")
        self._until_answering(self.kills[-1].at)

    def _kill_database(self) -> None:
        at = time.time()
        self.database.kill()
        self.database.bring_back()
        self._note("postgres", at)
        self._until_answering(at)

    def _until_answering(self, since: float) -> None:
        """Until the web takes a request again that reads the database."""
        deadline = time.monotonic() + ACKNOWLEDGED_LIMIT_S
        while time.monotonic() < deadline:
            self.revive()
            with suppress(requests.RequestException):
                if requests.get(f"http://127.0.0.1:{self.port}/readyz", timeout=10).status_code == 200:
                    self.again.append(time.time() - since)
                    return
            time.sleep(0.05)
        self.faults.append(f"the web does not answer {ACKNOWLEDGED_LIMIT_S:g} s after a kill")

    def _note(self, victim: str, at: float | None = None) -> None:
        """With what was in somebody's hand at that moment: a dead worker's jobs are still written down as its own."""
        at = at or time.time()
        in_hand = {notice: run for notice, (doing, run) in self.watch().items() if doing}
        self.kills.append(Kill(victim, at, len(in_hand)))
        if victim == "web":
            return  # it has no jobs in hand
        for notice, run in in_hand.items():
            if notice not in self.caught or self.caught[notice][1] != run:
                self.caught[notice] = (len(self.kills) - 1, run)

    def watch(self) -> dict[UUID, tuple[bool, Begun]]:
        """What is under way: whether somebody has it in hand, and in which run. What no longer is has recovered."""
        with self.owner() as owner:
            rows = owner.execute(IN_HAND.encode()).fetchall()
        found = {UUID(notice): (doing, (job, run)) for notice, doing, job, run in rows}
        for notice in set(self.caught) - set(found):
            kill, _ = self.caught.pop(notice)
            self.recovered[kill] = max(self.recovered[kill], time.time() - self.kills[kill].at)
        return found

    def drained(self) -> bool:
        deadline = time.monotonic() + DRAINED_LIMIT_S
        while time.monotonic() < deadline:
            self.revive()
            self.watch()
            with self.owner() as owner:
                if owner.execute(WAITING).fetchone() == (0,):
                    return True
            time.sleep(0.3)
        return False

    # --- the end ------------------------------------------------------------------------------------------------------

    def attempts(self) -> dict[tuple[UUID, str], list[Attempt]]:
        """By event and open id, in their order."""
        found: dict[tuple[UUID, str], list[Attempt]] = defaultdict(list)
        with self.owner() as owner:
            for event, open_id, state, reason in owner.execute(ATTEMPTS):
                found[event, open_id].append(Attempt(state, reason))
        return found

    def compared(self) -> list[str]:
        """What is wrong: our rows, what was acknowledged, and the phones, against each other."""
        with self.owner() as owner:
            inbox: dict[UUID, int] = dict(owner.execute(NOTICES).fetchall())
            failed = owner.execute(FAILED).fetchone()
        faults = [f"{failed[0]} jobs failed for good"] if failed and failed[0] else []
        lost = [event for event in self.told if inbox.get(event, 0) != 1]
        faults += [f"{len(lost)} committed notices are not in the inbox once"] if lost else []
        strange = set(inbox) - set(self.told)
        faults += [f"{len(strange)} notices that nobody asked for"] if strange else []
        attempts, arrived = self.attempts(), self.sandbox.arrived(self.people)
        for event, note in self.told.items():
            for open_id in note.who.phones:
                fault = _judged(note.kind, attempts[event, open_id], self._on_screen(arrived, open_id, note.kind))
                faults += [f"{note.kind.event} to {open_id[:6]}…: {fault}"] if fault else []
        return faults

    def _on_screen(self, arrived: Counter[tuple[str, str, str]], open_id: str, kind: cast.Kind) -> int:
        platform = Platform.WECHAT if open_id.startswith("o") else Platform.ALIPAY
        return arrived[open_id, self.sandbox.template_id(platform, kind.template), kind.phrase]

    def counts(self) -> Counter[str]:
        """``sent`` and ``unknown`` of those that must not come twice, and ``once_twice``; ``twice`` of the others."""
        found: Counter[str] = Counter()
        attempts, arrived = self.attempts(), self.sandbox.arrived(self.people)
        for event, note in self.told.items():
            for open_id in note.who.phones:
                seen, tried = self._on_screen(arrived, open_id, note.kind), attempts[event, open_id]
                found["messages"] += 1
                found["open_ends"] += _open_ends(tried)
                if note.kind.sure:
                    found["sure"] += 1
                    found["twice"] += max(seen - 1, 0)
                else:
                    found["once"] += 1
                    found[tried[-1].state if tried else "nothing"] += 1
                    found["once_twice"] += max(seen - 1, 0)
        return found

    # --- planted ------------------------------------------------------------------------------------------------------

    def planted(self) -> list[str]:
        event, note = next((e, n) for e, n in self.told.items() if not n.kind.sure)
        faults = []
        with self.owner() as owner:
            self._send_again(note)
            if not any("came 2 times" in fault for fault in self.compared()):
                faults.append("void: nobody noticed a message that came twice")
            other = next(e for e, n in self.told.items() if n.kind.sure)
            mine = "notice_id = (select id from notice where event_id = %s)"
            owner.execute(f"update delivery_attempt set state = 'sending' where {mine}".encode(), (other,))
            if not any("ends as sending" in fault for fault in self.compared()):
                faults.append("void: nobody noticed an attempt left open")
            attempts = f"(select id from delivery_attempt where {mine})"
            owner.execute(f"delete from credit_entry where attempt_id in {attempts}".encode(), (event,))
            owner.execute(f"delete from delivery_attempt where {mine}".encode(), (event,))
            owner.execute(b"delete from notice where event_id = %s", (event,))
            if not any("not in the inbox" in fault for fault in self.compared()):
                faults.append("void: nobody noticed a deleted notice")
        return faults

    def _send_again(self, note: cast.Told) -> None:
        open_id = next(o for o in note.who.phones if o.startswith("o"))
        template_id = self.sandbox.template_id(Platform.WECHAT, note.kind.template)
        parts = build(self.on.settings, self.on.urls)
        fields = {"thing1": "档案", "phrase2": note.kind.phrase, "date3": "2026年6月1日", "thing4": "请进入小程序查看"}
        try:
            parts.outside.senders[Platform.WECHAT].send(OutboundMessage(open_id, template_id, "", fields))
        finally:
            parts.close()


def _open_ends(tried: Sequence[Attempt]) -> int:
    """An earlier one that is known as sent had one too, until the platform's event told of it."""
    return sum(attempt.open_end for attempt in tried) + sum(attempt.state == "sent" for attempt in tried[:-1])


def _judged(kind: cast.Kind, tried: Sequence[Attempt], seen: int) -> str:
    """What is wrong with one message on one phone, or ''."""
    if not tried:
        return "was never tried"
    last, open_ends = tried[-1], _open_ends(tried)
    if last.state not in ("sent", "unknown"):
        return f"ends as {last.state} {last.reason}"
    if kind.sure:
        if last.state != "sent" or seen < 1:
            return f"is {last.state} and came {seen} times"
        return f"came {seen} times with {open_ends} open ends" if seen - 1 > open_ends else ""
    if len(tried) > 1 or seen > 1:
        return f"came {seen} times by {len(tried)} attempts"
    return "was sent and never came" if last.state == "sent" and not seen else ""


def _performed(drill: Drill, kills: int) -> Counter[str]:
    """The counts."""
    try:
        drill.sandbox.answer_late(ANSWERED_LATE_S)
        drill.perform(kills)
        if not drill.drained():
            drill.faults.append(f"jobs still waiting {DRAINED_LIMIT_S:g} s after the last kill")
    finally:
        for process in (drill.web, *drill.workers):
            process.kill()
    drill.faults += drill.compared()
    counts = drill.counts()
    for kill, seconds in drill.recovered.items():
        if seconds > RECOVERY_LIMIT_S:
            drill.faults.append(f"{seconds:.1f} s until what {drill.kills[kill].victim} had in hand was settled")
    drill.faults += [f"the web answers {s:.1f} s after a kill" for s in drill.again if s > RECOVERY_LIMIT_S]
    if counts["sent"] + counts["unknown"] != counts["once"]:
        drill.faults.append("sent and unknown are not all of the messages that must not come twice")
    # a few kills may all fall on full hands, many do not
    most = kills if kills >= KILLS else sum(kill.in_hand for kill in drill.kills)
    if counts["unknown"] > most:
        drill.faults.append(f"{counts['unknown']} messages unknown after {kills} kills")
    if not any(kill.in_hand for kill in drill.kills if kill.victim == "worker"):
        drill.faults.append("void: no kill met a worker with anything in hand")
    return counts


def run(budget: Budget) -> Outcome:
    people, kills = (SHORT_PEOPLE, SHORT_KILLS) if budget.short else (PEOPLE, KILLS)
    port = next_free_port(18600)
    with (
        patch.object(sent_events, "UNDER_WAY", CALL_LIMIT),
        patch.object(services, "STEADY_S", 0.0),  # a server killed so often would be left down ever longer
        grounds(f"http://127.0.0.1:{port}") as ground,
    ):
        # the sandbox grants the templates for the long term: what is counted here is messages, not credits
        on = replace(ground, settings=ground.settings.model_copy(update={"wechat_long_term": cast.TEMPLATES}))
        sandbox = cast.Sandbox(on)
        drill = Drill(on, Random(budget.seed), sandbox, cast.listeners(on, sandbox, people), port)
        counts = _performed(drill, kills)
        faults = [*drill.faults, *drill.planted()]
    return Outcome(_number(drill, counts), faults)


def _number(drill: Drill, counts: Counter[str]) -> str:
    killed = Counter(kill.victim for kill in drill.kills)
    met = Counter(kill.victim for kill in drill.kills if kill.in_hand)
    each = ", ".join(
        f"{victim} {number} ({met[victim]} with work in hand)" for victim, number in sorted(killed.items())
    )
    slowest = max(drill.recovered.values(), default=0.0)
    return (
        f"{killed.total()} kills ({each}); {len(drill.told)} committed notices, none lost unless said above;"
        f" {counts['messages']} messages: at most once {counts['once']} = {counts['sent']} sent +"
        f" {counts['unknown']} unknown, {counts['once_twice']} came twice; at least once {counts['sure']},"
        f" {counts['twice']} came twice with {counts['open_ends']} attempts cut off in their call; in hand and settled"
        f" again after at most {slowest:.1f} s, the web after {max(drill.again, default=0.0):.1f} s"
    )
