"""One answer per ticket, within its time; and groups that give no single answer away."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import date, timedelta

import pytest
from sqlalchemy import select

from app.actors import Role
from app.corrections import rating_rules
from app.corrections.queue_models import Satisfaction
from app.corrections.rating_rules import Quarter
from app.corrections.rules import Kind, State
from app.corrections.views import TicketView
from app.errors import Conflict, DomainError, Forbidden, Invalid, NotFound
from app.events import Event
from app.problems import WORDING
from parts import Lantai
from tests.app.conftest import Clerk
from tests.app.corrections.conftest import OpenFor, reader
from tests.app.corrections.test_approvals import at_once
from tests.conftest import Person
from tests.fakes import FakeClock

People = Callable[..., Person]
Brought = Callable[[Person, State], TicketView]


def test_asked_once_after_closing_and_for_thirty_days(
    graduate_factory: People, brought_to: Brought, lantai: Lantai, clock: FakeClock
) -> None:
    person, other = graduate_factory(), graduate_factory()
    ticket = brought_to(person, State.REJECTED).line
    actor = reader(person, clock)
    assert lantai.ratings.rating(actor, ticket.id).score is None
    for score in (0, 6, -1):
        with pytest.raises(Invalid):
            lantai.ratings.rate(actor, ticket.id, score)
    with pytest.raises(Invalid):
        lantai.ratings.rate(actor, ticket.id, 5, "好\u202e")
    with pytest.raises(NotFound):
        lantai.ratings.rate(reader(other, clock), ticket.id, 5)
    found = at_once(*[lambda s=s: lantai.ratings.rate(actor, ticket.id, s, "很快").score for s in (4, 5)])
    assert sorted(map(str, found))[1:] == ["rated_already"]
    assert lantai.ratings.rating(actor, ticket.id).score in (4, 5)
    with lantai.db.transaction() as session:
        row = session.scalars(select(Satisfaction)).one()
        told = session.scalars(select(Event).where(Event.type == "rating.given")).one()
    assert row.sealed_words is not None
    assert "很快".encode() not in row.sealed_words
    assert told.data == {}  # the log says that, not how


def test_not_asked_of_what_is_open_withdrawn_or_long_closed(
    graduate_factory: People, brought_to: Brought, lantai: Lantai, clock: FakeClock
) -> None:
    for state, code in (
        (State.IN_REVIEW, "not_closed_yet"),
        (State.NEEDS_INFO, "not_closed_yet"),
        (State.WITHDRAWN, "not_closed_yet"),
    ):
        person = graduate_factory()
        ticket = brought_to(person, state).line
        with pytest.raises(Conflict, match=code):
            lantai.ratings.rate(reader(person, clock), ticket.id, 5)
        assert lantai.ratings.rating(reader(person, clock), ticket.id).open_until is None
    person = graduate_factory()
    ticket = brought_to(person, State.APPLIED).line
    clock.advance(days=30, seconds=1)
    with pytest.raises(Conflict, match="rating_too_late"):
        lantai.ratings.rate(reader(person, clock), ticket.id, 5)


def test_a_finished_quarter_is_told_in_groups(
    graduate_factory: People, open_for: OpenFor, clerk: Clerk, lantai: Lantai, clock: FakeClock
) -> None:
    one, two, auditor = clerk(), clerk(), clerk(Role.AUDITOR)
    quarter = rating_rules.quarter_of(clock.now().date())
    for n in range(7):
        person = graduate_factory()
        ticket = open_for(person, Kind.OTHER).line
        lantai.desk.accept(one if n < 5 else two, ticket.id, ticket.version)
        lantai.ratings.rate(reader(person, clock), ticket.id, 5 if n < 5 else 1, f"第{n}条" if n < 6 else "")
    with pytest.raises(NotFound):  # not over yet: the next answer would show in the difference
        lantai.ratings.report(auditor, quarter)
    clock.advance(days=100)
    found = lantai.ratings.report(auditor, quarter)
    assert found.whole is not None
    assert (found.whole.answers, found.whole.mean) == (7, 3.9)
    assert [(g.answers, g.mean) for g in found.by["kind"]] == [(7, 3.9)]
    # two answers of one handler stay hidden, and so does the other, or the total would tell
    assert [(g.answers, g.mean) for g in found.by["handler"]] == [(None, None), (None, None)]
    assert sorted(found.words) == [f"第{n}条" for n in range(6)]
    for outsider in (clerk(Role.DISPATCHER), reader(graduate_factory(), clock)):
        with pytest.raises(Forbidden):
            lantai.ratings.report(outsider, quarter)


def test_fewer_than_k_show_nothing(
    graduate_factory: People, open_for: OpenFor, clerk: Clerk, lantai: Lantai, clock: FakeClock
) -> None:
    quarter, one = rating_rules.quarter_of(clock.now().date()), clerk()
    for _ in range(4):
        person = graduate_factory()
        ticket = open_for(person, Kind.OTHER).line
        lantai.desk.accept(one, ticket.id, ticket.version)
        lantai.ratings.rate(reader(person, clock), ticket.id, 1, "慢")
    clock.advance(days=100)
    found = lantai.ratings.report(one, quarter)
    assert (found.whole, list(found.words)) == (None, [])
    assert all(g.answers is None and g.mean is None for groups in found.by.values() for g in groups)


def test_no_table_lets_a_small_group_be_worked_out() -> None:
    """Whatever the groups: what is hidden is k answers together at least, and more than one group or everything."""
    chance, k = random.Random(11), 5
    for _ in range(2000):
        scores = {
            f"组{n}": [chance.randint(1, 5) for _ in range(chance.randrange(12))] for n in range(chance.randrange(1, 7))
        }
        scores = {name: given for name, given in scores.items() if given}
        if not scores:
            continue
        whole, groups = rating_rules.published(scores, k)
        hidden = [scores[g.name] for g in groups if g.answers is None]
        shown = [g for g in groups if g.answers is not None]
        assert all(g.answers is not None and g.answers >= k for g in shown)
        if whole is None:
            assert not shown
            assert sum(map(len, scores.values())) < k
            continue
        assert not hidden or sum(map(len, hidden)) >= k
        assert len(hidden) != 1 or len(scores) == 1
        if any(len(given) < k for given in scores.values()):
            assert hidden


def test_quarters_follow_one_another() -> None:
    on = date(2026, 1, 1)
    while on < date(2028, 1, 1):
        quarter = rating_rules.quarter_of(on)
        assert quarter.first <= on < quarter.after
        assert quarter.following.before == quarter
        on += timedelta(days=1)
    assert rating_rules.finished(date(2026, 6, 30), 2) == [Quarter(2026, 1), Quarter(2025, 4)]


def test_the_errors_have_words() -> None:
    for error in (Conflict("rated_already"), Conflict("rating_too_late"), Conflict("not_closed_yet")):
        assert isinstance(error, DomainError)
        assert error.code in WORDING
