"""What a carrier's trace proves. Pure: events and a calendar in, a standing out, whatever their order and number.

Sent is never shown as received: the most a carrier can prove is that something was handed over at an address. Evidence
that contradicts itself proves nothing and is for a person to look at (2-domain section 3).
"""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from enum import StrEnum
from functools import reduce

from app.carrier_ports import CarrierCode, CarrierEvent
from app.errors import FieldFault
from app.office_time import office_date
from app.transfers.states import Channel
from app.working_days.calendar import WorkingDays

CLOCK_TOLERANCE = timedelta(hours=1)
"""How far a carrier's clock and ours may differ."""

BEFORE_TOLERANCE = timedelta(hours=24)
"""Numbers are typed in after the courier was there, so the first scan may be a little older than our record."""


class Standing(StrEnum):
    """How far the consignment has come, by the carrier's word alone."""

    NOTHING = "nothing"
    ACCEPTED = "accepted"
    IN_TRANSIT = "in_transit"
    RETURNING = "returning"
    DELIVERED = "delivered"
    REFUSED = "refused"
    RETURNED = "returned"
    LOST = "lost"


STANDING_LABELS = {
    Standing.NOTHING: "尚无轨迹",
    Standing.ACCEPTED: "已收寄",
    Standing.IN_TRANSIT: "运送中",
    Standing.RETURNING: "退回途中",
    Standing.DELIVERED: "承运方称已投递",
    Standing.REFUSED: "收件方拒收",
    Standing.RETURNED: "已退回",
    Standing.LOST: "疑似丢失",
}
CODE_LABELS = {
    CarrierCode.ACCEPTED: "已收寄",
    CarrierCode.IN_TRANSIT: "运送中",
    CarrierCode.OUT_FOR_DELIVERY: "派送中",
    CarrierCode.DELIVERED: "已投递",
    CarrierCode.REFUSED: "拒收",
    CarrierCode.RETURNING: "退回途中",
    CarrierCode.RETURNED: "已退回",
    CarrierCode.EXCEPTION: "异常",
    CarrierCode.LOST: "丢失",
}


class Finding(StrEnum):
    """What a person must look at. The first group contradicts the trace, the second does not."""

    AFTER_DELIVERY = "after_delivery"
    AFTER_RETURN = "after_return"
    DELIVERED_AFTER_REFUSAL = "delivered_after_refusal"
    ALIVE_AFTER_LOSS = "alive_after_loss"
    ALTERED = "altered"
    BEFORE_HAND_OVER = "before_hand_over"
    IN_THE_FUTURE = "in_the_future"
    EXCEPTION = "exception"
    RETURNING = "returning"
    SILENT = "silent"
    UNKNOWN_NUMBER = "unknown_number"
    UNUSABLE_NUMBER = "unusable_number"
    TRACE_EXPIRING = "trace_expiring"
    TRACE_EXPIRED = "trace_expired"


FINDING_WORDS = {
    Finding.AFTER_DELIVERY: "称已投递之后又有其他轨迹，前后矛盾",
    Finding.AFTER_RETURN: "称已退回之后又有其他轨迹，前后矛盾",
    Finding.DELIVERED_AFTER_REFUSAL: "称拒收或退回之后又称已投递，前后矛盾",
    Finding.ALIVE_AFTER_LOSS: "称丢失之后又有新轨迹",
    Finding.ALTERED: "承运方改动了已经提供过的轨迹",
    Finding.BEFORE_HAND_OVER: "有早于交寄时间的轨迹，运单号可能录错或曾被他人使用",
    Finding.IN_THE_FUTURE: "有晚于当前时间的轨迹",
    Finding.EXCEPTION: "承运方报告异常",
    Finding.RETURNING: "正在退回途中",
    Finding.SILENT: "久无新轨迹，疑似丢失",
    Finding.UNKNOWN_NUMBER: "承运方查无此运单号",
    Finding.UNUSABLE_NUMBER: "登记的不是有效的运单号，无法查询",
    Finding.TRACE_EXPIRING: "轨迹即将过期而未能保存",
    Finding.TRACE_EXPIRED: "轨迹已过承运方保存期限",
}
CONTRADICTIONS = frozenset(
    {
        Finding.AFTER_DELIVERY,
        Finding.AFTER_RETURN,
        Finding.DELIVERED_AFTER_REFUSAL,
        Finding.ALIVE_AFTER_LOSS,
        Finding.ALTERED,
        Finding.BEFORE_HAND_OVER,
        Finding.IN_THE_FUTURE,
    }
)
UNDER_WAY = frozenset({Standing.NOTHING, Standing.ACCEPTED, Standing.IN_TRANSIT, Standing.RETURNING, Standing.REFUSED})
"""No end is known yet."""


