"""What people send by mistake or on purpose: stale versions, the same form twice, texts that are too long or hide
something.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import replace

import pytest

from app.corrections.casework import SentFile
from app.corrections.rules import Kind, Move, State
from app.corrections.views import MissingMaterial, TicketView
from app.errors import Conflict, Invalid, VersionMismatch
from parts import Lantai
from tests.app.conftest import Clerk
from tests.app.corrections.conftest import BroughtTo, OpenFor, reader
from tests.app.corrections.racing import raced, steps
from tests.app.corrections.test_machine import KIND_FOR, act
from tests.conftest import Person
from tests.fakes import FakeClock, jpeg

People = Callable[..., Person]
STARTS = {
    Move.RELEASE: State.IN_REVIEW,
    Move.UNIT_ANSWERED: State.WITH_UNIT,
    Move.REOPEN: State.REJECTED,
    Move.APPEAL: State.REJECTED,
}
HIDDEN = {
    "right-to-left override": "同\u202e意",
    "right-to-left mark": "同\u200f意",
    "Arabic letter mark": "同\u061c意",
    "isolate": "同\u2067意",
    "zero-width space": "同\u200b意",
    "zero-width joiner": "同\u200d意",
    "word joiner": "同\u2060意",
    "byte order mark": "\ufeff同意\ufeff!",
    "soft hyphen": "同\xad意",
    "tag": "同意\U000e0041",
    "line separator": "同\u2028意",
    "paragraph separator": "同\u2029意",
    "next line": "同\x85意",
    "vowel separator": "同\u180e意",
    "Hangul filler": "同\u3164意",
    "Hangul leading filler": "同\u115f意",
    "Hangul vowel filler": "同\u1160意",
    "half-width filler": "同\uffa0意",
    "grapheme joiner": "同\u034f意",
    "selector of nothing": "已\u3001\ufe00同意",
    "selector first": "\U000e0100同意",
    "selector twice": "同\ufe00\ufe00意",
    "null": "同\x00意",
    "delete": "同\x7f意",
}


def seen(view: TicketView) -> tuple[object, ...]:
    return (view.line.version, view.line.state, view.messages, view.evidence, view.changes, view.decisions)


@pytest.mark.parametrize("move", list(Move))
def test_no_move_is_made_on_another_version_or_twice(
    move: Move,
    graduate_factory: People,
    brought_to: BroughtTo,
    open_for: OpenFor,
    clerk: Clerk,
    lantai: Lantai,
    clock: FakeClock,
) -> None:
    person, staff = graduate_factory(), clerk()
    survivor = open_for(person, Kind.OTHER).line.id  # the older one, for it is the one that stays
    line = brought_to(person, STARTS.get(move, State.SUBMITTED), staff, KIND_FOR.get(move)).line
    own = reader(person, clock)
    before = seen(lantai.desk.ticket(staff, line.id))
    for stale in (line.version - 1, line.version + 1):
        with pytest.raises(VersionMismatch, match="ticket_changed"):
            act(lantai, move, staff, own, replace(line, version=stale), survivor)
    assert seen(lantai.desk.ticket(staff, line.id)) == before
    clock.advance(seconds=1)
    act(lantai, move, staff, own, line, survivor)
    done = seen(lantai.desk.ticket(staff, line.id))
    with pytest.raises(VersionMismatch, match="ticket_changed"):
        act(lantai, move, staff, own, line, survivor)
    assert seen(lantai.desk.ticket(staff, line.id)) == done
    assert steps(lantai, line.id, f"ticket.{move.step}") == 1


def test_the_same_note_twice_at_once_is_one_note(
    graduate_factory: People, open_for: OpenFor, clerk: Clerk, lantai: Lantai
) -> None:
    """A note moves no version: the showing of its form is what tells."""
    line, other = open_for(graduate_factory()).line, open_for(graduate_factory()).line
    one, two, showing = clerk(), clerk(), uuid.uuid4()
    again = [lambda: lantai.casework.note(one, line.id, "原件在三号柜", showing).line.state] * 2
    assert raced(lantai, line.id, *again) == [State.SUBMITTED] * 2
    assert len(lantai.desk.ticket(one, line.id).notes) == 1
    # a name that was taken by somebody else or on another ticket swallows nothing
    lantai.casework.note(two, line.id, "已核", showing)
    lantai.casework.note(one, other.id, "另一件", showing)
    assert {n.text for n in lantai.desk.ticket(one, line.id).notes} == {"原件在三号柜", "已核"}
    assert [n.text for n in lantai.desk.ticket(one, other.id).notes] == ["另一件"]


@pytest.mark.parametrize(
    ("text", "code"),
    [("长" * 10_000, "over_2000_characters"), *((text, "invisible_characters") for text in HIDDEN.values())],
    ids=["10,000 characters", *HIDDEN],
)
def test_no_text_hides_something_or_has_no_end(
    text: str,
    code: str,
    graduate_factory: People,
    open_for: OpenFor,
    brought_to: BroughtTo,
    clerk: Clerk,
    lantai: Lantai,
    clock: FakeClock,
) -> None:
    """Whoever writes it and wherever; the whole letters of a language written from the right are no marks."""
    person, staff, scan = graduate_factory(), clerk(), SentFile(jpeg(9), "image/jpeg")
    own = reader(person, clock)
    line = open_for(person, Kind.OTHER).line
    at = (line.id, line.version)
    unit = brought_to(person, State.WITH_UNIT).line
    sheet = open_for(person, Kind.MISSING_MATERIAL).line
    missing = MissingMaterial("7", "登记表")
    writings: list[Callable[[], object]] = [
        lambda: lantai.casework.note(staff, line.id, text),
        lambda: lantai.replies.reply(staff, *at, text),
        lambda: lantai.desk.ask(staff, *at, text),
        lambda: lantai.desk.accept(staff, *at, text),
        lambda: lantai.desk.reject(staff, *at, "other", text),
        lambda: lantai.casework.send_out(staff, *at, text),
        lambda: lantai.casework.reopen(staff, *at, text),
        lambda: lantai.casework.unit_answered(staff, unit.id, unit.version, scan, text),
        lambda: lantai.casework.collect(staff, sheet.id, sheet.version, missing, scan, text),
        lambda: lantai.corrections.add_information(own, *at, text),
        lambda: lantai.corrections.appeal(own, *at, text),
        lambda: open_for(person, Kind.TRANSCRIPTION, grade=text),
    ]
    for number, write in enumerate(writings):
        with pytest.raises(Invalid) as caught:
            write()
        found = {f.code for f in caught.value.faults}
        assert found & {code, code.replace("2000", "500")}, (number, found)
    for ticket in (line, unit, sheet):
        assert lantai.desk.ticket(staff, ticket.id).line.version == ticket.version
    assert lantai.casework.note(staff, line.id, "ئەسلى نۇسخا توغرا، 𠮷田").notes[-1].text == "ئەسلى نۇسخا توغرا، 𠮷田"


def test_who_changed_what_is_asked_for_does_not_agree_to_it_by_a_second_account(
    graduate_factory: People, open_for: OpenFor, clerk: Clerk, lantai: Lantai
) -> None:
    someone = uuid.uuid4()
    editor, same_person, other = clerk(person=someone), clerk(person=someone), clerk()
    line = open_for(graduate_factory(), Kind.STATUTORY_IDENTITY).line
    edited = lantai.casework.edit(editor, line.id, line.version, {"ethnicity": "回族"}).line
    once = lantai.desk.accept(editor, line.id, edited.version).line
    with pytest.raises(Conflict, match="second_person_required"):
        lantai.desk.accept(same_person, line.id, once.version)
    untouched = lantai.desk.ticket(other, line.id)
    assert (untouched.line.state, len(untouched.approvals)) == (State.AWAITING_SECOND, 1)
    assert lantai.desk.accept(other, line.id, once.version).line.state is State.APPLIED
