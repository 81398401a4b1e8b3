"""The desk's lists: queues with counts, filters, pages that cost the same at any depth, and the list as a table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.orm import Session, defer

from app.actors import Actor, ActorKind, Role
from app.corrections import queue_sql
from app.corrections.book import TicketBook
from app.corrections.models import OPEN, Ticket
from app.corrections.queue_models import CollegeDuty
from app.corrections.queue_rules import PAGE_SIZE, Cursor, Queue, Wanted
from app.corrections.views import TicketLine
from app.db import Database
from app.errors import Forbidden
from app.office_time import office_date
from app.people.absences import stood_in_for
from app.people.models import StaffMember

DESK_ROLES = (Role.ARCHIVIST, Role.REVIEWER)
EXPORT_MOST = 5000
_CHUNK = 250
# from one college to the next along the index, instead of reading every open ticket
_COLLEGES = text(
    "with recursive c(college) as ((select college from ticket where :open order by college limit 1) union all"
    " select (select t.college from ticket t where :open and t.college > c.college order by t.college limit 1)"
    " from c where c.college is not null) select college from c where college <> ''".replace(":open", OPEN)
)


@dataclass(frozen=True, slots=True)
class QueueLine:
    line: TicketLine
    college: str
    touched_at: datetime
    decided_at: datetime | None


@dataclass(frozen=True, slots=True)
class QueuePage:
    """``previous`` and ``following``: where to go on, or None at an end."""

    lines: Sequence[QueueLine]
    previous: Cursor | None
    following: Cursor | None


def require_desk(actor: Actor) -> None:
    """Raises Forbidden('role_required')."""
    if actor.kind is not ActorKind.STAFF or not actor.has_role(*DESK_ROLES):
        raise Forbidden("role_required")


def colleges_of(session: Session, staff_id: UUID) -> list[str]:
    query = select(CollegeDuty.college).where(CollegeDuty.staff_id == staff_id)
    return list(session.scalars(query.order_by(CollegeDuty.college)))


class TicketQueues:
    def __init__(self, db: Database, book: TicketBook) -> None:
        self._db, self._book = db, book

    def page(self, actor: Actor, wanted: Wanted, limit: int = PAGE_SIZE) -> QueuePage:
        """One page of a list; names are masked."""
        require_desk(actor)
        with self._db.transaction() as session:
            return self._page(session, actor, wanted, limit)

    def counts(self, actor: Actor) -> dict[Queue, int]:
        """How many tickets each queue holds, counted up to COUNT_MOST."""
        require_desk(actor)
        today = office_date(self._book.clock.now())
        with self._db.transaction() as session:
            colleges = colleges_of(session, actor.id)
            workers = [actor.id, *stood_in_for(session, actor.id, today)]
            return queue_sql.counts(session, workers, colleges, today, self._book.clocks.calendar)

    def colleges(self, actor: Actor) -> list[str]:
        """Those that have open tickets, for the filter."""
        require_desk(actor)
        with self._db.transaction() as session:
            return [row[0] for row in session.execute(_COLLEGES)]

    def handlers(self, actor: Actor) -> list[tuple[UUID, str]]:
        """Who may work a ticket: open accounts of the desk, by name."""
        require_desk(actor)
        with self._db.transaction() as session:
            return members(session)

    def export(self, actor: Actor, wanted: Wanted) -> list[QueueLine]:
        """The list from its beginning, at most EXPORT_MOST lines, masked as on the page. It is recorded."""
        require_desk(actor)
        found: list[QueueLine] = []
        with self._db.transaction() as session:
            for page in self._pages(session, actor, wanted):
                found += page.lines
            data = {"lines": len(found), "queue": wanted.queue.value}
            self._book.log.record(session, actor, "ticket.list_exported", object_kind="ticket_list", data=data)
        return found[:EXPORT_MOST]

    # --- inside -------------------------------------------------------------------------------------------------------

    def _pages(self, session: Session, actor: Actor, wanted: Wanted) -> Iterator[QueuePage]:
        place: Cursor | None = None
        for _ in range(EXPORT_MOST // _CHUNK):
            page = self._page(session, actor, replace(wanted, cursor=place), _CHUNK)
            yield page
            place = page.following
            if place is None:
                return

    def _page(self, session: Session, actor: Actor, wanted: Wanted, limit: int) -> QueuePage:
        now = self._book.clock.now()
        colleges = colleges_of(session, actor.id) if wanted.queue is Queue.TEAM else []
        today = office_date(now)
        # read for this list alone: elsewhere a ticket is its handler's
        absent = stood_in_for(session, actor.id, today) if wanted.queue is Queue.MINE else []
        met = queue_sql.conditions(wanted, [actor.id, *absent], colleges, today, self._book.clocks.calendar)
        query = select(Ticket).where(*met).options(defer(Ticket.sealed_claim))
        rows = list(session.scalars(queue_sql.placed(query, wanted).limit(limit + 1)))
        more, rows = len(rows) > limit, rows[:limit]
        backward = wanted.cursor is not None and not wanted.cursor.forward
        if backward:
            rows.reverse()
        before, after = (more, True) if backward else (wanted.cursor is not None, more)
        names = self._book.people.names([t.graduate_id for t in rows])
        order = wanted.sorted_by
        return QueuePage(
            [
                QueueLine(
                    self._book.line(t, now, names.get(t.graduate_id, ""), absent),
                    t.college,
                    t.touched_at,
                    t.decided_at,
                )
                for t in rows
            ],
            queue_sql.cursor_at(order, rows[0], forward=False) if rows and before else None,
            queue_sql.cursor_at(order, rows[-1], forward=True) if rows and after else None,
        )


def members(session: Session) -> list[tuple[UUID, str]]:
    """Open accounts with a role of the desk: (id, name), by name."""
    wanted = [r.value for r in DESK_ROLES]
    rows = session.execute(
        select(StaffMember.id, StaffMember.display_name)
        .where(StaffMember.disabled_at.is_(None), StaffMember.roles.overlap(wanted))
        .order_by(StaffMember.display_name, StaffMember.id)
    )
    return [(row.id, row.display_name) for row in rows]
