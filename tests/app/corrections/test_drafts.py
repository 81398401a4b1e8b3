"""Drafts: kept for their writer alone, sealed, gone once sent or after a week."""

from __future__ import annotations

import threading
from collections.abc import Callable
from uuid import UUID, uuid4

import pytest
from sqlalchemy import select

from app.actors import Actor, ActorKind, Role
from app.corrections.drafts import MOST_CHARACTERS, TicketDraft
from app.db import new_id
from app.errors import Forbidden, Invalid, NotFound
from parts import Lantai
from tests.app.conftest import Clerk
from tests.app.corrections.conftest import OpenFor
from tests.conftest import Person
from tests.fakes import FakeClock

WORDS = {"text": "请补充学籍卡照片。"}
People = Callable[..., Person]


@pytest.fixture
def ticket(open_for: OpenFor, graduate_factory: People) -> UUID:
    return open_for(graduate_factory()).line.id


def rows(lantai: Lantai) -> list[TicketDraft]:
    with lantai.db.transaction() as session:
        return list(session.scalars(select(TicketDraft)))


def test_a_draft_is_there_again_for_its_writer_alone(lantai: Lantai, clerk: Clerk, ticket: UUID) -> None:
    one, other = clerk(), clerk()
    lantai.drafts.save(one, ticket, "ask", new_id(), {"text": "请补"})
    lantai.drafts.save(one, ticket, "ask", new_id(), WORDS)
    lantai.drafts.save(one, ticket, "reject", new_id(), {"reason": "other", "explanation": "原件如此"})
    found = lantai.drafts.of_ticket(one, ticket)
    assert {form: dict(draft.fields) for form, draft in found.items()} == {
        "ask": WORDS,
        "reject": {"reason": "other", "explanation": "原件如此"},
    }
    assert lantai.drafts.of_ticket(other, ticket) == {}
    assert all("学籍".encode() not in (row.sealed_text or b"") for row in rows(lantai))


def test_what_was_sent_is_forgotten_and_a_late_save_of_its_page_does_not_bring_it_back(
    lantai: Lantai, clerk: Clerk, ticket: UUID
) -> None:
    one, page = clerk(), new_id()
    lantai.drafts.save(one, ticket, "ask", page, WORDS)
    lantai.drafts.spend(one, ticket, "ask", page)
    assert lantai.drafts.of_ticket(one, ticket) == {}
    lantai.drafts.save(one, ticket, "ask", page, WORDS)
    assert lantai.drafts.of_ticket(one, ticket) == {}
    lantai.drafts.save(one, ticket, "ask", new_id(), {"text": "另一封"})
    assert lantai.drafts.of_ticket(one, ticket)["ask"].fields == {"text": "另一封"}
    lantai.drafts.forget(one, ticket, "ask")
    assert lantai.drafts.of_ticket(one, ticket) == {}


def test_an_emptied_form_leaves_nothing(lantai: Lantai, clerk: Clerk, ticket: UUID) -> None:
    one = clerk()
    lantai.drafts.save(one, ticket, "ask", new_id(), WORDS)
    lantai.drafts.save(one, ticket, "ask", new_id(), {"text": "  \n"})
    assert [row.sealed_text for row in rows(lantai)] == [None]


def test_kept_for_a_week(lantai: Lantai, clerk: Clerk, ticket: UUID, clock: FakeClock) -> None:
    one = clerk()
    lantai.drafts.save(one, ticket, "ask", new_id(), WORDS)
    clock.advance(days=6)
    assert lantai.drafts.sweep() == 0
    assert "ask" in lantai.drafts.of_ticket(one, ticket)
    clock.advance(days=1, seconds=1)
    assert lantai.drafts.of_ticket(one, ticket) == {}
    assert lantai.drafts.sweep() == 1
    assert rows(lantai) == []


def test_saves_at_the_same_moment_make_one_row(lantai: Lantai, clerk: Clerk, ticket: UUID) -> None:
    one = clerk()
    faults: list[Exception] = []

    def save(n: int) -> None:
        try:
            lantai.drafts.save(one, ticket, "ask", new_id(), {"text": str(n)})
        except Exception as error:
            faults.append(error)

    threads = [threading.Thread(target=save, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []
    assert len(rows(lantai)) == 1


def test_only_the_desk_only_real_tickets_and_only_so_much(lantai: Lantai, clerk: Clerk, ticket: UUID) -> None:
    one = clerk()
    auditor = Actor(ActorKind.STAFF, one.id, roles=frozenset({Role.AUDITOR, Role.ADMINISTRATOR}))
    with pytest.raises(Forbidden):
        lantai.drafts.save(auditor, ticket, "ask", new_id(), WORDS)
    with pytest.raises(Forbidden):
        lantai.drafts.of_ticket(auditor, ticket)
    with pytest.raises(Forbidden):
        lantai.drafts.spend(auditor, ticket, "ask", new_id())
    with pytest.raises(NotFound):
        lantai.drafts.save(one, uuid4(), "ask", new_id(), WORDS)
    with pytest.raises(NotFound):
        lantai.drafts.forget(one, uuid4(), "ask")
    for form, fields in (
        ("", WORDS),
        ("x" * 21, WORDS),
        ("ask", {"text": "字" * MOST_CHARACTERS}),
        ("ask", {f"f{n}": "" for n in range(61)}),
    ):
        with pytest.raises(Invalid):
            lantai.drafts.save(one, ticket, form, new_id(), fields)
    lantai.drafts.save(one, ticket, "ask", new_id(), {"text": "字" * 10_000 + "\u202e\u200b\x00"})
    assert rows(lantai) != []
