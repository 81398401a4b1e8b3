"""Lending and taking back: two persons, days, condition, what the database holds."""

from __future__ import annotations

import threading
from datetime import timedelta
from functools import partial
from uuid import uuid4

import psycopg
import pytest
from sqlalchemy import select, update

from app.actors import Actor, Role
from app.custody.models import Loan
from app.custody.reading import Shown
from app.custody.rules import (
    GRADUATE_WORDS,
    Borrower,
    Condition,
    Flag,
    LoanState,
    Purpose,
    Standing,
    Why,
    Wish,
)
from app.dossiers.models import Dossier
from app.dossiers.rules import DossierState
from app.errors import Conflict, DomainError, Forbidden, Invalid
from app.people.models import StaffMember
from app.transfers.states import State
from parts import Lantai
from providers.embedded.services import ServiceUrls
from tests.app.conftest import Clerk
from tests.app.custody.lending import OUTSIDE, PLACE, People, at_once, inside, paper
from tests.moving import desk_pair, lead, opened
from wiring import libpq_url


def test_a_loan_inside_goes_outat_once_and_comes_back_intact(
    lantai: Lantai, archivist: Actor, clerk: Clerk, graduate_factory: People
) -> None:
    person = graduate_factory()
    code = paper(lantai, archivist, person).code
    lantai.shelving.shelve(archivist, PLACE, code)
    loan = lantai.loans.ask(archivist, person.id, inside(clerk()))
    seen = paper(lantai, archivist, person)
    assert (seen.standing, seen.place, seen.last_place, seen.lendable) == (Standing.LENT, "", PLACE, False)
    assert seen.open_loan is not None
    assert seen.open_loan.line.due_on == lantai.calendar.add(lantai.custody.today, 15)
    with pytest.raises(Conflict, match="paper_lent"):
        lantai.shelving.shelve(archivist, PLACE, code)
    with pytest.raises(Conflict, match="loan_open"):
        lantai.loans.ask(archivist, person.id, inside(archivist))
    assert lantai.loans.lent_as(archivist, code) == loan
    lantai.loans.give_back(archivist, loan, Condition.INTACT)
    with pytest.raises(Conflict, match="loan_moved"):
        lantai.loans.give_back(archivist, loan, Condition.INTACT)
    with pytest.raises(Conflict, match="not_lent"):
        lantai.loans.lent_as(archivist, code)
    seen = paper(lantai, archivist, person)
    assert (seen.standing, seen.incomplete, seen.lendable) == (Standing.UNPLACED, False, True)
    (line,), _ = lantai.custody.unplaced(archivist)
    assert line.last_place == PLACE
    assert lantai.shelving.shelve(archivist, PLACE, code).why is Why.AGAIN


def test_what_leaves_the_house_takes_a_second_person(
    lantai: Lantai, archivist: Actor, clerk: Clerk, graduate_factory: People
) -> None:
    person = graduate_factory()
    loan = lantai.loans.ask(archivist, person.id, OUTSIDE)
    assert paper(lantai, archivist, person).standing is None  # nothing has moved yet
    with lantai.db.transaction() as session:
        key = session.scalars(select(StaffMember.person_key).where(StaffMember.id == archivist.id)).one()
    with pytest.raises(Conflict, match="same_person"):
        lantai.loans.approve(clerk(Role.REVIEWER, person=key), loan)
    with pytest.raises(Conflict, match="same_person"):
        lantai.loans.refuse(archivist, loan, "不妥")
    lantai.loans.approve(clerk(Role.REVIEWER), loan)
    seen = lantai.custody.loan(archivist, loan)
    assert (seen.line.state, seen.unit, seen.name, seen.letter) == (
        LoanState.OUT,
        "某市某局",
        "借阅人甲",
        "函〔2026〕7号",
    )
    with pytest.raises(Conflict, match="loan_moved"):
        lantai.loans.approve(clerk(Role.REVIEWER), loan)
    assert lantai.paper_custody.words_for_graduate(person.actor()) == GRADUATE_WORDS[Standing.LENT]


def test_a_borrower_does_not_approve_and_carrying_out_takes_two(
    lantai: Lantai, archivist: Actor, clerk: Clerk, graduate_factory: People
) -> None:
    borrower = clerk(Role.REVIEWER)
    loan = lantai.loans.ask(archivist, graduate_factory().id, inside(borrower, leaves_house=True))
    with pytest.raises(Conflict, match="borrower_approves"):
        lantai.loans.approve(borrower, loan)
    lantai.loans.withdraw(archivist, loan)
    with pytest.raises(Conflict, match="loan_moved"):
        lantai.loans.approve(clerk(Role.REVIEWER), loan)
    refused = lantai.loans.ask(archivist, graduate_factory().id, OUTSIDE)
    lantai.loans.refuse(clerk(Role.REVIEWER), refused, "公函不符")
    assert lantai.custody.loan(archivist, refused).refusal == "公函不符"


