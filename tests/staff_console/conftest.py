"""Tickets to work on, and a member of staff's browser that follows forms."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import pytest
from flask import Flask
from playwright.sync_api import Browser
from werkzeug.test import TestResponse

from app.actors import Purpose, Role
from app.corrections.rules import Kind
from app.corrections.views import OpenTicket, TicketView
from app.dossiers.rules import Section
from parts import Lantai
from tests import fakes
from tests.conftest import Person, StaffLogin
from tests.staff_console.authenticators import Device
from tests.staff_console.browsing import Visit, chromium, served
from tests.staff_console.reading import Reader

STATEMENT = "班级录入有误，请核对学籍卡。"


@dataclass
class Desk:
    """One signed-in member of staff."""

    login: StaffLogin

    def get(self, path: str, **kwargs: Any) -> TestResponse:
        return self.login.client.get(f"/console{path}", **kwargs)

    def post(self, path: str, data: dict[str, Any] | None = None, **kwargs: Any) -> TestResponse:
        form = {"csrf_token": self.login.csrf, **(data or {})}
        return self.login.client.post(f"/console{path}", data=form, **kwargs)

    def state_purpose(self, graduate_id: UUID, purpose: str = "filing") -> None:
        """Put on record why this graduate's content is opened."""
        assert self.post(f"/graduates/{graduate_id}/purpose", {"purpose": purpose}).status_code == 303

    def read(self, path: str, **kwargs: Any) -> Reader:
        return Reader(self.get(path, **kwargs).text)


@pytest.fixture
def desk(staff_factory: Callable[..., StaffLogin]) -> Callable[..., Desk]:
    return lambda *roles: Desk(staff_factory(*(roles or (Role.ARCHIVIST,))))


@pytest.fixture
def open_ticket(lantai: Lantai, clock: fakes.FakeClock) -> Callable[..., TicketView]:
    """A graduate's request: by default a transcription error in the enrolment record."""

    def make(
        person: Person,
        kind: Kind = Kind.TRANSCRIPTION,
        section: Section | None = Section.ENROLMENT,
        changes: dict[str, str] | None = None,
        statement: str = STATEMENT,
        proofs: tuple[bytes, ...] = (),
    ) -> TicketView:
        actor = person.actor(Purpose.VIEW_DOSSIER, Purpose.CORRECT, now=clock.now())
        record = lantai.dossiers.section(actor, section).records[0] if section is not None else None
        evidence: list[UUID] = []
        for data in proofs:
            prepared = lantai.corrections.prepare_evidence(actor, data, "")
            evidence.append(lantai.corrections.add_evidence(actor, prepared).id)
        wanted = {"class_name": "二班"} if changes is None and record is not None else changes or {}
        request = OpenTicket(
            kind, statement, record.id if record else None, record.version if record else None, wanted, evidence
        )
        return lantai.corrections.open_ticket(actor, request)

    return make


@pytest.fixture
def identity_ticket(open_ticket: Callable[..., TicketView]) -> Callable[[Person], TicketView]:
    """A change of statutory identity data, which two persons must agree to."""
    return lambda person: open_ticket(
        person, Kind.STATUTORY_IDENTITY, Section.IDENTITY, {"sex": "男"}, "性别登记有误。", (fakes.jpeg(),)
    )


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as running:
        yield running


@pytest.fixture
def site(app: Flask) -> Iterator[str]:
    with served(app) as address:
        yield address


@pytest.fixture
def visit(browser: Browser, site: str) -> Iterator[Callable[..., Visit]]:
    visits: list[Visit] = []

    def make(who: Desk | None, **options: Any) -> Visit:
        visits.append(Visit(browser, site, who.login if who else None, **options))
        return visits[-1]

    yield make
    for one in visits:
        one.context.close()


@pytest.fixture
def device(browser: Browser) -> Iterator[Callable[..., Device]]:
    made: list[Device] = []

    def make(**options: Any) -> Device:
        made.append(Device(browser, **options))
        return made[-1]

    yield make
    for one in made:
        one.context.close()
