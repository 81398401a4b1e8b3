"""What a trace proves: the fold, silence, the next question, and numbers."""

from __future__ import annotations

import random
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.carrier_ports import CarrierCode as C
from app.carrier_ports import CarrierEvent
from app.errors import FieldFault
from app.transfers.states import Channel
from app.transfers.tracking_rules import (
    CODE_LABELS,
    CONTRADICTIONS,
    FINDING_WORDS,
    FORCED_AFTER,
    LONGEST_WAIT,
    STANDING_LABELS,
    Finding,
    Patience,
    Standing,
    first_per_id,
    fold,
    forced_before,
    next_poll,
    s10_check_digit,
    silent_since,
    tracking_number,
)
from app.working_days import notices
from app.working_days.calendar import WorkingDays

HANDED = datetime(2026, 6, 1, 2, 0, tzinfo=UTC)  # a Monday
NOW = HANDED + timedelta(days=30)
CALENDAR = WorkingDays(notices.load(None))


def trace(*codes: C, step_h: int = 10) -> list[CarrierEvent]:
    return [
        CarrierEvent(HANDED + timedelta(hours=step_h * n), code, f"e{n:03d}", "某地", "说明")
        for n, code in enumerate(codes)
    ]


def stands(*codes: C) -> tuple[Standing, list[Finding]]:
    found = fold(trace(*codes), handed_at=HANDED, now=NOW)
    return found.standing, [finding for finding, _ in found.findings]


@pytest.mark.parametrize(
    ("codes", "standing", "findings"),
    [
        ((), Standing.NOTHING, []),
        ((C.ACCEPTED,), Standing.ACCEPTED, []),
        ((C.ACCEPTED, C.IN_TRANSIT, C.ACCEPTED), Standing.IN_TRANSIT, []),
        ((C.OUT_FOR_DELIVERY,), Standing.IN_TRANSIT, []),
        ((C.ACCEPTED, C.IN_TRANSIT, C.DELIVERED, C.DELIVERED), Standing.DELIVERED, []),
        ((C.ACCEPTED, C.EXCEPTION), Standing.IN_TRANSIT, [Finding.EXCEPTION]),
        ((C.ACCEPTED, C.EXCEPTION, C.IN_TRANSIT), Standing.IN_TRANSIT, []),
        ((C.IN_TRANSIT, C.REFUSED, C.RETURNING, C.OUT_FOR_DELIVERY), Standing.REFUSED, []),
        ((C.IN_TRANSIT, C.REFUSED, C.RETURNING, C.RETURNED), Standing.RETURNED, []),
        ((C.IN_TRANSIT, C.RETURNING, C.IN_TRANSIT), Standing.RETURNING, [Finding.RETURNING]),
        ((C.IN_TRANSIT, C.LOST), Standing.LOST, []),
        ((C.DELIVERED, C.RETURNED), Standing.DELIVERED, [Finding.AFTER_DELIVERY]),
        ((C.DELIVERED, C.IN_TRANSIT), Standing.DELIVERED, [Finding.AFTER_DELIVERY]),
        ((C.RETURNED, C.IN_TRANSIT), Standing.RETURNED, [Finding.AFTER_RETURN]),
        ((C.REFUSED, C.DELIVERED), Standing.REFUSED, [Finding.DELIVERED_AFTER_REFUSAL]),
        # the sender signs for what comes back: never the receiver's signature
        ((C.IN_TRANSIT, C.RETURNING, C.DELIVERED), Standing.RETURNING, [
            Finding.DELIVERED_AFTER_REFUSAL, Finding.RETURNING]),
        ((C.LOST, C.IN_TRANSIT), Standing.LOST, [Finding.ALIVE_AFTER_LOSS]),
    ],
)  # fmt: skip
def test_a_trace_stands_for_what_it_proves(codes: tuple[C, ...], standing: Standing, findings: list[Finding]) -> None:
    assert stands(*codes) == (standing, findings)


