"""The receiver's count: one slip, one code, one effect; what differs opens a case and moves nothing."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import func, select

from app.actors import SYSTEM, Actor, ActorKind, Role
from app.errors import Conflict, DomainError, Forbidden, Invalid, NotFound, RateLimited
from app.events import Event
from app.receivers.rules import DestinationCase
from app.transfers.counting import Count, Outcome
from app.transfers.counting_models import Slip, TransferCase
from app.transfers.counting_rules import HOLDS_FOR, MOST_WRONG, ClassTotal, differences, plain_code, totals
from app.transfers.destination import Destination
from app.transfers.invitations import KINDS
from app.transfers.models import Transfer
from app.transfers.papers import LabelLayout
from app.transfers.rules import Evidence
from app.transfers.showing import TransferView
from app.transfers.states import Channel, State
from notifications.catalogue.staff_lines import staff_line_for
from notifications.catalogue.words import notice_for
from parts import Lantai
from tests.app.receivers.samples import facts
from tests.conftest import Person, StaffLogin
from tests.counting import ADDRESS, Printed, as_listed, latest_slip, printed_slip
from tests.fakes import FakeClock
from tests.moving import Pair, lead, now, opened
from tests.pdf_reading import pages_of

People = Callable[..., Person]
WRONG = "ZZZZ-ZZZZ-ZZZZ-ZZZZ"


@pytest.fixture
def led(lantai: Lantai, graduate_factory: People, pair: Pair) -> Callable[..., TransferView]:
    return lambda state: lead(lantai, pair, opened(lantai, pair.first, graduate_factory().id), state)


@pytest.fixture
def sent(lantai: Lantai, led: Callable[..., TransferView], pair: Pair) -> tuple[TransferView, Printed]:
    view = led(State.SEALED)
    slip = printed_slip(lantai, pair, view)
    return lead(lantai, pair, view, State.IN_TRANSIT), slip


def numbers(lantai: Lantai, slip: Printed, **changed: str) -> Count:
    """Every class as the catalogue lists it, but for the first, of which ``changed`` says something else."""
    found: dict[str, str] = {}
    sheet = lantai.counting.open(slip.id, slip.code, ADDRESS)
    for each in sheet.classes:
        found[f"items_{each.total.class_code}"] = str(each.total.items)
        if each.total.pages is not None:
            found[f"pages_{each.total.class_code}"] = str(each.total.pages)
    first = sheet.classes[0].total.class_code
    return Count("RS-2026-17", "王清点", False, {**found, **{f"{k}_{first}": v for k, v in changed.items()}})


def refused(lantai: Lantai, slip: Printed, code: str = "") -> str:
    with pytest.raises(DomainError) as caught:
        lantai.counting.open(slip.id, code or slip.code, ADDRESS)
    assert (caught.value.params, caught.value.extra, caught.value.faults) == ({}, {}, ())
    return caught.value.code


def many(lantai: Lantai, what: Any) -> int:
    with lantai.db.transaction() as session:
        return session.scalar(select(func.count()).select_from(what)) or 0


def moves(lantai: Lantai, view: TransferView, state: State) -> list[Event]:
    with lantai.db.transaction() as session:
        query = select(Event).where(Event.object_id == view.id, Event.type == "transfer.moved")
        found = [e for e in session.scalars(query) if e.data["state"] == state.value]
        session.expunge_all()
        return found


def test_totals_and_differences_are_by_class() -> None:
    listed = totals([("1", 2), ("4-1", 1), ("1", 3), ("7", None), ("7", 2)])
    assert listed == (ClassTotal("1", 2, 5), ClassTotal("4-1", 1, 1), ClassTotal("7", 2, None))
    assert differences(listed, {"1": (2, 5), "4-1": (1, 1), "7": (2, None)}) == ()
    found = differences(listed, {"1": (1, 5), "4-1": (1, 0), "7": (3, 9)})
    assert [(d.class_code, d.what, d.listed, d.counted) for d in found] == [
        ("1", "份", 2, 1),
        ("4-1", "页", 1, 0),
        ("7", "份", 2, 3),
    ]
    assert plain_code(" abcd-efgh ") == "ABCDEFGH"


def test_the_catalogue_is_what_was_frozen_and_a_count_as_listed_is_the_receipt(
    lantai: Lantai, sent: tuple[TransferView, Printed], pair: Pair
) -> None:
    view, slip = sent
    sheet = lantai.counting.open(slip.id, slip.code.lower().replace("-", " "), ADDRESS)
    assert (sheet.number, sheet.manifest_code, sheet.outcome) == (view.number, view.manifest_code, None)
    assert sum(c.total.items for c in sheet.classes) == sum(len(c.titles) for c in sheet.classes) == 3
    assert sum(c.total.pages or 0 for c in sheet.classes) == 4
    done = lantai.counting.count(slip.id, slip.code, ADDRESS, as_listed())
    assert (done.outcome, done.e_receipt, done.classes) == (Outcome.MATCHED, f"{view.number}-HZ1", ())
    after = now(lantai, pair.first, view)
    assert after.state is State.RECEIVED
    shown = {p.kind: p.text for p in after.steps[-1].proofs}
    assert shown == {Evidence.RECEIPT_NUMBER: "RS-2026-17", Evidence.MANIFEST_CODE: view.manifest_code}
    [event] = moves(lantai, view, State.RECEIVED)
    with lantai.db.transaction() as session:
        row = session.get_one(Transfer, view.id)
        assert (event.actor_kind, event.actor_id) == ("partner", row.receiver_id)
        assert row.receipt_digest == row.manifest_digest
    kept = latest_slip(lantai, view.id)
    assert kept.sealed_count is not None
    assert "王清点".encode() not in kept.sealed_count
    assert "王清点" not in str(event.data)
    assert "RS-2026-17" not in str(event.data)


def test_counting_class_by_class_and_what_is_wrong_in_the_form(
    lantai: Lantai, sent: tuple[TransferView, Printed], pair: Pair
) -> None:
    view, slip = sent
    whole = numbers(lantai, slip)
    with pytest.raises(Invalid) as caught:
        lantai.counting.count(slip.id, slip.code, ADDRESS, Count("回执一", " ", False, {}))
    assert {f.pointer for f in caught.value.faults} == {
        "/receipt_number",
        "/counted_by",
        *(f"/{name}" for name in whole.counted),
    }
    for odd in ("-1", "1.0", "٣", "99999"):
        with pytest.raises(Invalid):
            lantai.counting.count(slip.id, slip.code, ADDRESS, numbers(lantai, slip, items=odd))
    assert now(lantai, pair.first, view).state is State.IN_TRANSIT
    assert latest_slip(lantai, view.id).used_at is None
    assert lantai.counting.count(slip.id, slip.code, ADDRESS, whole).outcome is Outcome.MATCHED


def test_sent_twice_is_once_and_a_used_code_shows_no_catalogue(
    lantai: Lantai, sent: tuple[TransferView, Printed], pair: Pair
) -> None:
    view, slip = sent
    first = lantai.counting.count(slip.id, slip.code, ADDRESS, as_listed())
    assert lantai.counting.count(slip.id, slip.code, ADDRESS, as_listed("OTHER-1")) == first
    assert lantai.counting.open(slip.id, slip.code, ADDRESS) == first
    assert len(moves(lantai, view, State.RECEIVED)) == 1
    proof = next(p for p in now(lantai, pair.first, view).steps[-1].proofs if p.kind is Evidence.RECEIPT_NUMBER)
    assert proof.text == "RS-2026-17"


@pytest.mark.parametrize("matched", [True, False])
def test_two_that_send_at_once_have_one_effect(
    matched: bool, lantai: Lantai, sent: tuple[TransferView, Printed]
) -> None:
    view, slip = sent
    said = [as_listed(f"RS-{n}") if matched else numbers(lantai, slip, items="7") for n in range(4)]
    start, found = threading.Barrier(len(said)), []

    def send(given: Count) -> None:
        start.wait()
        found.append(lantai.counting.count(slip.id, slip.code, ADDRESS, given))

    threads = [threading.Thread(target=send, args=(each,)) for each in said]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == len(said)
    assert len(set(found)) == 1
    assert len(moves(lantai, view, State.RECEIVED)) == (1 if matched else 0)
    assert many(lantai, TransferCase) == (0 if matched else 1)


def test_five_wrong_codes_end_the_slip_and_all_refusals_are_alike(
    lantai: Lantai, sent: tuple[TransferView, Printed], clock: FakeClock
) -> None:
    view, slip = sent
    said = {refused(lantai, Printed(uuid4(), slip.code)), refused(lantai, Printed(slip.id, WRONG))}
    said |= {refused(lantai, slip, WRONG) for _ in range(MOST_WRONG - 2)}
    assert latest_slip(lantai, view.id).voided_at is None
    assert lantai.counting.open(slip.id, slip.code, ADDRESS).outcome is None
    said.add(refused(lantai, slip, WRONG))
    assert latest_slip(lantai, view.id).voided_at is not None
    said.add(refused(lantai, slip))
    with pytest.raises(NotFound):
        lantai.counting.count(slip.id, slip.code, ADDRESS, as_listed())
    assert said == {"slip_not_open"}


def test_wrong_codes_at_the_same_time_are_all_counted(lantai: Lantai, sent: tuple[TransferView, Printed]) -> None:
    view, slip = sent
    threads = [threading.Thread(target=refused, args=(lantai, slip, WRONG)) for _ in range(MOST_WRONG)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert latest_slip(lantai, view.id).attempts == MOST_WRONG


def test_one_address_and_one_slip_are_not_tried_without_end(lantai: Lantai, sent: tuple[TransferView, Printed]) -> None:
    _, slip = sent

    def guess() -> str:
        try:
            lantai.counting.open(uuid4(), WRONG, ADDRESS)
        except DomainError as error:
            return error.code
        return "opened"

    assert [guess() for _ in range(41)] == ["slip_not_open"] * 40 + ["rate_limited"]
    for n in range(20):
        lantai.counting.open(slip.id, slip.code, f"198.51.100.{n}")
    with pytest.raises(RateLimited):
        lantai.counting.open(slip.id, slip.code, "198.51.100.77")


def test_an_expired_one_a_newer_one_and_another_transfers_code_open_nothing(
    lantai: Lantai, sent: tuple[TransferView, Printed], led: Callable[..., TransferView], pair: Pair, clock: FakeClock
) -> None:
    view, slip = sent
    foreign = printed_slip(lantai, pair, led(State.SEALED))
    assert refused(lantai, Printed(slip.id, foreign.code)) == "slip_not_open"
    newer = printed_slip(lantai, pair, view)
    assert refused(lantai, slip) == "slip_not_open"
    assert lantai.counting.open(newer.id, newer.code, ADDRESS).outcome is None
    clock.advance(seconds=HOLDS_FOR.total_seconds())
    assert refused(lantai, newer) == "slip_not_open"
    with pytest.raises(NotFound):
        lantai.counting.count(newer.id, newer.code, ADDRESS, as_listed())
    assert now(lantai, pair.first, view).state is State.IN_TRANSIT


def test_a_slip_of_an_older_catalogue_is_refused(lantai: Lantai, led: Callable[..., TransferView], pair: Pair) -> None:
    view = led(State.SEALED)
    old = printed_slip(lantai, pair, view)
    lead(lantai, pair, lead(lantai, pair, view, State.SCHOOL_APPROVED), State.IN_TRANSIT)
    assert refused(lantai, old) == "slip_not_open"
    with pytest.raises(NotFound):
        lantai.counting.count(old.id, old.code, ADDRESS, as_listed())


def test_before_the_hand_over_and_after_a_receipt_nothing_is_counted(
    lantai: Lantai, led: Callable[..., TransferView], pair: Pair
) -> None:
    view = led(State.SEALED)
    slip = printed_slip(lantai, pair, view)
    with pytest.raises(Conflict, match="counting_too_early"):
        lantai.counting.count(slip.id, slip.code, ADDRESS, as_listed())
    arrived = lead(lantai, pair, view, State.RECEIVED)
    with pytest.raises(Conflict, match="counted_already"):
        lantai.counting.count(slip.id, slip.code, ADDRESS, as_listed())
    assert latest_slip(lantai, view.id).used_at is None
    before = many(lantai, Slip)
    [text] = pages_of(lantai.transfer_papers.slips(pair.first, [arrived.id]))
    assert "清点口令另行告知" in text
    assert many(lantai, Slip) == before


def test_what_differs_opens_a_case_that_the_desk_settles_and_a_new_slip_counts_again(
    lantai: Lantai, sent: tuple[TransferView, Printed], pair: Pair, staff_factory: Callable[..., StaffLogin]
) -> None:
    view, slip = sent
    done = lantai.counting.count(slip.id, slip.code, ADDRESS, numbers(lantai, slip, items="7", pages="0"))
    assert (done.outcome, done.e_receipt) == (Outcome.MISMATCH, "")
    assert now(lantai, pair.first, view).state is State.IN_TRANSIT
    [case] = lantai.transfer_cases.of_graduate(pair.first, view.graduate_id)[view.id]
    assert case.open
    assert len(case.lines) == 2
    assert "清点 7 份" in case.lines[0]
    assert (case.counted_by, case.receipt_number) == ("王清点", "RS-2026-17")
    lines, total = lantai.transfer_cases.waiting(pair.first)
    assert ([line.id for line in lines], total) == ([case.id], 1)
    again = printed_slip(lantai, pair, view)
    with pytest.raises(Conflict, match="counting_in_dispute"):
        lantai.counting.count(again.id, again.code, ADDRESS, as_listed())
    settle = lantai.transfer_cases.settle
    with pytest.raises(Forbidden):
        settle(staff_factory(Role.REVIEWER).actor, view.graduate_id, view.id, case.id, "已核实")
    with pytest.raises(NotFound):
        settle(pair.first, view.graduate_id, uuid4(), case.id, "已核实")
    for wrong in (" ", "长" * 301):
        with pytest.raises(Invalid):
            settle(pair.first, view.graduate_id, view.id, case.id, wrong)
    settle(pair.first, view.graduate_id, view.id, case.id, "电话核实，已补寄")
    with pytest.raises(Conflict, match="case_settled"):
        settle(pair.first, view.graduate_id, view.id, case.id, "又一次")
    assert lantai.transfer_cases.waiting(pair.first) == ([], 0)
    [settled] = lantai.transfer_cases.of_graduate(pair.first, view.graduate_id)[view.id]
    assert (settled.open, settled.reason, settled.lines) == (False, "电话核实，已补寄", case.lines)
    assert lantai.counting.count(slip.id, slip.code, ADDRESS, as_listed()) == done
    assert lantai.counting.count(again.id, again.code, ADDRESS, as_listed()).outcome is Outcome.MATCHED
    assert now(lantai, pair.first, view).state is State.RECEIVED


def test_graduate_and_desk_are_told_of_a_difference_in_plain_words(
    lantai: Lantai, sent: tuple[TransferView, Printed]
) -> None:
    view, slip = sent
    lantai.counting.count(slip.id, slip.code, ADDRESS, numbers(lantai, slip, items="7"))
    with lantai.db.transaction() as session:
        event = session.scalars(select(Event).where(Event.type == "transfer.count_mismatch")).one()
        assert event.graduate_id == view.graduate_id
        assert set(event.data) == {"state", "case"}
        told, line = notice_for(event.type, event.data), staff_line_for(event.type, event.data)
    assert told is not None
    assert "尚未登记为接收" in told.body
    assert len(told.phrase) <= 5
    assert line is not None
    assert "清点不一致" in line


def test_in_dispute_no_receipt_is_recorded_by_hand_until_the_case_is_settled(
    lantai: Lantai, sent: tuple[TransferView, Printed], pair: Pair
) -> None:
    view, slip = sent
    graduate = Actor(ActorKind.GRADUATE, view.graduate_id)
    assert now(lantai, graduate, view).dispute == ""
    lantai.counting.count(slip.id, slip.code, ADDRESS, numbers(lantai, slip, items="7"))
    view = now(lantai, pair.first, view)
    assert State.RECEIVED not in {t.state for t in view.targets}
    receipt = {Evidence.RECEIPT_NUMBER: "HZ-9", Evidence.MANIFEST_CODE: view.manifest_code or ""}
    with pytest.raises(Conflict, match="receipt_in_dispute"):
        lantai.transfers.move(pair.first, view.id, view.version, State.RECEIVED, receipt)
    told = now(lantai, graduate, view)
    assert "不一致" in told.dispute
    assert "尚未登记为已接收" in told.dispute
    assert "再次清点" in told.next_words
    assert not told.received
    # what comes meanwhile by the carrier goes on
    view = lead(lantai, pair, view, State.DELIVERED_UNCONFIRMED)
    [case] = lantai.transfer_cases.of_graduate(pair.first, view.graduate_id)[view.id]
    lantai.transfer_cases.settle(pair.first, view.graduate_id, view.id, case.id, "电话核实，已补寄")
    told = now(lantai, graduate, view)
    assert "已核实" in told.dispute
    assert "等待接收单位再次清点" in told.next_words
    view = lantai.transfers.move(pair.first, view.id, view.version, State.RECEIVED, receipt)
    assert (view.state, view.dispute) == (State.RECEIVED, "")


def test_the_papers_name_department_and_phone_of_the_frozen_version(
    lantai: Lantai, graduate_factory: People, pair: Pair
) -> None:
    lantai.receivers.record(SYSTEM, "FROZEN", facts(), 0)
    wanted = Destination(DestinationCase.UNEMPLOYED, "FROZEN", Channel.EMS)
    person = graduate_factory().id
    transfer_id = lantai.destinations.open(pair.first, person, wanted)
    [draft] = [v for v in lantai.transfers.of_graduate(pair.first, person) if v.id == transfer_id]
    view = lead(lantai, pair, draft, State.SEALED)
    lantai.receivers.record(SYSTEM, "FROZEN", facts(department="新科室", phone="0571-87654321"), 1)
    [slip] = pages_of(lantai.transfer_papers.slips(pair.first, [view.id]))
    assert KINDS[DestinationCase.UNEMPLOYED] in slip
    [label] = pages_of(lantai.transfer_papers.labels(pair.first, [view.id], LabelLayout.SINGLE))
    for words in ("档案科", "310000", "0571-12345678"):
        assert words in label, words
    assert "新科室" not in label
    assert set(KINDS) == set(DestinationCase)
