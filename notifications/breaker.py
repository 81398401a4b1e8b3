"""A circuit breaker for each template of each platform, shared by all workers: it stands in PostgreSQL.

A fault of the set-up opens it at once, a run of failures of different messages as well, the platform's limit of a day
until tomorrow. While it is open nothing is sent and nothing is lost: messages wait, or stay in the inbox alone, by
their promise (notifications.delivery). When a pause is over one message tries; if it gets through everything goes on,
else the next pause is longer.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Integer, String, delete, or_, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Mapped, Session, mapped_column
from sqlalchemy.sql import ColumnElement

from app.db import Base, EnumText, UtcTime
from app.ports import Clock, Platform, SendFault
from notifications.catalogue.text import Template
from notifications.fault_actions import ACTIONS, STRIKES, next_day

PAUSES = tuple(timedelta(minutes=n) for n in (1, 2, 5, 15, 30))
TRY = timedelta(minutes=1)
"""How long the message that tries may take; whoever died over it lets the next one try."""
TURN, TURN_PAUSE = timedelta(hours=1), timedelta(minutes=10)
"""A limit that is still met so soon after its day was over is the old one, by a clock behind ours: it is tried again
after the pause and not a day later."""


class ChannelBreaker(Base):
    """A row stands for a template that did not get through the last time; there is none for a healthy one."""

    __tablename__ = "channel_breaker"

    platform: Mapped[Platform] = mapped_column(EnumText(Platform, 20), primary_key=True)
    template: Mapped[Template] = mapped_column(EnumText(Template, 20), primary_key=True)
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


@dataclass(frozen=True, slots=True)
class OpenBreaker:
    """``limited``: by the platform's limit of a day, not because anything is wrong."""

    platform: Platform
    template: Template
    until: datetime
    reason: str
    limited: bool


class Breakers:
    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def look(self, session: Session, platform: Platform, template: Template) -> Standing:
        """Before a call, in the transaction that writes its attempt. Whoever is told ``tries`` has taken that turn."""
        row = session.get(ChannelBreaker, (platform, template))
        if row is not None and row.open_until is not None:
            mine = select(ChannelBreaker).where(
                ChannelBreaker.platform == platform, ChannelBreaker.template == template
            )
            row = session.scalar(mine.with_for_update().execution_options(populate_existing=True))
        if row is None:  # healthy, or so since a moment ago
            return Standing()
        if row.open_until is None:
            return Standing(struck=True)
        now = self._clock.now()
        if now < row.open_until:
            return Standing(held_until=row.open_until, struck=True, limited_until=row.limited_until)
        row.open_until, row.changed_at = now + TRY, now
        return Standing(tries=True, struck=True, limited_until=row.limited_until)

    def passed(self, session: Session, platform: Platform, template: Template) -> bool:
        """A message got through, or was refused for its own sake. True if the breaker was open. A limit of the day
        stands all the same: the message was begun before another one met it.
        """
        over = or_(ChannelBreaker.limited_until.is_(None), ChannelBreaker.limited_until <= self._clock.now())
        gone = self._remove(session, platform, template, over)
        return gone is not None and (gone.openings > 0 or gone.limited_until is not None)

    def reopen(self, session: Session, platform: Platform, template: Template) -> datetime | None:
        """Staff say that it is well again. Until when it would have been closed to messages; None if it was not."""
        gone = self._remove(session, platform, template)
        return gone.open_until if gone is not None else None

    @staticmethod
    def closed(session: Session, template: Template) -> bool:
        """Whether no platform's breaker of it stands open. Whoever lifts one waits for the end of this transaction, and
        so finds the jobs that it writes.
        """
        opened = select(ChannelBreaker.platform).where(
            ChannelBreaker.template == template, ChannelBreaker.open_until.is_not(None)
        )
        return session.scalars(opened.with_for_update(read=True)).first() is None

    @staticmethod
    def _remove(
        session: Session, platform: Platform, template: Template, *conditions: ColumnElement[bool]
    ) -> ChannelBreaker | None:
        return session.scalar(
            delete(ChannelBreaker)
            .where(ChannelBreaker.platform == platform, ChannelBreaker.template == template, *conditions)
            .returning(ChannelBreaker)
        )

    def failed(
        self, session: Session, platform: Platform, template: Template, fault: SendFault, reason: str, *, tried: bool
    ) -> datetime | None:
        """Counts a failure; gives until when it is open if this one opened it, for staff hear of that once. ``tried``:
        it was the message that tries.
        """
        now, strikes = self._clock.now(), ACTIONS[fault].strikes
        row = self._row(session, platform, template, now)
        row.failures, row.reason, row.changed_at = row.failures + strikes, reason[:80], now
        standing = row.open_until is not None and now < row.open_until
        if row.failures < STRIKES or (standing and not tried):
            return None
        row.openings += 1
        row.open_until = now + PAUSES[min(row.openings, len(PAUSES)) - 1]
        return row.open_until if row.openings == 1 else None

    def limited(self, session: Session, platform: Platform, template: Template, reason: str) -> tuple[datetime, bool]:
        """The limit of a day is reached: nothing is sent before the platform's next day. Gives until when, and whether
        this message was the first to meet the limit, for staff hear of it once.
        """
        now = self._clock.now()
        row = self._row(session, platform, template, now)
        row.reason, row.changed_at = reason[:80], now
        if row.limited_until is not None and row.limited_until <= now < row.limited_until + TURN:
            row.open_until = now + TURN_PAUSE
            return row.open_until, False
        until = next_day(now)
        first = row.limited_until != until
        row.open_until = row.limited_until = until
        return until, first

    @staticmethod
    def _row(session: Session, platform: Platform, template: Template, now: datetime) -> ChannelBreaker:
        session.execute(
            insert(ChannelBreaker)
            .values(platform=platform, template=template, failures=0, openings=0, reason="", changed_at=now)
            .on_conflict_do_nothing(index_elements=["platform", "template"])
        )
        return session.get_one(ChannelBreaker, (platform, template), with_for_update=True)

    @staticmethod
    def open_ones(session: Session, now: datetime) -> list[OpenBreaker]:
        """One whose pause is over is open until a message gets through; a limit of the day ends by itself."""
        standing = or_(
            ChannelBreaker.limited_until.is_(None),
            ChannelBreaker.open_until != ChannelBreaker.limited_until,
            ChannelBreaker.open_until > now,
        )
        query = select(ChannelBreaker).where(ChannelBreaker.open_until.is_not(None), standing)
        rows = session.scalars(query.order_by(ChannelBreaker.platform, ChannelBreaker.template))
        return [
            OpenBreaker(r.platform, r.template, r.open_until, r.reason, r.open_until == r.limited_until)
            for r in rows
            if r.open_until is not None
        ]
