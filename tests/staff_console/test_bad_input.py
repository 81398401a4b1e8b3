"""The ticket's forms sent twice, too long, with hidden characters, and by the second account of one person."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from sqlalchemy import select, update

from app.corrections.rules import Kind, State
from app.corrections.views import TicketView
from app.people.models import StaffMember
from parts import Lantai
from tests.conftest import Person
from tests.fakes import FakeClock, jpeg
from tests.staff_console.conftest import Desk
from tests.staff_console.reading import Reader

Opener = Callable[..., TicketView]
Desks = Callable[..., Desk]
People = Callable[..., Person]
WRITTEN = {
    "ask": "text",
    "accept": "note",
    "reject": "explanation",
    "internal-note": "internal",
    "send-out": "unit",
    "reply": "text",
}


@pytest.mark.parametrize("form", WRITTEN)
@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("长" * 10_000, "最多 2000 字"),
        ("同\u202e意", "不可见"),
        ("同\u200b意", "不可见"),
    ],
    ids=["10,000 characters", "right-to-left", "zero width"],
)
def test_what_cannot_be_sent_stays_in_its_form_with_the_reason(
    form: str, text: str, words: str, desk: Desks, graduate_factory: People, open_ticket: Opener, lantai: Lantai
) -> None:
    clerk, line = desk(), open_ticket(graduate_factory(), Kind.FORMING_UNIT, proofs=(jpeg(),)).line
    path = f"/tickets/{line.id}"
    action = f"/console{path}/{form}"
    shown = clerk.read(path).forms.get(action, {"version": str(line.version)})
    answer = clerk.post(f"{path}/{form}", {**shown, WRITTEN[form]: text, "reason": "other"})
    page = Reader(answer.text)
    assert answer.status_code == 422
    assert words in page.text
    assert text in answer.text  # nothing typed is lost
    if action in page.forms:
        assert page.forms[action][WRITTEN[form]] == text
    after = lantai.desk.ticket(clerk.login.actor, line.id)
    assert (after.line.version, after.notes, after.messages) == (line.version, (), ())


def test_a_form_sent_twice_does_it_once(
    desk: Desks, graduate_factory: People, open_ticket: Opener, lantai: Lantai, clock: FakeClock
) -> None:
    clerk, person = desk(), graduate_factory()
    line = open_ticket(person).line
    path, actor = f"/tickets/{line.id}", clerk.login.actor
    page = clerk.read(path)
    note = {**page.forms[f"/console{path}/internal-note"], "internal": "原件在三号柜"}
    assert [clerk.post(f"{path}/internal-note", note).status_code for _ in range(2)] == [303, 303]
    assert len(lantai.desk.ticket(actor, line.id).notes) == 1
    again = {**clerk.read(path).forms[f"/console{path}/internal-note"], "internal": "原件在三号柜"}
    assert clerk.post(f"{path}/internal-note", again).status_code == 303
    assert len(lantai.desk.ticket(actor, line.id).notes) == 2  # meant twice, from a new page
    clock.advance(seconds=1)
    accept = clerk.read(path).forms[f"/console{path}/accept"]
    assert [clerk.post(f"{path}/accept", accept).status_code for _ in range(2)] == [303, 412]
    done = lantai.desk.ticket(actor, line.id)
    assert (done.line.state, done.applied_version, len(done.decisions)) == (State.APPLIED, 2, 1)


def test_the_second_account_of_one_person_is_not_the_second_person(
    desk: Desks, graduate_factory: People, identity_ticket: Callable[[Person], TicketView], lantai: Lantai
) -> None:
    """Whoever changed what is asked for and agreed to it signs in once more under the other name."""
    line = identity_ticket(graduate_factory()).line
    one, same_person, other = desk(), desk(), desk()
    with lantai.db.transaction() as session:
        person = session.scalar(select(StaffMember.person_key).where(StaffMember.id == one.login.id))
        session.execute(update(StaffMember).where(StaffMember.id == same_person.login.id).values(person_key=person))
    path = f"/tickets/{line.id}"
    edit = {**one.read(path).forms[f"/console{path}/edit"], "field-ethnicity": "回族"}
    assert one.post(f"{path}/edit", edit).status_code == 303
    assert one.post(f"{path}/accept", one.read(path).forms[f"/console{path}/accept"]).status_code == 303
    # it is not offered, and refused to whoever sends it all the same
    assert f"/console{path}/accept" not in same_person.read(path).forms
    form = {**other.read(path).forms[f"/console{path}/accept"], "csrf_token": same_person.login.csrf}
    refused = same_person.post(f"{path}/accept", form)
    assert refused.status_code == 409
    assert "须由另一位工作人员复核" in refused.text
    assert lantai.desk.ticket(other.login.actor, line.id).line.state is State.AWAITING_SECOND
    assert other.post(f"{path}/accept", other.read(path).forms[f"/console{path}/accept"]).status_code == 303
    assert lantai.desk.ticket(other.login.actor, line.id).line.state is State.APPLIED
