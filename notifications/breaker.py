"""Circuit breakers, shared by all workers, for they stand in PostgreSQL: one for each template of each platform, one
for e-mails and one for SMS, whose notices all go by one template.

A fault of the set-up opens one at once, a run of failures of different messages as well, a limit of the day until
tomorrow. While it is open nothing is sent and nothing is lost: messages wait, or stay in the inbox alone, by their
promise. When a pause is over one message tries; if it gets through everything goes on, else the next pause is longer.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import ColumnElement, Integer, String, and_, delete, or_, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Mapped, Session, mapped_column

from app.db import Base, EnumText, UtcTime
from app.ports import Clock, Platform, SendFault
from notifications.catalogue.text import Promise, Template
from notifications.channel_rules import PUSHED_BY, WRITTEN_BY, ContactKind, Way
from notifications.fault_actions import STRIKES, UNASKED, next_day, strikes_of

PAUSES = tuple(timedelta(minutes=n) for n in (1, 2, 5, 15, 30))
TRY = timedelta(minutes=1)
"""How long the message that tries may take; whoever died over it lets the next one try."""
TURN, TURN_PAUSE = timedelta(hours=1), timedelta(minutes=10)
"""A limit that is still met so soon after its day was over is the old one, by a clock behind ours: it is tried again
after the pause and not a day later."""
SPREAD_S, LIMITED_SPREAD_S = 30, 600
"""Over how many seconds those go on that waited for a breaker, or for the end of a limit of the day."""
PATIENCE: Mapping[Promise, timedelta] = {
    Promise.AT_MOST_ONCE: timedelta(hours=6),
    Promise.AT_LEAST_ONCE: timedelta(days=3),
}
"""How long a message waits for an open breaker; then the inbox alone has it, and staff may send it again."""


@dataclass(frozen=True, slots=True, order=True)
class Outlet:
    """What is well or sick as one. ``template`` '': a kind of letter has no more than one."""

    way: Way
    template: str = ""

    @classmethod
    def of_push(cls, platform: Platform, template: Template) -> Outlet:
        return cls(PUSHED_BY[platform], template.value)

    @classmethod
    def of_letter(cls, kind: ContactKind) -> Outlet:
        return cls(WRITTEN_BY[kind])


class ChannelBreaker(Base):
    """A row stands for an outlet that did not get through the last time; there is none for a healthy one. The column
    has the name it had when only platforms' templates could stop: with another one the workers of the release before
    would push nothing more, once the database is migrated.
    """

    __tablename__ = "channel_breaker"

    way: Mapped[Way] = mapped_column("platform", EnumText(Way, 20), primary_key=True)
    template: Mapped[str] = mapped_column(String(20), primary_key=True)
    failures: Mapped[int] = mapped_column(Integer)
    openings: Mapped[int] = mapped_column(Integer)
    open_until: Mapped[datetime | None] = mapped_column(UtcTime)
    limited_until: Mapped[datetime | None] = mapped_column(UtcTime)  # when the last limit of a day is over
    reason: Mapped[str] = mapped_column(String(80))
    changed_at: Mapped[datetime] = mapped_column(UtcTime)


@dataclass(frozen=True, slots=True)
class Standing:
    """``held_until``: nothing may be sent before. ``tries``: this message is the one that tries. ``struck``: the last
    one did not get through. ``limited_until``: a limit of the day holds, or held, all of them until then.
    """

    held_until: datetime | None = None
    tries: bool = False
    struck: bool = False
    limited_until: datetime | None = None

    def limited(self, now: datetime) -> bool:
        return self.limited_until is not None and now < self.limited_until

    def comes_again(self, notice_id: UUID, since: datetime, promise: Promise, now: datetime) -> datetime | None:
        """When a message that is held and has waited ``since`` is looked at again: not all at the moment when one of
        them may try. None where it waited for as long as its promise allows; a limit uses up nobody's patience.
        """
        waited = now - max(since, self.limited_until or since)
        if self.held_until is None or waited > PATIENCE[promise]:
            return None
        return self.held_until + timedelta(
            seconds=notice_id.int % (LIMITED_SPREAD_S if self.limited(now) else SPREAD_S)
        )


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a failure says of its outlet. ``held``: until when a limit of the day holds; ``opened``: until when it is
    open, if this failure opened it, for staff hear of that once; ``healed``: it was open and is no more.
    """

    held: datetime | None = None
    opened: datetime | None = None
    healed: bool = False


@dataclass(frozen=True, slots=True)
class OpenBreaker:
    """``limited``: by a limit of the day, not because anything is wrong."""

    outlet: Outlet
    until: datetime
    reason: str
    limited: bool