@dataclass(frozen=True, slots=True)
class CarrierStanding:
    """``standing``: by the events that contradict nothing. ``moved``: whether it left where it was accepted.

    ``last_at`` is the last sign of life and ``last`` the event that gave it; ``findings`` pairs what is to be looked at
    with the carrier's id of the event that shows it, in order of time.
    """

    standing: Standing = Standing.NOTHING
    moved: bool = False
    last_at: datetime | None = None
    last: CarrierEvent | None = None
    findings: Sequence[tuple[Finding, str]] = ()

    @property
    def contradicted(self) -> bool:
        return any(finding in CONTRADICTIONS for finding, _ in self.findings)


@dataclass(frozen=True, slots=True)
class Patience:
    """Working days until silence means loss: ``silent`` without any event since the hand-over, ``stalled`` without a
    new one.
    """

    silent: int = 7
    stalled: int = 10


def in_order(events: Iterable[CarrierEvent]) -> list[CarrierEvent]:
    """By time, ties by the carrier's id; what stands twice stands once."""
    return sorted(set(events), key=lambda e: (e.at, e.event_id, e.code, e.place, e.words, e.signer))


def fold(events: Iterable[CarrierEvent], *, handed_at: datetime, now: datetime) -> CarrierStanding:
    """The standing of a trace. Any permutation of the same events, some of them twice, gives the same."""
    ordered = in_order(events)
    strange: list[tuple[Finding, str]] = []
    told: dict[str, CarrierEvent] = {}
    for event in ordered:
        before = told.get(event.event_id)
        if before is not None:
            # words may be mended or a name masked later; another time or another deed is another story
            if (event.at, event.code) != (before.at, before.code):
                strange.append((Finding.ALTERED, event.event_id))
            continue
        told[event.event_id] = event
        if event.at < handed_at - BEFORE_TOLERANCE:
            strange.append((Finding.BEFORE_HAND_OVER, event.event_id))
        elif event.at > now + CLOCK_TOLERANCE:
            strange.append((Finding.IN_THE_FUTURE, event.event_id))
    doubted = {event_id for finding, event_id in strange if finding is not Finding.ALTERED}
    standing = reduce(_step, (e for e in told.values() if e.event_id not in doubted), CarrierStanding())
    last = standing.last
    if last is not None and last.code is CarrierCode.EXCEPTION:
        strange.append((Finding.EXCEPTION, last.event_id))
    if last is not None and standing.standing is Standing.RETURNING:
        strange.append((Finding.RETURNING, ""))
    return replace(standing, findings=(*standing.findings, *strange))


def _step(before: CarrierStanding, event: CarrierEvent) -> CarrierStanding:
    """One more event. One that contradicts what went before is a sign of life and a finding; the standing stays."""
    seen = replace(before, last=event, last_at=event.at)
    finding = _contradiction(before.standing, event.code)
    if finding is not None:
        return replace(seen, findings=(*before.findings, (finding, event.event_id)))
    match event.code:
        case CarrierCode.ACCEPTED:
            first = before.standing is Standing.NOTHING
            return replace(seen, standing=Standing.ACCEPTED) if first else seen
        case CarrierCode.DELIVERED:
            return replace(seen, standing=Standing.DELIVERED, moved=True)
        case CarrierCode.REFUSED:
            return replace(seen, standing=Standing.REFUSED, moved=True)
        case CarrierCode.RETURNED:
            return replace(seen, standing=Standing.RETURNED)
        case CarrierCode.LOST:
            return replace(seen, standing=Standing.LOST)
        case CarrierCode.RETURNING if before.standing is not Standing.REFUSED:
            return replace(seen, standing=Standing.RETURNING, moved=True)
        case _:
            # on its way, out or back: a refusal or a return stays one until the consignment is back
            stays = before.standing in (Standing.REFUSED, Standing.RETURNING)
            return replace(seen, moved=True, standing=before.standing if stays else Standing.IN_TRANSIT)


def _contradiction(standing: Standing, code: CarrierCode) -> Finding | None:
    if standing is Standing.DELIVERED and code is not CarrierCode.DELIVERED:
        return Finding.AFTER_DELIVERY
    if standing is Standing.RETURNED and code is not CarrierCode.RETURNED:
        return Finding.AFTER_RETURN
    # the sender who signs for what comes back must not be taken for the receiver
    if standing in (Standing.REFUSED, Standing.RETURNING) and code is CarrierCode.DELIVERED:
        return Finding.DELIVERED_AFTER_REFUSAL
    if standing is Standing.LOST and code is not CarrierCode.LOST:
        return Finding.ALIVE_AFTER_LOSS
    return None


