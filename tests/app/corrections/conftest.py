"""Tickets straight through the services."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

import pytest

from app.actors import Actor, Purpose
from app.corrections.rules import KINDS, Kind, State
from app.corrections.views import OpenTicket, TicketView
from parts import Lantai
from tests.app.conftest import Clerk
from tests.conftest import Person
from tests.fakes import FakeClock, jpeg

OpenFor = Callable[..., TicketView]
BroughtTo = Callable[..., TicketView]


def reader(person: Person, clock: FakeClock) -> Actor:
    return person.actor(Purpose.VIEW_DOSSIER, now=clock.now())


@pytest.fixture
def open_for(lantai: Lantai, clock: FakeClock) -> OpenFor:
    """Opens a ticket of a kind on a course (or, if statutory, on the identity record)."""

    def make(person: Person, kind: Kind = Kind.TRANSCRIPTION, **changes: str) -> TicketView:
        actor = reader(person, clock)
        section = "identity" if kind is Kind.STATUTORY_IDENTITY else "course"
        record = lantai.dossiers.section_by_name(actor, section).records[0]
        wanted = changes or ({"sex": "男"} if section == "identity" else {"grade": "95"})
        evidence: list[uuid.UUID] = []
        if KINDS[kind].needs_evidence:
            prepared = lantai.corrections.prepare_evidence(actor, jpeg(), "image/jpeg")
            evidence = [lantai.corrections.add_evidence(actor, prepared).id]
        values: dict[str, Any] = {}
        if KINDS[kind].needs_change:
            values = {"record_id": record.id, "base_version": record.version, "changes": wanted}
        return lantai.corrections.open_ticket(actor, OpenTicket(kind, "请更正", evidence_ids=evidence, **values))

    return make


@pytest.fixture
def brought_to(lantai: Lantai, open_for: OpenFor, clerk: Clerk, clock: FakeClock) -> BroughtTo:
    """A fresh ticket led into a state by its shortest way, by ``staff`` where one is named."""

    def make(person: Person, state: State, staff: Actor | None = None, kind: Kind | None = None) -> TicketView:
        one = two = staff or clerk()
        usual = {
            State.AWAITING_SECOND: Kind.STATUTORY_IDENTITY,
            State.RESOLVED: Kind.OTHER,
            State.WITH_UNIT: Kind.FORMING_UNIT,
        }.get(state, Kind.TRANSCRIPTION)
        earlier = open_for(person, Kind.OTHER).line if state is State.MERGED else None
        ticket = open_for(person, kind or usual)
        line = ticket.line
        if state is State.WITH_UNIT:
            return lantai.casework.send_out(one, line.id, line.version, "已函请教务处核实")
        if earlier is not None:
            lantai.casework.merge(one, line.id, line.version, earlier.id)
            return lantai.desk.ticket(one, line.id)
        if state is State.IN_REVIEW:
            return lantai.desk.take(one, line.id, line.version)
        if state is State.NEEDS_INFO:
            return lantai.desk.ask(one, line.id, line.version, "请补充")
        if state in (State.AWAITING_SECOND, State.APPLIED, State.RESOLVED):
            return lantai.desk.accept(two, line.id, line.version)
        if state is State.REJECTED:
            return lantai.desk.reject(one, line.id, line.version, "record_is_right", "经核对无误")
        if state is State.WITHDRAWN:
            return lantai.corrections.withdraw(reader(person, clock), line.id, line.version)
        return ticket

    return make