class Breakers:
    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def look(self, session: Session, outlet: Outlet, *, within: timedelta = TRY) -> Standing:
        """Before a call, in the transaction that writes its attempt. Whoever is told ``tries`` has taken that turn, for
        as long as ``within``.
        """
        row = session.get(ChannelBreaker, (outlet.way, outlet.template))
        if row is not None and row.open_until is not None:
            mine = select(ChannelBreaker).where(_of(outlet))
            row = session.scalar(mine.with_for_update().execution_options(populate_existing=True))
        standing = self._standing(row)
        if row is None or row.open_until is None or standing.held_until is not None:
            return standing
        now = self._clock.now()
        row.open_until, row.changed_at = now + within, now
        return Standing(tries=True, struck=True, limited_until=row.limited_until)

    def peek(self, session: Session, outlet: Outlet) -> Standing:
        """The same for whoever sends nothing now, or nothing that says how the outlet does: takes no turn."""
        return self._standing(session.scalar(select(ChannelBreaker).where(_of(outlet))))

    def _standing(self, row: ChannelBreaker | None) -> Standing:
        if row is None:  # healthy, or so since a moment ago
            return Standing()
        held = row.open_until is not None and self._clock.now() < row.open_until
        return Standing(row.open_until if held else None, struck=True, limited_until=row.limited_until)

    def passed(self, session: Session, outlet: Outlet) -> bool:
        """A message got through, or was refused for its own sake. True if the breaker was open. A limit of the day
        stands all the same: the message was begun before another one met it.
        """
        over = or_(ChannelBreaker.limited_until.is_(None), ChannelBreaker.limited_until <= self._clock.now())
        gone = self._remove(session, outlet, over)
        return gone is not None and (gone.openings > 0 or gone.limited_until is not None)

    def reopen(self, session: Session, outlet: Outlet) -> datetime | None:
        """Staff say that it is well again. Until when it would have been closed to messages; None if it was not."""
        gone = self._remove(session, outlet)
        return gone.open_until if gone is not None else None

    @staticmethod
    def closed(session: Session, template: Template) -> bool:
        """Whether no platform's breaker of it stands open. Whoever lifts one waits for the end of this transaction, and
        so finds the jobs that it writes.
        """
        opened = select(ChannelBreaker.way).where(
            ChannelBreaker.template == template.value, ChannelBreaker.open_until.is_not(None)
        )
        return session.scalars(opened.with_for_update(read=True)).first() is None

    @staticmethod
    def _remove(session: Session, outlet: Outlet, *conditions: ColumnElement[bool]) -> ChannelBreaker | None:
        return session.scalar(delete(ChannelBreaker).where(_of(outlet), *conditions).returning(ChannelBreaker))

    def judge(
        self, session: Session, outlet: Outlet, standing: Standing, fault: SendFault, reason: str, *, first: bool
    ) -> Verdict:
        """In the transaction that settles a failed attempt, which was begun by ``standing``. One sick message is not a
        sick outlet: of each only the ``first`` failure counts, since it was sent or last sent again, or the one of
        whoever tries.
        """
        if fault is SendFault.LATER:
            # neither sick nor well: nothing is known until the limit is over
            until, met = self.limited(session, outlet, reason)
            return Verdict(held=until, opened=until if met else None)
        if reason in UNASKED:
            return Verdict()
        if not strikes_of(fault, reason):
            # somebody answered; it is the message's fault
            return Verdict(healed=standing.struck and self.passed(session, outlet))
        if not first and not standing.tries:
            return Verdict()
        return Verdict(opened=self.failed(session, outlet, fault, reason, tried=standing.tries))

    def failed(
        self, session: Session, outlet: Outlet, fault: SendFault, reason: str, *, tried: bool
    ) -> datetime | None:
        """Counts a failure; gives until when it is open if this one opened it. ``tried``: it was the message that
        tries.
        """
        now = self._clock.now()
        row = self._row(session, outlet, now)
        row.failures, row.reason, row.changed_at = row.failures + strikes_of(fault, reason), reason[:80], now
        standing = row.open_until is not None and now < row.open_until
        if row.failures < STRIKES or (standing and not tried):
            return None
        row.openings += 1
        row.open_until = now + PAUSES[min(row.openings, len(PAUSES)) - 1]
        return row.open_until if row.openings == 1 else None

    def limited(self, session: Session, outlet: Outlet, reason: str) -> tuple[datetime, bool]:
        """The limit of a day is reached: nothing is sent before the next one. Gives until when, and whether this
        message was the first to meet the limit.
        """
        now = self._clock.now()
        row = self._row(session, outlet, now)
        row.reason, row.changed_at = reason[:80], now
        if row.limited_until is not None and row.limited_until <= now < row.limited_until + TURN:
            row.open_until = now + TURN_PAUSE
            return row.open_until, False
        until = next_day(now)
        first = row.limited_until != until
        row.open_until = row.limited_until = until
        return until, first

    @staticmethod
    def _row(session: Session, outlet: Outlet, now: datetime) -> ChannelBreaker:
        fresh = {"failures": 0, "openings": 0, "reason": "", "changed_at": now}
        session.execute(
            insert(ChannelBreaker)
            .values(way=outlet.way, template=outlet.template, **fresh)
            .on_conflict_do_nothing(index_elements=["platform", "template"])
        )
        return session.get_one(ChannelBreaker, (outlet.way, outlet.template), with_for_update=True)

    @staticmethod
    def open_ones(session: Session, now: datetime) -> list[OpenBreaker]:
        """One whose pause is over is open until a message gets through; a limit of the day ends by itself."""
        standing = or_(
            ChannelBreaker.limited_until.is_(None),
            ChannelBreaker.open_until != ChannelBreaker.limited_until,
            ChannelBreaker.open_until > now,
        )
        query = select(ChannelBreaker).where(ChannelBreaker.open_until.is_not(None), standing)
        rows = session.scalars(query.order_by(ChannelBreaker.way, ChannelBreaker.template))
        return [
            OpenBreaker(Outlet(r.way, r.template), r.open_until, r.reason, r.open_until == r.limited_until)
            for r in rows
            if r.open_until is not None
        ]


def _of(outlet: Outlet) -> ColumnElement[bool]:
    return and_(ChannelBreaker.way == outlet.way, ChannelBreaker.template == outlet.template)
