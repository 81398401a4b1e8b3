"""The registry on PostgreSQL: versions that stay, the day that decides, and what is told of it."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date, timedelta
from random import Random

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.exc import DBAPIError

from app.actors import SYSTEM, Actor, ActorKind, Role
from app.errors import Conflict, DomainError, Forbidden, Invalid, NotFound, VersionMismatch
from app.events import Event
from app.receivers.rules import DestinationCase, ReceiverFacts, ReceiverKind, Refusal, Standing
from app.receivers.views import Wanted, Warnings
from parts import Lantai
from providers.embedded.services import ServiceUrls
from tests import fakes
from tests.app.receivers.samples import credit_code, facts
from tests.conftest import StaffLogin

OPENED = date(2024, 1, 1)


@pytest.fixture
def today(lantai: Lantai) -> date:
    return lantai.receivers.today


def add(lantai: Lantai, serial: int = 1, code: str = "", **changes: object) -> str:
    made = facts(serial, **changes)
    lantai.receivers.record(SYSTEM, code, made, 0)
    return code or made.credit_code


def test_a_receiver_is_frozen_as_it_stood_on_the_day(lantai: Lantai, today: date) -> None:
    code = add(lantai, valid_from=OPENED)
    moved = facts(address="新址路 2 号", valid_from=today)
    found = lantai.receivers.record(SYSTEM, code, moved, 1)
    with lantai.db.transaction() as session:
        before = lantai.receivers.frozen(session, code, today - timedelta(days=1))
        after = lantai.receivers.frozen(session, found, today)
        kept = lantai.receivers.kept(session, found, before.version, today)
    assert (before.version, before.address) == (1, facts().address)
    assert (after.version, after.address, after.id) == (2, "新址路 2 号", found)
    assert kept.facts == before.facts


def test_a_day_outside_the_entitlement_is_refused_with_its_reason(lantai: Lantai) -> None:
    code = add(lantai, valid_from=OPENED, valid_to=date(2025, 1, 1))
    for on, reason in (
        (date(2023, 12, 31), Refusal.NOT_YET),
        (date(2025, 1, 1), Refusal.EXPIRED),
        (date(2026, 1, 1), Refusal.EXPIRED),
    ):
        with lantai.db.transaction() as session, pytest.raises(Conflict) as caught:
            lantai.receivers.frozen(session, code, on)
        assert caught.value.code == "receiver_not_authorised"
        assert caught.value.extra == {"reason": reason.value, "on": on.isoformat()}
    with lantai.db.transaction() as session, pytest.raises(NotFound):
        lantai.receivers.frozen(session, "NOBODY", OPENED)


def test_closing_takes_a_planned_change_away_with_it(lantai: Lantai, today: date) -> None:
    code = add(lantai, valid_from=OPENED)
    later = today + timedelta(days=90)
    found = lantai.receivers.record(SYSTEM, code, facts(address="新址路 2 号", valid_from=later), 1)
    lantai.receivers.close(SYSTEM, found, today, 2, "省厅 2026 年第 3 号通知")
    with lantai.db.transaction() as session:
        assert lantai.receivers.frozen(session, code, today - timedelta(days=1)).version == 3
        for on in (today, later, later + timedelta(days=1)):
            with pytest.raises(Conflict):
                lantai.receivers.frozen(session, code, on)
    with pytest.raises(Conflict, match="receiver_closed"):
        lantai.receivers.close(SYSTEM, found, later, 3, "再次")
    with pytest.raises(Invalid):
        lantai.receivers.close(SYSTEM, found, OPENED - timedelta(days=1), 3, "太早")
    assert [v.number for v in lantai.receivers.history(SYSTEM, found)] == [3, 2, 1]


def test_the_same_again_adds_nothing_and_a_stale_version_is_noticed(lantai: Lantai, today: date) -> None:
    code = add(lantai, valid_from=OPENED)
    same = lantai.receivers.record(SYSTEM, code, facts(valid_from=OPENED), 1)
    assert len(lantai.receivers.history(SYSTEM, same)) == 1
    lantai.receivers.record(SYSTEM, code, facts(department="综合科", valid_from=today), 1)
    with pytest.raises(VersionMismatch):
        lantai.receivers.record(SYSTEM, code, facts(department="二科", valid_from=today), 1)
    with pytest.raises(Conflict, match="receiver_exists"):
        lantai.receivers.record(SYSTEM, code, facts(), 0)
    newest, oldest = lantai.receivers.history(SYSTEM, same)
    assert (newest.changed, newest.speaks, oldest.changed) == (("department", "valid_from"), True, ())


def test_a_private_persons_data_and_companies_do_not_get_in(lantai: Lantai) -> None:
    for wrong in (
        facts(phone="13800138000"),
        facts(credit_code=credit_code("92")),
        facts(credit_code=credit_code("91")),
    ):
        with pytest.raises(Invalid):
            lantai.receivers.record(SYSTEM, "", wrong, 0)
    assert lantai.receivers.search(SYSTEM, Wanted()).total == 0


def waiting(lantai: Lantai) -> bool:
    """Whether somebody waits for a lock of somebody else's transaction."""
    with lantai.db.engine.connect() as connection:
        query = "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'"
        return bool(connection.scalar(text(query)))