def silent_since(
    standing: CarrierStanding, *, since: datetime, now: datetime, calendar: WorkingDays, patience: Patience
) -> date | None:
    """The day from which on nothing was heard, where that is so long that loss is to be suspected; None otherwise.

    ``since``: the hand-over, or a later step of the transfer. Where an end is known (delivered, returned, lost) silence
    says nothing. A clock set back makes it shorter, never longer.
    """
    if standing.standing not in UNDER_WAY:
        return None
    quiet = office_date(since if standing.last_at is None else max(since, standing.last_at))
    limit = patience.silent if standing.last_at is None else patience.stalled
    return quiet if calendar.between(quiet, office_date(now)) > limit else None


LONG_NUMBER = re.compile(r"[0-9][0-9 -]{5,}[0-9]")


def public_words(event: CarrierEvent) -> str:
    """What a graduate reads of an event: carriers write who signed, and couriers' telephones, into free text."""
    if event.code is CarrierCode.DELIVERED:
        return CODE_LABELS[event.code]
    return LONG_NUMBER.sub("…", event.words)


# --- when to ask ------------------------------------------------------------------------------------------------------

EVERY = timedelta(hours=4)
EVERY_AT_REST = timedelta(hours=24)
"""While nothing moves at the carrier's: delivered and waiting for the receipt, returned, held for lost."""
FIRST_WAIT = timedelta(minutes=10)
LONGEST_WAIT = timedelta(hours=24)
FORCED_AFTER = 11
"""Months after the hand-over: the last capture is made before EMS forgets a trace, which it does after a year."""
KEPT_FOR = timedelta(days=365)


def next_poll(now: datetime, standing: Standing, failures: int) -> datetime:
    """Exponentially later after failures, at most a day."""
    if failures:
        # the power is bounded first: a carrier may be away for weeks
        doubled: int = 2 ** min(failures - 1, 10)
        return now + min(FIRST_WAIT * doubled, LONGEST_WAIT)
    return now + (EVERY if standing in UNDER_WAY else EVERY_AT_REST)


def forced_before(now: datetime) -> datetime:
    """Consignments handed over at or before this moment need their last capture."""
    months = now.year * 12 + now.month - 1 - FORCED_AFTER
    year, month = divmod(months, 12)
    return now.replace(year=year, month=month + 1, day=min(now.day, monthrange(year, month + 1)[1]))


# --- numbers ----------------------------------------------------------------------------------------------------------

S10 = re.compile(r"[A-Z]{2}[0-9]{9}[A-Z]{2}")
S10_WEIGHTS = (8, 6, 4, 2, 3, 5, 9, 7)
DIGITS = re.compile(r"[0-9]{13}")
FREE = re.compile(r"[A-Z0-9-]{4,40}")
WIDE = {**{0xFF10 + n: str(n) for n in range(10)}, **{0xFF21 + n: chr(65 + n) for n in range(26)}}
WIDE |= {0xFF41 + n: chr(65 + n) for n in range(26)} | {0xFF0D: "-", 0x2013: "-", 0x2014: "-"}


def s10_check_digit(serial: str) -> int:
    """Of the eight digits of an S10 identifier (UPU standard S10-12, section 8.4)."""
    rest = 11 - sum(weight * int(digit) for weight, digit in zip(S10_WEIGHTS, serial, strict=True)) % 11
    return {10: 0, 11: 5}.get(rest, rest)


def tracking_number(text: str, channel: Channel) -> str | FieldFault:
    """The number as it is stored and asked for, or what is wrong with it.

    EMS: 13 characters, an S10 identifier with its check digit (EA123456785CN) or 13 digits. 机要 and 专人 number their
    own lists: letters, digits and dashes. Spaces and full-width characters of scanners and tables are understood.
    """
    plain = "".join(text.translate(WIDE).upper().split())
    if not plain:
        return FieldFault("/tracking_number", "required")
    if channel is not Channel.EMS:
        return plain if FREE.fullmatch(plain) else FieldFault("/tracking_number", "letters_and_digits_only")
    plain = plain.replace("-", "")
    if DIGITS.fullmatch(plain):
        return plain
    if not S10.fullmatch(plain):
        return FieldFault("/tracking_number", "tracking_number_shape")
    if s10_check_digit(plain[2:10]) != int(plain[10]):
        return FieldFault("/tracking_number", "tracking_number_check_digit")
    return plain


def first_per_id(events: Iterable[CarrierEvent], known: Collection[str]) -> list[CarrierEvent]:
    """Of a carrier's answer what is new: one event for each id that is not known yet, in order."""
    fresh: dict[str, CarrierEvent] = {}
    for event in in_order(events):
        if event.event_id not in known:
            fresh.setdefault(event.event_id, event)
    return list(fresh.values())