def test_events_from_before_the_hand_over_or_from_the_future_prove_nothing() -> None:
    old = CarrierEvent(HANDED - timedelta(days=200), C.DELIVERED, "old")
    ahead = CarrierEvent(NOW + timedelta(days=2), C.DELIVERED, "ahead")
    found = fold([old, ahead, *trace(C.ACCEPTED)], handed_at=HANDED, now=NOW)
    assert found.standing is Standing.ACCEPTED
    assert found.findings == ((Finding.BEFORE_HAND_OVER, "old"), (Finding.IN_THE_FUTURE, "ahead"))
    assert found.contradicted
    assert found.last_at == HANDED
    a_little = [
        CarrierEvent(HANDED - timedelta(hours=20), C.ACCEPTED, "a"),
        CarrierEvent(NOW + timedelta(minutes=30), C.IN_TRANSIT, "b"),
    ]
    assert fold(a_little, handed_at=HANDED, now=NOW).findings == ()


def test_an_event_told_in_two_ways_is_a_contradiction() -> None:
    events = trace(C.ACCEPTED, C.IN_TRANSIT)
    altered = CarrierEvent(events[1].at, C.DELIVERED, events[1].event_id)
    found = fold([*events, altered], handed_at=HANDED, now=NOW)
    assert (Finding.ALTERED, events[1].event_id) in found.findings
    assert found.contradicted


EVENTS = st.builds(
    CarrierEvent,
    at=st.integers(-60, 800).map(lambda hours: HANDED + timedelta(hours=hours)),
    code=st.sampled_from(C),
    event_id=st.sampled_from([f"e{n}" for n in range(12)]),
    place=st.sampled_from(["", "甲", "乙"]),
    words=st.sampled_from(["", "说明"]),
)


@given(events=st.lists(EVENTS, max_size=14), seed=st.integers(0, 2**32), extra=st.integers(0, 20))
def test_any_order_and_any_repetition_give_the_same_standing(events: list[CarrierEvent], seed: int, extra: int) -> None:
    draw = random.Random(seed)
    shuffled = events + [draw.choice(events) for _ in range(extra if events else 0)]
    draw.shuffle(shuffled)
    assert fold(shuffled, handed_at=HANDED, now=NOW) == fold(events, handed_at=HANDED, now=NOW)


@given(events=st.lists(EVENTS, max_size=14))
def test_contradiction_never_adds_to_what_is_proved(events: list[CarrierEvent]) -> None:
    """Leaving out the events that contradict leaves the standing as it was, and no contradiction of the sequence."""
    whole = fold(events, handed_at=HANDED, now=NOW)
    accused = {event_id for finding, event_id in whole.findings if finding in CONTRADICTIONS - {Finding.ALTERED}}
    without = fold([e for e in events if e.event_id not in accused], handed_at=HANDED, now=NOW)
    if not any(finding is Finding.ALTERED for finding, _ in whole.findings):
        assert without.standing is whole.standing
        assert not without.contradicted


@pytest.mark.parametrize(
    ("codes", "day", "since"),
    [
        ((), date(2026, 6, 10), None),  # the seventh working day has not passed
        ((), date(2026, 6, 11), date(2026, 6, 1)),
        ((C.ACCEPTED,), date(2026, 6, 11), None),
        ((C.ACCEPTED,), date(2026, 6, 15), None),
        ((C.ACCEPTED,), date(2026, 6, 16), date(2026, 6, 1)),
        ((C.DELIVERED,), date(2026, 9, 1), None),
        ((C.REFUSED,), date(2026, 6, 16), date(2026, 6, 1)),  # lost on its way back
        ((C.RETURNED,), date(2026, 9, 1), None),
        ((), date(2026, 5, 1), None),  # our clock was set back
    ],
)
def test_silence_is_counted_in_working_days(codes: tuple[C, ...], day: date, since: date | None) -> None:
    now = datetime(day.year, day.month, day.day, 3, tzinfo=UTC)
    standing = fold(trace(*codes), handed_at=HANDED, now=NOW)
    found = silent_since(standing, since=HANDED, now=now, calendar=CALENDAR, patience=Patience())
    assert found == since


def test_the_holiday_does_not_count_as_silence() -> None:
    """Handed over on the last working day before National Day; Saturday the 11th is a make-up day."""
    handed = datetime(2025, 9, 30, 2, tzinfo=UTC)
    standing = fold([], handed_at=handed, now=handed)
    for day, silent in ((date(2025, 10, 16), False), (date(2025, 10, 17), True)):
        now = datetime(day.year, day.month, day.day, 3, tzinfo=UTC)
        found = silent_since(standing, since=handed, now=now, calendar=CALENDAR, patience=Patience())
        assert (found is not None) is silent, day