def test_a_loan_is_extended_three_times_with_a_reason_and_then_overdue(
    lantai: Lantai, archivist: Actor, graduate_factory: People
) -> None:
    loan = lantai.loans.ask(archivist, graduate_factory().id, inside(archivist))
    with pytest.raises(Invalid):
        lantai.loans.extend(archivist, loan, " ")
    due = lantai.custody.loan(archivist, loan).line.due_on
    for n in range(3):
        lantai.loans.extend(archivist, loan, f"尚未用毕{n}")
        assert due is not None
        due = lantai.calendar.add(due, 15)
        assert lantai.custody.loan(archivist, loan).line.due_on == due
    with pytest.raises(Conflict, match="no_more_extensions"):
        lantai.loans.extend(archivist, loan, "再续")
    assert lantai.custody.loan(archivist, loan).extended == ("尚未用毕0", "尚未用毕1", "尚未用毕2")
    assert lantai.custody.loans(archivist, Shown.OVERDUE) == ([], 0)
    lantai.clock.advance(days=(due - lantai.custody.today).days)  # type: ignore[attr-defined, operator]
    assert lantai.custody.counts(archivist).overdue == 0  # it may come back on the day it is due
    lantai.clock.advance(days=1)  # type: ignore[attr-defined]
    (line,), total = lantai.custody.loans(archivist, Shown.OVERDUE)
    assert (total, line.id, line.overdue) == (1, loan, True)
    assert lantai.custody.counts(archivist).overdue == 1


def test_a_missing_part_opens_a_flag_until_it_is_settled(
    lantai: Lantai, archivist: Actor, graduate_factory: People
) -> None:
    person = graduate_factory()
    loan = lantai.loans.ask(archivist, person.id, inside(archivist))
    for condition in (Condition.MISSING, Condition.DAMAGED):
        with pytest.raises(Invalid) as caught:
            lantai.loans.give_back(archivist, loan, condition)
        assert caught.value.faults[0].pointer == "/note"
    lantai.loans.give_back(archivist, loan, Condition.MISSING, "缺第 3 页")
    assert paper(lantai, archivist, person).incomplete
    assert [line.id for line in lantai.custody.loans(archivist, Shown.FLAGGED)[0]] == [loan]
    lantai.loans.settle(archivist, loan, "已补回")
    assert not paper(lantai, archivist, person).incomplete
    assert lantai.custody.loan(archivist, loan).line.flag is Flag.SETTLED
    with pytest.raises(Conflict, match="flag_settled"):
        lantai.loans.settle(archivist, loan, "已补回")


@pytest.mark.parametrize(
    ("wish", "pointer"),
    [
        (Wish(Borrower.STAFF, Purpose.PROOF, 15), "/staff"),
        (Wish(Borrower.STAFF, Purpose.PROOF, 15, staff_id=uuid4()), "/staff"),
        (Wish(Borrower.OUTSIDE, Purpose.PROOF, 15, name="甲", unit="某局"), "/letter"),
        (Wish(Borrower.OUTSIDE, Purpose.PROOF, 15, unit="某局", letter="1"), "/name"),
        (Wish(Borrower.OUTSIDE, Purpose.PROOF, 15, name="长" * 41, unit="某局", letter="1"), "/name"),
        (Wish(Borrower.OUTSIDE, Purpose.PROOF, 15, name="看\u202e见", unit="某局", letter="1"), "/name"),
        (Wish(Borrower.OUTSIDE, Purpose.PROOF, 16, name="甲", unit="某局", letter="1"), "/days"),
        (Wish(Borrower.OUTSIDE, Purpose.PROOF, 0, name="甲", unit="某局", letter="1"), "/days"),
    ],
)
def test_bad_wishes_are_said(
    lantai: Lantai, archivist: Actor, graduate_factory: People, wish: Wish, pointer: str
) -> None:
    person = graduate_factory()
    with pytest.raises(Invalid) as caught:
        lantai.loans.ask(archivist, person.id, wish)
    assert [f.pointer for f in caught.value.faults] == [pointer]
    assert paper(lantai, archivist, person).loans == []


def test_roles(lantai: Lantai, archivist: Actor, clerk: Clerk, graduate_factory: People) -> None:
    person = graduate_factory()
    loan = lantai.loans.ask(archivist, person.id, OUTSIDE)
    for role in (Role.AUDITOR, Role.ADMINISTRATOR):
        nobody = clerk(role)
        for call in (
            lambda a: lantai.custody.paper(a, person.id),
            lambda a: lantai.custody.loans(a, Shown.ALL),
            lambda a: lantai.custody.unplaced(a),
            lambda a: lantai.custody.loan(a, loan),
            lambda a: lantai.places.search(a),
            lambda a: lantai.loans.approve(a, loan),
            lambda a: lantai.shelving.undo(a),
        ):
            with pytest.raises(Forbidden):
                call(nobody)
    for refused in (
        lambda: lantai.places.add(clerk(Role.DISPATCHER), "A-9-9"),
        lambda: lantai.loans.ask(clerk(Role.REVIEWER), person.id, OUTSIDE),
        lambda: lantai.shelving.shelve(clerk(Role.REVIEWER), PLACE, "x"),
    ):
        with pytest.raises(Forbidden):
            refused()


