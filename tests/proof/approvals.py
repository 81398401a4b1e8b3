"""Ten thousand racing approvals: threads of several processes agree to the same tickets at the same moment.

Every ticket must end in exactly one new version, agreed to by exactly two natural persons on exactly the change that
was made, whoever edits it meanwhile; two accounts of one person are one pair of eyes. Three desks with one wall taken
down each are raced for too: what they do must be found, or the run is void.
"""

from __future__ import annotations

import multiprocessing
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from random import Random
from typing import Any
from uuid import UUID

from app.actors import Actor, ActorKind, Role
from app.corrections.rules import Kind
from app.corrections.views import OpenTicket
from app.dossiers.rules import Section
from app.people.models import StaffMember
from tests import fakes
from tests.proof.house import House, Person, house
from tests.proof.outcome import Budget, Outcome
from tests.proof.racers import FAULTS, Heat, Told, process

MANY, FEW = 10_000, 300
PROCESSES = 2
PERSONS = (0, 0, 0, 1, 1, 1, 2, 2)
"""The natural person behind each account: eight accounts of three persons."""
HEATS, PLANTED_HEATS, PLANTED_ROUNDS = 16, 6, 6
EDITED = 0.4
NATIONS = ("汉族", "回族", "满族", "壮族", "苗族")
_FACTS = """
    select t.state, t.applied_version, t.base_version,
           (select count(*) from record_version v where v.source_id = t.id),
           (select count(*) from event e where e.object_id = t.id and e.type = 'ticket.decided'),
           (select count(*) from ticket_approval a where a.ticket_id = t.id),
           (select count(distinct a.diff_digest) from ticket_approval a where a.ticket_id = t.id),
           (select count(distinct s.person_key) from ticket_approval a join staff_member s on s.id = a.staff_id
             where a.ticket_id = t.id)
    from ticket t where t.id = %s
"""


@dataclass(slots=True)
class Course:
    """Everything a race needs: the house, the graduates whose tickets are raced for, and the racers' processes."""

    home: House
    people: Sequence[Person]
    orders: Sequence[Connection]
    viewer: Actor
    rng: Random
    told: Told = field(default_factory=Told)
    tickets: int = 0

    def heats(self, count: int, edited: float) -> list[Heat]:
        return [self._heat(self.people[n], self.rng.random() < edited) for n in range(count)]

    def _heat(self, person: Person, edited: bool) -> Heat:
        """A ticket about a statutory field: two persons must agree."""
        home, graduate = self.home, self.home.actor(person)
        record = home.parts.dossiers.section(graduate, Section.IDENTITY).records[0]
        nations = [n for n in NATIONS if n != record.body.get("ethnicity")]
        wanted, other = self.rng.sample(nations, 2)
        proof = home.parts.corrections.prepare_evidence(graduate, fakes.jpeg(), "image/jpeg")
        evidence = home.parts.corrections.add_evidence(graduate, proof).id
        change = {"ethnicity": wanted}
        line = home.parts.corrections.open_ticket(
            graduate,
            OpenTicket(Kind.STATUTORY_IDENTITY, "请更正", record.id, record.version, change, (evidence,)),
        ).line
        editor = self.rng.randrange(len(PERSONS)) if edited else -1
        return Heat(line.id, line.version, editor, {"ethnicity": other} if edited else {})

    def race(self, heats: Sequence[Heat], planted: str = "") -> tuple[Told, list[str]]:
        """What the racers met with, and what is wrong with the tickets afterwards."""
        seed = self.rng.randrange(10**6)
        for order in self.orders:
            order.send((planted, seed, heats))
        told = Told()
        for order in self.orders:
            told.add(order.recv())
        return told, [f for heat in heats for f in self._faults(heat)]

    def _faults(self, heat: Heat) -> Iterator[str]:
        with self.home.owner() as owner:
            row: Any = owner.execute(_FACTS.encode(), (heat.ticket_id,)).fetchone()
        state, applied, base, versions, decisions, approvals, digests, persons = row
        name = f"ticket {str(heat.ticket_id)[:8]}"
        if (state, versions, decisions) != ("applied", 1, 1) or applied != base + 1:
            yield f"{name}: {state}, {versions} new versions, {decisions} decisions"
        if (approvals, persons) != (2, 2):
            yield f"{name}: {approvals} approvals by {persons} persons"
        if digests != 1:
            yield f"{name}: agreed to {digests} different changes"
        if heat.edit and state == "applied":
            view = self.home.parts.desk.ticket(self.viewer, heat.ticket_id)
            if any(view.current.get(c.name) != c.after for c in view.changes):
                yield f"{name}: the record does not say what was agreed to"