def test_questions_come_later_after_every_failure_and_at_least_daily() -> None:
    waits = [next_poll(NOW, Standing.ACCEPTED, n) - NOW for n in range(1, 400)]
    assert waits == sorted(waits)
    assert waits[0] < waits[1] < waits[2]
    assert waits[-1] == LONGEST_WAIT
    assert next_poll(NOW, Standing.ACCEPTED, 0) < next_poll(NOW, Standing.DELIVERED, 0) <= NOW + LONGEST_WAIT


@given(now=st.datetimes(datetime(2024, 1, 1), datetime(2040, 1, 1)))  # noqa: DTZ001 - made aware below
def test_the_last_capture_is_forced_before_the_carrier_forgets(now: datetime) -> None:
    aware = now.replace(tzinfo=UTC)
    gone = aware - forced_before(aware)
    assert timedelta(days=30 * FORCED_AFTER) <= gone <= timedelta(days=338)


# --- numbers ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("serial", "digit"), [("47312482", 9), ("12345678", 5), ("00000000", 5), ("00004000", 0)])
def test_s10_check_digits(serial: str, digit: int) -> None:
    """RR473124829GB is the example of the UPU's S10 standard; 11 becomes 5 and 10 becomes 0."""
    assert s10_check_digit(serial) == digit


@pytest.mark.parametrize(
    ("text", "stored"),
    [
        ("EA123456785CN", "EA123456785CN"),
        (" ea 1234 5678 5 cn ", "EA123456785CN"),
        ("ＥＡ１２３４５６７８５ＣＮ", "EA123456785CN"),
        ("1234567890123", "1234567890123"),
        ("123-4567-890123", "1234567890123"),
    ],
)
def test_an_ems_number_is_normalised(text: str, stored: str) -> None:
    assert tracking_number(text, Channel.EMS) == stored


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "required"),
        ("　", "required"),
        ("EA123456784CN", "tracking_number_check_digit"),
        ("EA213456785CN", "tracking_number_check_digit"),
        ("EA12345678CN", "tracking_number_shape"),
        ("EA123456785C", "tracking_number_shape"),
        ("123456789012", "tracking_number_shape"),
        ("12345678901234", "tracking_number_shape"),
        ("١٢٣٤٥٦٧٨٩٠١٢٣", "tracking_number_shape"),
        ("EA123456785CN'--", "tracking_number_shape"),
    ],
)
def test_what_is_no_ems_number_says_why(text: str, code: str) -> None:
    assert tracking_number(text, Channel.EMS) == FieldFault("/tracking_number", code)


def test_other_channels_number_their_own_lists() -> None:
    assert tracking_number("机要-7", Channel.CONFIDENTIAL_POST) == FieldFault(
        "/tracking_number", "letters_and_digits_only"
    )
    assert tracking_number("jy-2026-0007", Channel.CONFIDENTIAL_POST) == "JY-2026-0007"
    assert tracking_number("x" * 41, Channel.DEDICATED_PERSON) == FieldFault(
        "/tracking_number", "letters_and_digits_only"
    )


@given(serial=st.integers(0, 99_999_999), place=st.integers(2, 10), by=st.integers(1, 9))
def test_one_wrong_digit_is_always_found(serial: int, place: int, by: int) -> None:
    good = f"EA{serial:08d}{s10_check_digit(f'{serial:08d}')}CN"
    bad = good[:place] + str((int(good[place]) + by) % 10) + good[place + 1 :]
    assert tracking_number(good, Channel.EMS) == good
    found = tracking_number(bad, Channel.EMS)
    # the standard writes 5 for a rest of 11 too, so these two cannot be told apart
    assert isinstance(found, FieldFault) or bad[10] == "5"


def test_of_an_answer_only_what_is_new_is_kept_once() -> None:
    events = trace(C.ACCEPTED, C.IN_TRANSIT, C.DELIVERED)
    assert first_per_id([*reversed(events), *events], {"e001"}) == [events[0], events[2]]


def test_every_word_has_its_label() -> None:
    assert set(STANDING_LABELS) == set(Standing)
    assert set(CODE_LABELS) == set(C)
    assert set(FINDING_WORDS) == set(Finding)