def until_somebody_waits(lantai: Lantai) -> None:
    deadline = time.monotonic() + 10
    while not waiting(lantai):
        assert time.monotonic() < deadline, "nobody came to the lock"
        time.sleep(0.01)


@pytest.mark.parametrize(("known", "word"), [(True, "receiver_changed"), (False, "receiver_exists")])
def test_who_comes_second_waits_and_then_is_told(lantai: Lantai, today: date, known: bool, word: str) -> None:
    if known:
        add(lantai, code="R-1")
    version = int(known)
    with ThreadPoolExecutor(1) as pool:
        with lantai.db.transaction():
            lantai.receivers.record(SYSTEM, "R-1", facts(department="综合科", valid_from=today), version)
            second = pool.submit(lantai.receivers.record, SYSTEM, "R-1", facts(department="二科"), version)
            until_somebody_waits(lantai)
        with pytest.raises(DomainError) as caught:
            second.result(timeout=20)
    assert caught.value.code == word
    assert [line.facts.department for line in lantai.receivers.search(SYSTEM, Wanted()).lines] == ["综合科"]


def test_the_database_keeps_versions_as_they_are(lantai: Lantai, urls: ServiceUrls) -> None:
    add(lantai)
    engine = create_engine(urls.database_owner_url)
    for statement in (
        "update receiver_version set address = 'x'",
        "delete from receiver_version",
        "truncate receiver_version",
    ):
        with engine.connect() as connection, pytest.raises(DBAPIError, match="append-only"):
            connection.execute(text(statement))
    engine.dispose()


def test_every_change_leaves_an_event_without_anybodys_data(lantai: Lantai, today: date) -> None:
    code = add(lantai, valid_from=OPENED)
    found = lantai.receivers.record(SYSTEM, code, facts(department="综合科", valid_from=today), 1)
    lantai.receivers.close(SYSTEM, found, today + timedelta(days=1), 2, "停止接收")
    with lantai.db.transaction() as session:
        events = session.query(Event).filter(Event.object_id == found).order_by(Event.id).all()
    assert [(e.type, e.data) for e in events] == [
        ("receiver.recorded", {"code": code, "number": 1}),
        ("receiver.recorded", {"code": code, "number": 2}),
        ("receiver.closed", {"code": code, "number": 3}),
    ]