def _account(home: House, number: int, person: UUID) -> Actor:
    row = StaffMember(
        id=uuid.uuid4(),
        username=f"racer-{number}",
        display_name=f"员工{number}",
        person_key=person,
        roles=[Role.ARCHIVIST.value, Role.REVIEWER.value],
        password_hash="-",
        sealed_totp=b"-",
        created_at=home.parts.clock.now(),
    )
    with home.parts.db.transaction() as session:
        session.add(row)
    return Actor(ActorKind.STAFF, row.id, frozenset({Role.ARCHIVIST, Role.REVIEWER}))


@contextmanager
def course(home: House, rng: Random) -> Iterator[Course]:
    keys = [uuid.uuid4() for _ in range(max(PERSONS) + 1)]
    racers = [(n, _account(home, n, keys[person])) for n, person in enumerate(PERSONS)]
    context = multiprocessing.get_context("spawn")
    line = context.Barrier(len(racers))
    ours, children = [], []
    for index in range(PROCESSES):
        here, there = context.Pipe()
        given = (home.urls, home.folder, racers[index::PROCESSES], line, there)
        children.append(context.Process(target=process, args=given, daemon=True))
        ours.append(here)
    for child in children:
        child.start()
    try:
        people = [home.graduate() for _ in range(HEATS)]
        yield Course(home, people, ours, home.staff(Role.ARCHIVIST), rng)
        for order in ours:
            order.send(None)
        for child in children:
            child.join(30)
    finally:
        for child in children:
            if child.is_alive():
                child.kill()


def run(budget: Budget) -> Outcome:
    rng, wanted, faults = Random(budget.seed), FEW if budget.short else MANY, list[str]()
    with house() as home, course(home, rng) as on:
        while on.told.tried < wanted or (_lacking(on) and on.told.tried < 5 * wanted):
            heats = on.heats(HEATS, EDITED)
            told, wrong = on.race(heats)
            on.told.add(told)
            on.tickets += len(heats)
            faults += [*wrong, *told.odd]
        faults += [f"void: no racer ever met with {needed}" for needed in _lacking(on)]
        found = {planted: _found(on, planted) for planted in FAULTS}
        faults += [f"void: the planted fault was not found ({planted})" for planted, n in found.items() if not n]
    return Outcome(_number(on, found), faults)


def _lacking(on: Course) -> list[str]:
    """What must have happened at least once for the races to say anything."""
    return [n for n in ("ticket_changed", "second_person_required", "edited") if not on.told.outcomes[n]]


def _found(on: Course, planted: str) -> int:
    """How much is found wrong with what a broken desk does; it needs the right moment, so it is given a few rounds."""
    for _ in range(PLANTED_ROUNDS):
        heats = on.heats(PLANTED_HEATS, 1.0 if planted == "old change" else 0.0)
        _, wrong = on.race(heats, planted)
        with on.home.owner() as owner:
            for heat in heats:
                # what was left open must not stand in the way of the next ticket
                owner.execute("update ticket set state = 'withdrawn' where id = %s", (heat.ticket_id,))
        if wrong:
            return len(wrong)
    return 0


def _number(on: Course, found: dict[str, int]) -> str:
    seen = on.told.outcomes
    caught = ", ".join(f"{name} {count}" for name, count in found.items())
    return (
        f"{on.told.tried} racing approvals by {len(PERSONS)} accounts of {max(PERSONS) + 1} persons in {PROCESSES} "
        f"processes on {on.tickets} tickets, each in one commit by two persons: {seen['agreed']} agreed, "
        f"{seen['decided']} decided, {seen['ticket_changed']} came too late, {seen['second_person_required']} were the "
        f"same person again, {seen['edited']} edits meanwhile (planted faults found: {caught})"
    )
