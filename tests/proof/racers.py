"""One process of racers: threads that agree to the same tickets at the same moment as those of the other processes.

A racer is a member of staff at a page: sends the version that was shown, and when it is stale looks again and sends
once more, until the ticket is decided.
"""

from __future__ import annotations

import time
import uuid
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from multiprocessing.connection import Connection
from multiprocessing.synchronize import Barrier
from pathlib import Path
from random import Random
from threading import BrokenBarrierError, Thread
from uuid import UUID

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from app.actors import Actor
from app.corrections import rules
from app.corrections.book import TicketBook
from app.corrections.casework import Casework
from app.corrections.desk import CorrectionDesk
from app.corrections.models import Ticket, TicketApproval
from app.corrections.rules import State
from app.corrections.views import TicketView
from app.dossiers.models import RecordVersion
from app.errors import DomainError
from parts import Lantai
from providers.embedded.records import ServiceUrls
from tests.proof.house import wired

PATIENCE_S, LOOK_S, READING_S = 60.0, 0.004, 0.05
PLANTED_PATIENCE_S = 2.0  # a broken desk may leave nobody who could decide
EXPECTED = frozenset({"ticket_changed", "second_person_required", "move_not_allowed"})


@dataclass(frozen=True, slots=True)
class Heat:
    """One ticket to be raced for. ``editor``: the racer who also changes what is asked for, to ``edit``, or -1."""

    ticket_id: UUID
    version: int
    editor: int = -1
    edit: Mapping[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Told:
    """What racers met with: attempts by outcome, and whatever has no business in a race."""

    tried: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    odd: list[str] = field(default_factory=list)

    def add(self, other: Told) -> None:
        self.tried += other.tried
        self.outcomes.update(other.outcomes)
        self.odd += other.odd


# --- planted faults ---------------------------------------------------------------------------------------------------


class EveryAccountIsAPerson(CorrectionDesk):
    """Counts accounts in place of natural persons."""

    def _person(self, session: Session, actor: Actor, ticket: Ticket) -> UUID:
        super()._person(session, actor, ticket)
        return uuid.uuid4()


class OldAgreementsCount(TicketBook):
    """Neither voids what was agreed to before an edit nor asks which change it was."""

    def void_approvals(self, session: Session, ticket: Ticket) -> None:
        return None

    def standing_approvals(self, session: Session, ticket: Ticket, digest: bytes) -> Sequence[TicketApproval]:
        return session.scalars(select(TicketApproval).where(TicketApproval.ticket_id == ticket.id)).all()


class DecidesTwice(CorrectionDesk):
    """Forgets its first decision of a ticket."""

    def accept(self, actor: Actor, ticket_id: UUID, version: int, note: str = "") -> TicketView:
        done = super().accept(actor, ticket_id, version, note)
        if done.line.state is State.APPLIED:
            again = {"state": State.IN_REVIEW, "base_version": done.applied_version}
            made = select(func.count(RecordVersion.id)).where(RecordVersion.source_id == ticket_id).scalar_subquery()
            with self._db.transaction() as session:
                session.execute(update(Ticket).where(Ticket.id == ticket_id, made == 1).values(**again))
        return done


FAULTS = ("accounts", "old change", "twice")


def desks(parts: Lantai, planted: str) -> tuple[CorrectionDesk, Casework]:
    """The desk as it is wired, or with one wall taken down."""
    sound, book = parts.desk, parts.desk._book
    if planted == "old change":
        book = OldAgreementsCount(book.people, book.log, book.queue, book.clock, book.clocks, book.supplements)
    given = (parts.db, parts.keys, parts.filing, book, sound._files, sound._cleaner)
    kinds = {"accounts": EveryAccountIsAPerson, "twice": DecidesTwice}
    return kinds.get(planted, CorrectionDesk)(*given), Casework(*given)


# --- racing -----------------------------------------------------------------------------------------------------------


class Racer:
    """One account, in a thread of its own."""

    def __init__(self, number: int, actor: Actor, parts: Lantai, planted: str, seed: int) -> None:
        self._number, self._actor, self._db, self._clock = number, actor, parts.db, parts.clock
        self._desk, self._casework = desks(parts, planted)
        self._rng, self.told = Random(seed), Told()
        self._patience = PLANTED_PATIENCE_S if planted else PATIENCE_S

    def run(self, heats: Sequence[Heat], line: Barrier) -> None:
        for heat in heats:
            try:
                line.wait(PATIENCE_S)
                self._race(heat)
            except BrokenBarrierError:
                self.told.odd.append("a racer did not come to the line")
                return
            except Exception as error:
                self.told.odd.append(f"{type(error).__name__}: {error}")

    def _race(self, heat: Heat) -> None:
        edits = heat.editor == self._number
        if edits and self._rng.random() < 0.5:
            self._edit(heat)
            edits = False
        version, ends = heat.version, time.monotonic() + self._patience
        while True:
            outcome, version = self._agree(heat.ticket_id, version)
            if edits:
                self._edit(heat)
                edits = False
            if outcome in ("decided", "move_not_allowed"):
                return
            if outcome == "ticket_changed":
                # who reads the page again first is chance, not the order in which the lock was asked for
                time.sleep(self._rng.random() * READING_S)
            state, version = self._look(heat.ticket_id, None if outcome == "ticket_changed" else version, ends)
            if state is None:
                self.told.odd.append(f"undecided after {self._patience:g} s")
                return

    def _agree(self, ticket_id: UUID, version: int) -> tuple[str, int]:
        """(what came of it, the version known now)."""
        self.told.tried += 1
        try:
            fresh = replace(self._actor, factor_at=self._clock.now())
            line = self._desk.accept(fresh, ticket_id, version).line
            outcome = "decided" if line.state in rules.CLOSED else "agreed"
            version = line.version
        except DomainError as error:
            outcome = error.code
            if outcome not in EXPECTED:
                self.told.odd.append(f"accept: {outcome}")
        self.told.outcomes[outcome] += 1
        return outcome, version

    def _edit(self, heat: Heat) -> None:
        for _ in range(5):
            _, version = self._look(heat.ticket_id, None, time.monotonic() + self._patience)
            try:
                self._casework.edit(self._actor, heat.ticket_id, version, heat.edit)
            except DomainError as error:
                if error.code == "ticket_changed":
                    continue
                if error.code != "move_not_allowed":
                    self.told.odd.append(f"edit: {error.code}")
                return
            self.told.outcomes["edited"] += 1
            return

    def _look(self, ticket_id: UUID, known: int | None, ends: float) -> tuple[State | None, int]:
        """(state, version) as soon as the version is another than ``known``; no state when patience ended."""
        while time.monotonic() < ends:
            with self._db.transaction() as session:
                state, version = session.execute(
                    select(Ticket.state, Ticket.version).where(Ticket.id == ticket_id)
                ).one()
            if version != known or state in rules.CLOSED:
                return state, version
            time.sleep(LOOK_S)
        return None, 0


def process(
    urls: ServiceUrls, folder: Path, racers: Sequence[tuple[int, Actor]], line: Barrier, orders: Connection
) -> None:
    """Races what comes through ``orders`` as (planted fault, seed, heats) until None comes; answers each with Told."""
    parts, _ = wired(urls, folder)
    try:
        receive: Callable[[], tuple[str, int, Sequence[Heat]] | None] = orders.recv
        while (order := receive()) is not None:
            planted, seed, heats = order
            field_of = [Racer(number, actor, parts, planted, seed + number) for number, actor in racers]
            threads = [Thread(target=racer.run, args=(heats, line)) for racer in field_of]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            told = Told()
            for racer in field_of:
                told.add(racer.told)
            orders.send(told)
    finally:
        parts.close()