def test_lists_by_text_region_kind_and_day(lantai: Lantai, today: date) -> None:
    add(lantai, 1, "R-A", valid_from=OPENED)
    add(lantai, 2, "R-B", valid_from=OPENED, valid_to=today + timedelta(days=20), region_code="330108")
    add(lantai, 3, "R-C", valid_from=OPENED, valid_to=today, region_code="440305")
    add(lantai, 4, "R-D", valid_from=today + timedelta(days=5), kind=ReceiverKind.ADMITTING_SCHOOL)

    def codes(**wanted: object) -> list[str]:
        found = lantai.receivers.search(SYSTEM, Wanted(**wanted))  # type: ignore[arg-type]
        assert found.total == len(found.lines)
        return [line.code for line in found.lines]

    assert sorted(codes()) == ["R-A", "R-B", "R-C", "R-D"]
    assert codes(text="第2人力") == ["R-B"]
    assert codes(text="%") == []
    assert sorted(codes(region="3301")) == ["R-A", "R-B", "R-D"]
    assert codes(kind=ReceiverKind.ADMITTING_SCHOOL) == ["R-D"]
    assert sorted(codes(valid_on=today)) == ["R-A", "R-B"]
    assert sorted(codes(valid_on=today - timedelta(days=1))) == ["R-A", "R-B", "R-C"]
    assert codes(expiring_within=19) == []
    assert codes(expiring_within=20) == ["R-B"]
    assert [line.code for line in lantai.receivers.expiring(SYSTEM)] == ["R-B"]
    for wanted, expected in ((Standing.EXPIRED, ["R-C"]), (Standing.EXPIRING, ["R-B"]), (Standing.NOT_YET, ["R-D"])):
        assert codes(standing=wanted) == expected
    assert lantai.receivers.warnings(SYSTEM) == Warnings(expiring=1, expired=1, changed=0)
    lantai.receivers.record(SYSTEM, "R-A", facts(1, department="综合科", valid_from=today), 1)
    assert codes(changed=True) == ["R-A"]
    assert lantai.receivers.warnings(SYSTEM) == Warnings(expiring=1, expired=1, changed=1)


def test_a_planned_change_does_not_show_before_its_day(lantai: Lantai, today: date) -> None:
    later = today + timedelta(days=30)
    add(lantai, 1, "R-1", valid_from=OPENED)
    lantai.receivers.record(SYSTEM, "R-1", facts(1, address="新址路 2 号", valid_from=later), 1)
    for on, address, number in ((None, facts().address, 1), (later, "新址路 2 号", 2)):
        (line,) = lantai.receivers.search(SYSTEM, Wanted(valid_on=on)).lines
        assert (line.facts.address, line.number, line.standing) == (address, number, Standing.VALID)
    assert lantai.receivers.search(SYSTEM, Wanted(text="新址")).total == 0


class Plain:
    """The registry as one would keep it on paper: for every day, what is said of it."""

    def __init__(self, days: list[date]) -> None:
        self.days: dict[date, ReceiverFacts | None] = dict.fromkeys(days)
        self.number = 0

    def record(self, told: ReceiverFacts) -> None:
        self.number += 1
        self.days = {d: told if told.valid_from <= d else said for d, said in self.days.items()}

    def close(self, on: date) -> str:
        said = self.days[on]
        if said is None:
            return "invalid_input"
        if said.valid_to is not None and said.valid_to <= on:
            return "receiver_closed"
        self.record(replace(said, valid_to=on, source="停止接收"))
        return "ok"

    def entitled(self, on: date) -> ReceiverFacts | None:
        said = self.days[on]
        return said if said is not None and (said.valid_to is None or on < said.valid_to) else None


@pytest.mark.parametrize("seed", range(4))
def test_whatever_is_recorded_in_whatever_order_every_day_has_the_plain_answer(lantai: Lantai, seed: int) -> None:
    draw = Random(seed)
    days = [OPENED + timedelta(days=n) for n in range(0, 40, 3)]
    plain, found = Plain(days), None
    for step in range(10):
        if found is not None and draw.random() < 0.35:
            on = draw.choice(days)
            try:
                lantai.receivers.close(SYSTEM, found, on, plain.number, "停止接收")
                said = "ok"
            except DomainError as error:
                said = error.code
            assert said == plain.close(on), (seed, step)
        else:
            begins = draw.choice(days)
            ends = begins + timedelta(days=draw.randint(1, 30)) if draw.random() < 0.6 else None
            told = facts(department=f"第{step}科", valid_from=begins, valid_to=ends)
            found = lantai.receivers.record(SYSTEM, "R-1", told, plain.number)
            plain.record(told)
        assert found is not None
        with lantai.db.transaction() as session:
            for day in days:
                try:
                    held = lantai.receivers.frozen(session, found, day).facts
                except Conflict:
                    held = None
                assert held == plain.entitled(day), (seed, step, day)
    listed = {d for d in days if lantai.receivers.search(SYSTEM, Wanted(valid_on=d)).total}
    assert listed == {d for d in days if plain.entitled(d)}, seed