def test_one_dossier_is_lent_once_whoever_races(
    lantai: Lantai, archivist: Actor, clerk: Clerk, graduate_factory: People
) -> None:
    person, desks = graduate_factory(), [clerk(Role.ARCHIVIST) for _ in range(4)]
    calls = [partial(lantai.loans.ask, one, person.id, inside(one)) for one in desks]
    ended = at_once(calls)
    assert ended.count("done") == 1
    assert set(ended) <= {"done", "loan_open", "busy"}  # "busy": the lock was waited for too long, on a loaded machine
    with lantai.db.transaction() as session:
        assert [row.state for row in session.scalars(select(Loan))] == [LoanState.OUT]


def test_lending_waits_for_the_step_that_looked_first(
    lantai: Lantai, archivist: Actor, graduate_factory: People, urls: ServiceUrls
) -> None:
    """The step holds the dossier from its look to its end; a loan asked for meanwhile meets what the step left."""
    person, found = graduate_factory(), list[str]()

    def ask() -> None:
        try:
            lantai.loans.ask(archivist, person.id, inside(archivist))
            found.append("done")
        except DomainError as error:
            found.append(error.code)

    waiting = "select count(*) from pg_locks where not granted"
    lending = threading.Thread(target=ask)
    with psycopg.connect(libpq_url(urls.database_owner_url), autocommit=True) as watch:
        with lantai.db.transaction() as session:
            lantai.paper_custody.require_at_hand(session, person.dossier_id)
            lending.start()
            while lending.is_alive() and watch.execute(waiting).fetchone() == (0,):
                lending.join(0.01)
            assert found == []
            session.execute(update(Dossier).where(Dossier.id == person.dossier_id).values(state=DossierState.SEALED))
        lending.join()
    assert found == ["paper_sealed"]


def test_lending_and_sealing_at_once_never_both(lantai: Lantai, archivist: Actor, graduate_factory: People) -> None:
    pair = desk_pair(lantai)
    for _ in range(4):
        person = graduate_factory()
        view = lead(lantai, pair, opened(lantai, pair.first, person.id), State.CHECKED)
        found = at_once(
            [
                partial(lantai.loans.ask, archivist, person.id, inside(archivist)),
                partial(lead, lantai, pair, view, State.SEALED),
            ]
        )
        assert found in (["done", "paper_on_loan"], ["done", "paper_sealed"])


def test_the_database_holds_one_open_loan_two_persons_and_the_moves(
    lantai: Lantai, archivist: Actor, graduate_factory: People, urls: ServiceUrls
) -> None:
    """By SQL as the owner, past every service."""
    person = graduate_factory()
    lantai.shelving.shelve(archivist, PLACE, paper(lantai, archivist, person).code)
    loan = lantai.loans.ask(archivist, person.id, OUTSIDE)
    copied = (
        "insert into loan (id, dossier_id, graduate_id, state, borrower, purpose, takes_two, sealed_words, days,"
        " extensions, first_staff, first_person, first_at, flag) select gen_random_uuid(), dossier_id, graduate_id,"
        " 'requested', borrower, purpose, takes_two, sealed_words, days, extensions, first_staff, first_person,"
        " first_at, flag from loan"
    )
    alone = "update loan set state = 'out', due_on = '2026-07-01', second_person = first_person"
    with psycopg.connect(libpq_url(urls.database_owner_url), autocommit=True) as connection:
        with pytest.raises(psycopg.errors.UniqueViolation):
            connection.execute(copied)
        with pytest.raises(psycopg.errors.CheckViolation):
            connection.execute(alone)
        for statement in ("update custody_move set why = 'moved'", "delete from custody_move"):
            with pytest.raises(psycopg.errors.RestrictViolation):
                connection.execute(statement)
    assert lantai.custody.loan(archivist, loan).line.state is LoanState.REQUESTED


def test_nothing_of_a_borrower_stands_open_in_the_database(
    lantai: Lantai, archivist: Actor, graduate_factory: People, urls: ServiceUrls
) -> None:
    lantai.loans.ask(archivist, graduate_factory().id, OUTSIDE)
    with psycopg.connect(libpq_url(urls.database_owner_url)) as connection:
        rows = connection.execute("select row_to_json(l)::text from loan l union all select data::text from event")
        text = "".join(r[0] for r in rows.fetchall())
    assert not any(word in text for word in ("借阅人甲", "某市某局", "函〔2026〕"))


def test_overdue_is_counted_in_days_of_the_school(lantai: Lantai, archivist: Actor, graduate_factory: People) -> None:
    loan = lantai.loans.ask(archivist, graduate_factory().id, inside(archivist))
    due = lantai.custody.loan(archivist, loan).line.due_on
    assert due is not None
    assert lantai.calendar.between(lantai.custody.today, due) == 15
    assert due - lantai.custody.today >= timedelta(days=19)
