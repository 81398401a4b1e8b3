"""Printing at the desk: what stands on the papers of a real transfer, copies, letters in their states, refusals."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import select

from app.actors import Role
from app.dossiers.rules import Section
from app.errors import Conflict, Forbidden, Invalid, NotFound, Unavailable
from app.events import Event
from app.jobs import DispatchWork
from app.transfers.letters import LETTERS, LetterKind
from app.transfers.models import Dispatch
from app.transfers.paper_desk import LETTER_STATES, MOST_AT_ONCE, letters_for
from app.transfers.papers import LabelLayout
from app.transfers.printing import TransferPrinter
from app.transfers.rules import Evidence
from app.transfers.showing import TransferView
from app.transfers.states import Channel, State
from parts import Lantai
from tests.conftest import Person, make_id_number
from tests.counting import code_in, latest_slip
from tests.fakes import FakeClock
from tests.moving import Pair, lead, opened, walk, way
from tests.pdf_reading import fonts_of, pages_of, shows_code

People = Callable[..., Person]


@pytest.fixture
def led(lantai: Lantai, graduate_factory: People, pair: Pair) -> Callable[..., TransferView]:
    def make(state: State, channel: Channel = Channel.EMS, **person: Any) -> TransferView:
        view = opened(lantai, pair.first, graduate_factory(**person).id, channel=channel)
        return lead(lantai, pair, view, state)

    return make


def events(lantai: Lantai, view: TransferView, kind: str) -> list[dict[str, Any]]:
    with lantai.db.transaction() as session:
        query = select(Event).where(Event.object_id == view.id, Event.type == kind).order_by(Event.id)
        return [{**e.data, "graduate": e.graduate_id} for e in session.scalars(query)]


def shown(view: TransferView, kind: Evidence) -> str:
    return next(p.text for s in reversed(view.steps) for p in s.proofs if p.kind is kind)


def test_a_slip_says_what_the_transfer_says(
    lantai: Lantai, graduate_factory: People, pair: Pair, clock: FakeClock
) -> None:
    person = graduate_factory("王𠮷㐂")
    view = lead(lantai, pair, opened(lantai, pair.first, person.id), State.SEALED)
    pdf = lantai.transfer_papers.slips(pair.first, [view.id])
    [text] = pages_of(pdf)
    notice = text.split("第二联")[1].split("第三联")[0]
    assert person.card.id_number in notice
    assert text.count(person.card.id_number) == 1
    assert person.card.phone not in text
    for words in (
        "王𠮷㐂",
        view.number,
        view.receiver_name,
        "EMS标准快递",
        "MF2026-01",
        "3份4页",
        "ZD2026000000000001",
    ):
        assert words in notice, words
    assert view.manifest_code is not None
    assert text.count(view.manifest_code) == 3
    assert "清点口令另行告知" not in notice
    assert "第1次打印" in text
    slip = latest_slip(lantai, view.id)
    assert text.count(code_in(text)) == 1
    assert code_in(text) in notice
    assert shows_code(pdf, f"{lantai.settings.public_url}/receipt?slip={slip.id}", 26)
    assert shows_code(pdf, view.number, 14.5)
    assert all(fonts_of(pdf).values())


def test_printing_again_counts_up_and_hands_nothing_over(lantai: Lantai, led: Any, pair: Pair) -> None:
    view = led(State.HANDED_TO_CARRIER)
    for copy in (1, 2, 3):
        assert f"第{copy}次打印" in pages_of(lantai.transfer_papers.slips(pair.first, [view.id]))[0]
    assert [e["copy"] for e in events(lantai, view, "transfer.slip_printed")] == [1, 2, 3]
    assert {e["graduate"] for e in events(lantai, view, "transfer.slip_printed")} == {view.graduate_id}
    with lantai.db.transaction() as session:
        assert len(session.scalars(select(Dispatch).where(Dispatch.transfer_id == view.id)).all()) == 1
    [again] = lantai.transfers.of_graduate(pair.first, view.graduate_id)
    assert (again.state, again.version) == (view.state, view.version)


def test_printings_at_once_get_numbers_of_their_own(lantai: Lantai, led: Any, pair: Pair) -> None:
    view = led(State.SEALED)
    threads = [
        threading.Thread(target=lantai.transfer_papers.labels, args=(pair.first, [view.id], LabelLayout.SINGLE))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [e["copy"] for e in events(lantai, view, "transfer.label_printed")] == [1, 2, 3, 4]


def test_many_slips_come_in_one_file_in_the_order_asked_for(lantai: Lantai, led: Any, pair: Pair) -> None:
    views = [led(State.SEALED) for _ in range(3)]
    wanted = [views[2], views[0], views[1]]
    found = pages_of(lantai.transfer_papers.slips(pair.first, [v.id for v in wanted] + [views[2].id]))
    assert len(found) == 3  # one asked for twice is printed once
    assert [v.number in text for v, text in zip(wanted, found, strict=True)] == [True] * 3


def test_a_seal_that_was_opened_is_on_no_paper(lantai: Lantai, led: Any, pair: Pair) -> None:
    view = led(State.CHECKED)
    assert "MF2026-01" not in pages_of(lantai.transfer_papers.slips(pair.first, [view.id]))[0]
    view = lead(lantai, pair, view, State.SEALED)
    view = walk(lantai, pair, view, way(State.SEALED, State.SCHOOL_APPROVED)[0])
    view = lead(lantai, pair, view, State.ASSEMBLED)
    assert "MF2026-01" not in pages_of(lantai.transfer_papers.slips(pair.first, [view.id]))[0]


def test_a_hand_over_list_shows_the_numbers_of_this_hand_over(lantai: Lantai, led: Any, pair: Pair) -> None:
    sealed, sent = led(State.SEALED, name="欧阳文静"), led(State.IN_TRANSIT)
    [text] = pages_of(lantai.transfer_papers.hand_over(pair.first, [sent.id, sealed.id]))
    assert text.index(sealed.number) < text.index(sent.number)
    assert shown(sent, Evidence.TRACKING_NUMBER) in text
    assert "欧阳**" in text
    assert "欧阳文静" not in text
    assert "本清单共2件" in text
    assert events(lantai, sent, "transfer.list_printed") == [{"of": 2, "graduate": sent.graduate_id}]
    returned = lead(lantai, pair, sent, State.RETURNED)
    returned = walk(lantai, pair, returned, way(State.RETURNED, State.SEALED)[0])
    [again] = pages_of(lantai.transfer_papers.hand_over(pair.first, [returned.id]))
    assert shown(sent, Evidence.TRACKING_NUMBER) not in again  # that number belongs to the first way
    assert "MF2026-01" in again


def test_a_batchs_list_has_its_pairs_in_the_order_of_scanning_before_and_after(
    lantai: Lantai, led: Any, pair: Pair
) -> None:
    dispatching, actor = lantai.dispatching, pair.first
    batch = dispatching.begin(actor, Channel.EMS)
    with pytest.raises(Conflict) as refused:
        lantai.transfer_papers.batch_list(actor, batch)
    assert refused.value.code == "batch_empty"
    first, second, removed = (led(State.SEALED, name="欧阳文静") for _ in range(3))
    for view, tracking in ((second, "EA000000028CN"), (first, "EA000000014CN"), (removed, "EA000000031CN")):
        dispatching.add(actor, batch, view.number, tracking)
    dispatching.remove(actor, batch, dispatching.items(actor, batch)[0].id)
    before = pages_of(lantai.transfer_papers.batch_list(actor, batch))
    dispatching.hand_over(actor, batch)
    dispatching.work(DispatchWork(batch))
    after = pages_of(lantai.transfer_papers.batch_list(actor, batch))
    assert before == after
    [text] = after
    assert text.index(f"1欧阳**{second.number}MF2026-01EA000000028CN") < text.index(f"2欧阳**{first.number}MF2026-01EA")
    assert "本清单共2件" in text
    assert removed.number not in text
    assert [e["of"] for e in events(lantai, first, "transfer.list_printed")] == [2, 2]
    with pytest.raises(NotFound):
        lantai.transfer_papers.batch_list(actor, uuid4())


def test_one_list_holds_one_channel(lantai: Lantai, led: Any, pair: Pair) -> None:
    ids = [led(State.SEALED).id, led(State.SEALED, Channel.CONFIDENTIAL_POST).id]
    with pytest.raises(Conflict) as refused:
        lantai.transfer_papers.hand_over(pair.first, ids)
    assert refused.value.code == "channels_mixed"


@pytest.mark.parametrize("state", [State.ASSEMBLED, State.HANDED_TO_CARRIER])
def test_the_frozen_catalogue_has_titles_dates_and_the_code(state: State, lantai: Lantai, led: Any, pair: Pair) -> None:
    view = led(state)
    pdf = lantai.transfer_papers.catalogue(pair.first, view.id)
    [text] = pages_of(pdf)
    for words in ("成绩单", "学年鉴定表", "组织函件", "材料共3份，4页", "备注", view.manifest_code, view.number):
        assert words in text, words
    assert "202661" in text  # year, month and day in their columns
    assert shows_code(pdf, str(view.manifest_code), 24)
    assert len(events(lantai, view, "transfer.catalogue_printed")) == 1


# --- letters ----------------------------------------------------------------------------------------------------------


def brought_to(lantai: Lantai, pair: Pair, view: TransferView, state: State, clock: FakeClock) -> TransferView:
    if state is State.RECEIPT_OVERDUE:
        lead(lantai, pair, view, State.DELIVERED_UNCONFIRMED)
        clock.advance(days=32)
        assert lantai.transfer_watch.press_receipts() == 1
        return next(v for v in lantai.transfers.of_graduate(pair.first, view.graduate_id) if v.id == view.id)
    return lead(lantai, pair, lead(lantai, pair, view, State.IN_TRANSIT), state)


@pytest.mark.parametrize(
    ("kind", "state"), [(k, s) for k in LetterKind for s in sorted(LETTER_STATES[k])], ids=lambda v: str(v)
)
def test_each_letter_is_written_in_its_states(
    kind: LetterKind, state: State, lantai: Lantai, led: Any, pair: Pair, clock: FakeClock
) -> None:
    view = brought_to(lantai, pair, led(State.SEALED, name="欧阳文静"), state, clock)
    assert letters_for(state) == (kind,)
    [text] = pages_of(lantai.transfer_papers.letter(pair.first, view.id, kind))
    assert LETTERS[kind].title in text
    assert f"{view.number}-{LETTERS[kind].word}1" in text
    assert ("欧阳文静" in text) == (kind is not LetterKind.TRACE)
    assert shown(view, Evidence.TRACKING_NUMBER) in text
    if kind is LetterKind.RETURNED:
        assert "按规定办理" in text  # the reason on record
    for other in set(LetterKind) - {kind}:
        with pytest.raises(Conflict) as refused:
            lantai.transfer_papers.letter(pair.first, view.id, other)
        assert refused.value.code == "letter_not_now"


def test_a_letter_of_another_day_is_another_letter(lantai: Lantai, led: Any, pair: Pair, clock: FakeClock) -> None:
    view = brought_to(lantai, pair, led(State.SEALED), State.TRACING, clock)

    def written() -> str:
        return pages_of(lantai.transfer_papers.letter(pair.first, view.id, LetterKind.TRACE))[0]

    assert "-CX1" in written()
    assert "-CX1" in written()
    clock.advance(days=12)
    assert "-CX2" in written()
    assert [e["sequence"] for e in events(lantai, view, "transfer.letter_printed")] == [1, 1, 2]


# --- refusals ---------------------------------------------------------------------------------------------------------


def test_nothing_is_printed_before_the_catalogue_is_frozen(lantai: Lantai, led: Any, pair: Pair) -> None:
    ready, early = led(State.SEALED), led(State.SCHOOL_APPROVED)
    attempts: list[Callable[[], bytes]] = [
        lambda: lantai.transfer_papers.slips(pair.first, [ready.id, early.id]),
        lambda: lantai.transfer_papers.labels(pair.first, [early.id], LabelLayout.SHEET),
        lambda: lantai.transfer_papers.hand_over(pair.first, [early.id]),
        lambda: lantai.transfer_papers.catalogue(pair.first, early.id),
    ]
    for attempt in attempts:
        with pytest.raises(Conflict) as refused:
            attempt()
        assert refused.value.code == "papers_too_early"
    assert events(lantai, ready, "transfer.slip_printed") == []


def test_who_may_not_and_what_is_not_there(lantai: Lantai, led: Any, pair: Pair, staff_factory: Any) -> None:
    view = led(State.SEALED)
    for role in set(Role) - {Role.ARCHIVIST, Role.DISPATCHER}:
        with pytest.raises(Forbidden):
            lantai.transfer_papers.slips(staff_factory(role).actor, [view.id])
    with pytest.raises(NotFound):
        lantai.transfer_papers.slips(pair.first, [view.id, uuid4()])
    with pytest.raises(NotFound):
        lantai.transfer_papers.catalogue(pair.first, uuid4())
    for ids in ([], [uuid4() for _ in range(MOST_AT_ONCE + 1)]):
        with pytest.raises(Invalid):
            lantai.transfer_papers.slips(pair.first, ids)


def test_without_a_printer_nothing_is_recorded_as_printed(
    lantai: Lantai, led: Any, pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    view = led(State.SEALED)
    monkeypatch.setattr(lantai.transfer_papers, "_printer", TransferPrinter(None, None, lantai.clock))  # type: ignore[arg-type]
    with pytest.raises(Unavailable):
        lantai.transfer_papers.slips(pair.first, [view.id])
    assert events(lantai, view, "transfer.slip_printed") == []


def test_events_hold_no_personal_data(lantai: Lantai, led: Any, pair: Pair) -> None:
    view = led(State.HANDED_TO_CARRIER, name="欧阳文静")
    lantai.transfer_papers.slips(pair.first, [view.id])
    lantai.transfer_papers.hand_over(pair.first, [view.id])
    said = str([events(lantai, view, f"transfer.{kind}_printed") for kind in ("slip", "list")])
    assert "欧阳" not in said
    assert shown(view, Evidence.TRACKING_NUMBER) not in said


def test_the_place_of_origin_comes_from_the_identity_record(lantai: Lantai, led: Any, pair: Pair) -> None:
    identity = {"name": "测试甲", "id_number": make_id_number(1), "sex": "女", "origin_region": "420106"}
    view = led(State.ASSEMBLED, records={Section.IDENTITY: [identity]})
    [text] = pages_of(lantai.transfer_papers.slips(pair.first, [view.id]))
    assert "湖北省（420106）" in text
