"""Taking stock of a place: each code has its finding, what was not seen is listed, and it goes on where it stopped."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from uuid import UUID, uuid4

import pytest
from sqlalchemy import select

from app.actors import Actor, Role
from app.custody.rules import Condition, Standing, own_code
from app.custody.stock_models import Finding, StockLine, StockState
from app.custody.stock_reading import StockLineView
from app.errors import Conflict, Forbidden, Invalid, NotFound
from app.events import Event
from app.transfers.states import State
from parts import Lantai
from tests.app.conftest import Clerk
from tests.app.custody.lending import PLACE, People, at_once, fault_of, inside, paper
from tests.conftest import Person
from tests.fakes import FakeClock
from tests.moving import desk_pair, lead, opened

OTHER = "A-03-2-06"
UNKNOWN = "DA00000000ABCD"


def code_of(lantai: Lantai, actor: Actor, person: Person) -> str:
    return paper(lantai, actor, person).code


def shelved(lantai: Lantai, actor: Actor, person: Person, place: str = PLACE) -> str:
    lantai.shelving.shelve(actor, place, code_of(lantai, actor, person))
    return code_of(lantai, actor, person)


def scan(lantai: Lantai, actor: Actor, take: UUID, code: str) -> StockLineView:
    line, _ = lantai.stock_taking.scan(actor, take, code)
    return lantai.stock_reading.line(actor, take, line)


def test_every_code_has_its_finding_and_the_unseen_are_listed(
    lantai: Lantai, archivist: Actor, graduate_factory: People
) -> None:
    here, unseen, elsewhere, loose, lent, gone = (graduate_factory() for _ in range(6))
    for person, place in ((here, PLACE), (unseen, PLACE), (elsewhere, OTHER)):
        shelved(lantai, archivist, person, place)
    lantai.loans.ask(archivist, lent.id, inside(archivist))
    pair = desk_pair(lantai)
    lead(lantai, pair, opened(lantai, pair.first, gone.id), State.HANDED_TO_CARRIER)
    take = lantai.stock_taking.begin(archivist, f" {PLACE.lower()} ")
    found = {
        person: scan(lantai, archivist, take, code_of(lantai, archivist, person))
        for person in (here, elsewhere, loose, lent, gone)
    }
    assert {p: line.finding for p, line in found.items()} == {
        here: Finding.HERE,
        elsewhere: Finding.ELSEWHERE,
        loose: Finding.UNPLACED,
        lent: Finding.LENT,
        gone: Finding.LEFT,
    }
    assert (found[here].place, found[elsewhere].place, found[loose].place) == (PLACE, OTHER, "")
    unknown = scan(lantai, archivist, take, UNKNOWN.lower())
    assert (unknown.finding, unknown.code, unknown.graduate_id) == (Finding.UNKNOWN, UNKNOWN, None)
    view = lantai.stock_reading.take(archivist, take)
    assert (view.expected, view.scanned, view.wrong, view.open) == (2, 6, 5, True)
    lantai.stock_taking.finish(archivist, take)
    view = lantai.stock_reading.take(archivist, take)
    assert (view.state, view.expected, view.counts[Finding.MISSING]) == (StockState.DONE, 2, 1)
    first = lantai.stock_reading.lines(archivist, take)[0][0]
    assert (first.finding, first.graduate_id, first.staff_id) == (Finding.MISSING, unseen.id, None)
    lines, total = lantai.stock_reading.lines(archivist, take, wrong=True)
    assert (total, Finding.HERE in {line.finding for line in lines}) == (6, False)
    # the record itself is as it was: a stock-take moves nothing by itself
    assert paper(lantai, archivist, unseen).place == PLACE
    with pytest.raises(Conflict, match="stock_take_ended"):
        scan(lantai, archivist, take, code_of(lantai, archivist, unseen))


def test_it_is_kept_after_every_scan_and_goes_on_for_whoever_comes(
    lantai: Lantai, archivist: Actor, clerk: Clerk, graduate_factory: People
) -> None:
    first, second = graduate_factory(), graduate_factory()
    codes = [shelved(lantai, archivist, person) for person in (first, second)]
    take = lantai.stock_taking.begin(archivist, PLACE)
    line, fresh = lantai.stock_taking.scan(archivist, take, codes[0])
    assert fresh
    other = clerk(Role.DISPATCHER)
    assert lantai.stock_taking.begin(other, "A-3-2-5") == take
    assert lantai.stock_taking.scan(other, take, codes[0]) == (line, False)
    lantai.stock_taking.scan(other, take, codes[1])
    lantai.stock_taking.finish(other, take)
    assert Finding.MISSING not in lantai.stock_reading.take(archivist, take).counts
    assert lantai.stock_taking.begin(archivist, PLACE) != take
    takes, total = lantai.stock_reading.takes(archivist)
    assert (total, [t.open for t in takes], takes[1].id) == (2, [True, False], take)


def test_a_dossier_counts_once_by_whichever_code(lantai: Lantai, archivist: Actor, graduate_factory: People) -> None:
    person = graduate_factory()
    shelved(lantai, archivist, person)
    take = lantai.stock_taking.begin(archivist, PLACE)
    line, _ = lantai.stock_taking.scan(archivist, take, code_of(lantai, archivist, person))
    view = opened(lantai, desk_pair(lantai).first, person.id)
    assert lantai.stock_taking.scan(archivist, take, view.number) == (line, False)
    assert lantai.stock_taking.scan(archivist, take, own_code(paper(lantai, archivist, person).dossier_id))[0] == line


def test_what_stands_wrong_is_put_here_and_is_then_seen(
    lantai: Lantai, archivist: Actor, graduate_factory: People
) -> None:
    elsewhere, loose, here = graduate_factory(), graduate_factory(), graduate_factory()
    shelved(lantai, archivist, elsewhere, OTHER)
    shelved(lantai, archivist, here)
    take = lantai.stock_taking.begin(archivist, PLACE)
    for person in (elsewhere, loose):
        line = scan(lantai, archivist, take, code_of(lantai, archivist, person))
        assert line.movable
        lantai.stock_taking.move_here(archivist, take, line.id)
        lantai.stock_taking.move_here(archivist, take, line.id)  # twice is once
        moved = paper(lantai, archivist, person)
        assert (moved.place, moved.standing) == (PLACE, Standing.SHELVED)
        assert not lantai.stock_reading.line(archivist, take, line.id).movable
    assert len(paper(lantai, archivist, elsewhere).moves) == 2
    right = scan(lantai, archivist, take, code_of(lantai, archivist, here))
    unknown = scan(lantai, archivist, take, UNKNOWN)
    for line in (right, unknown):
        with pytest.raises(Conflict, match="not_to_be_moved"):
            lantai.stock_taking.move_here(archivist, take, line.id)
    lantai.stock_taking.finish(archivist, take)
    view = lantai.stock_reading.take(archivist, take)
    assert (view.expected, view.counts.get(Finding.MISSING)) == (3, None)


def test_what_was_moved_here_and_then_elsewhere_is_not_drawn_back(
    lantai: Lantai, archivist: Actor, graduate_factory: People
) -> None:
    person = graduate_factory()
    shelved(lantai, archivist, person, OTHER)
    take = lantai.stock_taking.begin(archivist, PLACE)
    line = scan(lantai, archivist, take, code_of(lantai, archivist, person))
    lantai.stock_taking.move_here(archivist, take, line.id)
    shelved(lantai, archivist, person, OTHER)
    lantai.stock_taking.move_here(archivist, take, line.id)
    assert paper(lantai, archivist, person).place == OTHER


def test_what_is_shelved_here_after_the_beginning_is_not_missing(
    lantai: Lantai, archivist: Actor, graduate_factory: People, clock: FakeClock
) -> None:
    before, after = graduate_factory(), graduate_factory()
    shelved(lantai, archivist, before)
    take = lantai.stock_taking.begin(archivist, PLACE)
    clock.advance(hours=1)
    shelved(lantai, archivist, after)
    lantai.stock_taking.finish(archivist, take)
    with lantai.db.transaction() as session:
        missing = select(StockLine.graduate_id).where(StockLine.finding == Finding.MISSING)
        assert list(session.scalars(missing)) == [before.id]


def test_what_was_lent_meanwhile_is_neither_moved_nor_missing(
    lantai: Lantai, archivist: Actor, graduate_factory: People
) -> None:
    found, taken = graduate_factory(), graduate_factory()
    shelved(lantai, archivist, found, OTHER)
    shelved(lantai, archivist, taken)
    take = lantai.stock_taking.begin(archivist, PLACE)
    line = scan(lantai, archivist, take, code_of(lantai, archivist, found))
    loan = lantai.loans.ask(archivist, found.id, inside(archivist))
    lantai.loans.ask(archivist, taken.id, inside(archivist))
    with pytest.raises(Conflict, match="paper_lent"):
        lantai.stock_taking.move_here(archivist, take, line.id)
    assert lantai.stock_reading.line(archivist, take, line.id).moved_at is None
    lantai.loans.give_back(archivist, loan, Condition.INTACT)
    lantai.stock_taking.finish(archivist, take)
    assert Finding.MISSING not in lantai.stock_reading.take(archivist, take).counts


@pytest.mark.parametrize("code", ["", "A-03-2-06", "11010519491231002X", "某人", "ZD", "DA123", "'; drop", "1" * 40])
def test_nothing_but_labels_is_kept(code: str, lantai: Lantai, archivist: Actor) -> None:
    take = lantai.stock_taking.begin(archivist, PLACE)
    with pytest.raises(Invalid) as caught:
        lantai.stock_taking.scan(archivist, take, code)
    assert fault_of(caught) == "no_dossier_label"
    with lantai.db.transaction() as session:
        assert session.scalars(select(StockLine)).all() == []


def test_where_it_cannot_begin_and_who_may(lantai: Lantai, archivist: Actor, clerk: Clerk) -> None:
    for code, fault in (("", "scan_place_first"), ("DA000000000000", "scan_place_first"), ("Z-9-9", "unknown_place")):
        with pytest.raises(Invalid) as caught:
            lantai.stock_taking.begin(archivist, code)
        assert fault_of(caught) == fault
    (closed,), _ = lantai.places.search(archivist, OTHER)
    lantai.places.close(archivist, closed.id)
    with pytest.raises(Invalid) as caught:
        lantai.stock_taking.begin(archivist, OTHER)
    assert fault_of(caught) == "place_closed_since"
    take, reader = lantai.stock_taking.begin(archivist, PLACE), clerk(Role.REVIEWER)
    assert lantai.stock_reading.take(reader, take).open
    taking = lantai.stock_taking
    forbidden: list[Callable[[], object]] = [
        partial(taking.begin, reader, PLACE),
        partial(taking.scan, reader, take, UNKNOWN),
        partial(taking.move_here, reader, take, uuid4()),
        partial(taking.finish, reader, take),
        partial(taking.drop, reader, take),
        partial(lantai.stock_reading.takes, clerk(Role.AUDITOR)),
        partial(lantai.stock_reading.report, clerk(Role.AUDITOR), take),
    ]
    for act in forbidden:
        with pytest.raises(Forbidden):
            act()
    absent: list[Callable[[], object]] = [
        partial(taking.scan, archivist, uuid4(), UNKNOWN),
        partial(taking.move_here, archivist, take, uuid4()),
        partial(lantai.stock_reading.take, archivist, uuid4()),
        partial(lantai.stock_reading.line, archivist, take, uuid4()),
        partial(lantai.stock_reading.report, archivist, uuid4()),
    ]
    for act in absent:
        with pytest.raises(NotFound):
            act()


def test_given_up_nothing_is_missing_and_reading_the_report_is_on_record(
    lantai: Lantai, archivist: Actor, graduate_factory: People
) -> None:
    shelved(lantai, archivist, graduate_factory())
    take = lantai.stock_taking.begin(archivist, PLACE)
    lantai.stock_taking.drop(archivist, take)
    assert lantai.stock_reading.take(archivist, take).state is StockState.DROPPED
    assert list(lantai.stock_reading.report(archivist, take)) == []
    with lantai.db.transaction() as session:
        kinds = session.scalars(select(Event.type).where(Event.object_id == take).order_by(Event.id)).all()
    assert kinds == ["stock_take.begun", "stock_take.dropped", "stock_take.exported"]


def test_scanners_at_one_place_take_turns(lantai: Lantai, archivist: Actor, graduate_factory: People) -> None:
    assert set(at_once([lambda: lantai.stock_taking.begin(archivist, PLACE)] * 4)) <= {"done", "busy"}
    assert lantai.stock_reading.takes(archivist)[1] == 1
    take, code = lantai.stock_taking.begin(archivist, PLACE), shelved(lantai, archivist, graduate_factory())
    calls: list[Callable[[], object]] = [partial(lantai.stock_taking.scan, archivist, take, code)] * 4
    assert at_once([*calls, lambda: lantai.stock_taking.scan(archivist, take, UNKNOWN)]) == ["done"] * 5
    assert lantai.stock_reading.lines(archivist, take)[1] == 2
    ends = at_once([lambda: lantai.stock_taking.finish(archivist, take)] * 3)
    assert ends == ["done", "stock_take_ended", "stock_take_ended"]
