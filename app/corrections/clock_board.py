"""What the clocks have to say to one member of staff: the in-app notice on the first page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from sqlalchemy import ColumnElement, and_, func, or_, select

from app.actors import Actor, ActorKind, Role
from app.corrections.book import TicketBook, ticket_number
from app.corrections.clock_watch import IS_OPEN
from app.corrections.clock_words import ANSWER_SOON_DAYS, SOON_DAYS, Said, pressing_words
from app.corrections.models import Ticket
from app.corrections.queue_sql import worked_by
from app.corrections.rules import Side
from app.db import Database
from app.errors import Forbidden
from app.office_time import office_date
from app.people.absences import stood_in_for

MOST = 8
HANDLERS = (Role.ARCHIVIST, Role.REVIEWER)
OVERSEERS = (Role.REVIEWER, Role.ADMINISTRATOR)


@dataclass(frozen=True, slots=True)
class ClockNotice:
    """One ticket and what presses; no name and no content."""

    id: UUID
    number: str
    kind_label: str
    said: Said
    escalated: bool
    stands_in: bool = False


@dataclass(frozen=True, slots=True)
class ClockNotices:
    """``mine``: one's own tickets, and an absent colleague's, that are due soon or late. ``escalated`` and
    ``unassigned``: how many stand open overdue, and how many of them nobody works; None for whom it does not concern.
    """

    mine: Sequence[ClockNotice] = ()
    escalated: int | None = None
    unassigned: int | None = None

    @property
    def anything(self) -> bool:
        return bool(self.mine or self.escalated)


class ClockBoard:
    def __init__(self, db: Database, book: TicketBook) -> None:
        self._db, self._book = db, book

    def notices(self, actor: Actor) -> ClockNotices:
        """Raises Forbidden to anybody but staff; whoever works or oversees no tickets gets an empty answer."""
        if actor.kind is not ActorKind.STAFF:
            raise Forbidden("role_required")
        now = self._book.clock.now()
        with self._db.transaction() as session:
            mine: tuple[ClockNotice, ...] = ()
            if actor.has_role(*HANDLERS):
                absent = stood_in_for(session, actor.id, office_date(now))
                rows = session.scalars(
                    select(Ticket)
                    .where(IS_OPEN, worked_by([actor.id, *absent]), self._presses(office_date(now)))
                    .order_by(Ticket.presses_on, Ticket.serial)
                    .limit(MOST)
                ).all()
                mine = tuple(self._notice(t, t.assigned_to in absent) for t in rows)
            if not actor.has_role(*OVERSEERS):
                return ClockNotices(mine)
            late, unassigned = session.execute(
                select(func.count(), func.count().filter(Ticket.assigned_to.is_(None))).where(
                    IS_OPEN, Ticket.stopped_at.is_(None), Ticket.escalated_at.is_not(None)
                )
            ).one()
        return ClockNotices(mine, late, unassigned)

    def _presses(self, today: date) -> ColumnElement[bool]:
        calendar = self._book.clocks.calendar
        return and_(
            Ticket.stopped_at.is_(None),
            or_(
                Ticket.decide_by <= calendar.add(today, SOON_DAYS),
                and_(Ticket.answered_at.is_(None), Ticket.answer_by <= calendar.add(today, ANSWER_SOON_DAYS)),
            ),
        )

    def _notice(self, ticket: Ticket, stands_in: bool) -> ClockNotice:
        line = self._book.line(ticket, self._book.clock.now())
        said = pressing_words(line.clock, Side.STAFF)
        return ClockNotice(ticket.id, ticket_number(ticket), line.kind_label, said, line.clock.escalated, stands_in)