def test_warnings_of_changes_fade(lantai: Lantai, clock: fakes.FakeClock, today: date) -> None:
    code = add(lantai, valid_from=OPENED)
    lantai.receivers.record(SYSTEM, code, facts(department="综合科", valid_from=today), 1)
    clock.advance(days=31)
    assert lantai.receivers.warnings(SYSTEM).changed == 0


def test_pages_hold_every_line_once(lantai: Lantai) -> None:
    for n in range(7):
        add(lantai, n + 1, f"P-{n}")
    pages = [lantai.receivers.search(SYSTEM, Wanted(), offset=o, limit=3) for o in (0, 3, 6)]
    assert [p.total for p in pages] == [7, 7, 7]
    assert sorted(line.code for p in pages for line in p.lines) == [f"P-{n}" for n in range(7)]


def test_what_moved_on_since_it_was_frozen(lantai: Lantai, today: date) -> None:
    first, second, third = add(lantai, 1, "R-A"), add(lantai, 2, "R-B"), add(lantai, 3, "R-C")
    with lantai.db.transaction() as session:
        frozen = [lantai.receivers.frozen(session, c, today) for c in (first, second, third)]
    pairs = [(f.id, f.version) for f in frozen]
    with lantai.db.transaction() as session:
        assert lantai.receivers.moved_on(session, pairs, today) == []
    lantai.receivers.record(SYSTEM, "R-A", replace(frozen[0].facts, address="新址路 2 号", valid_from=today), 1)
    lantai.receivers.close(SYSTEM, frozen[1].id, today, 1, "停止接收")
    with lantai.db.transaction() as session:
        moved = lantai.receivers.moved_on(session, pairs, today)
    assert [(m.code, m.frozen_version, m.version, m.refusal) for m in moved] == [
        ("R-A", 1, 2, None),
        ("R-B", 1, 2, Refusal.EXPIRED),
    ]
    assert "address" in moved[0].changed


def test_suggestions_come_from_the_registry(lantai: Lantai, today: date) -> None:
    add(lantai, 1, "HOME", region_code="330106")
    add(lantai, 2, "WORK", region_code="440305")
    add(lantai, 3, "FAR", region_code="110101")
    add(lantai, 4, "SCHOOL", region_code="310110", kind=ReceiverKind.ADMITTING_SCHOOL, name="示例大学")
    registry = lantai.receivers

    def told(case: DestinationCase, text: str = "") -> list[str]:
        return [s.receiver.code for s in registry.suggestions(case, "330106", "440305", today, text=text)]

    assert told(DestinationCase.UNEMPLOYED) == ["HOME"]
    assert told(DestinationCase.PRIVATE_EMPLOYMENT) == ["WORK", "HOME"]
    assert told(DestinationCase.FURTHER_STUDY) == ["SCHOOL"]
    assert told(DestinationCase.FURTHER_STUDY, "另一所") == []
    assert told(DestinationCase.KEPT_AT_SCHOOL) == ["HOME"]


def test_who_may_read_and_who_may_record(lantai: Lantai, today: date, staff_factory: Callable[..., StaffLogin]) -> None:
    code = add(lantai)
    with lantai.db.transaction() as session:
        found = lantai.receivers.frozen(session, code, today).id
    calls: dict[str, Callable[[Actor], object]] = {
        "read": lambda a: lantai.receivers.search(a, Wanted()),
        "one": lambda a: lantai.receivers.view(a, found),
        "warn": lambda a: lantai.receivers.warnings(a),
        "record": lambda a: lantai.receivers.record(a, code, facts(department="综合科", valid_from=today), 1),
        "close": lambda a: lantai.receivers.close(a, found, today, 2, "停止接收"),
    }
    for role in Role:
        actor = staff_factory(role).actor
        reads = role in (Role.ARCHIVIST, Role.REVIEWER, Role.DISPATCHER)
        for name, call in calls.items():
            if reads and name in ("read", "one", "warn"):
                call(actor)
            elif role is not Role.ARCHIVIST:
                with pytest.raises(Forbidden):
                    call(actor)
    graduate = Actor(ActorKind.GRADUATE, SYSTEM.id)
    for call in calls.values():
        with pytest.raises(Forbidden):
            call(graduate)
