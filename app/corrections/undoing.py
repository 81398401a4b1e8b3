"""Taking back the last safe act on a ticket: a real move the other way, in the log like every other, for ten seconds.

Safe is what nobody outside the desk has been told of: who works the ticket, and whether it has been taken up.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.actors import Actor, ActorKind, Role
from app.corrections.book import TicketBook
from app.corrections.models import Ticket
from app.corrections.rules import CLOSED, State
from app.corrections.views import TicketView
from app.db import Database
from app.errors import Conflict, Forbidden, NotFound
from app.events import EventView

UNDO_SECONDS = 10
# the way of the page to the reader and of the click back
GRACE = timedelta(seconds=5)
WORKERS = (Role.ARCHIVIST, Role.REVIEWER)


@dataclass(frozen=True, slots=True)
class Inverse:
    """``state`` is where the ticket goes back to, None where the act did not move it. ``own``: whoever acted had it."""

    label: str
    state: State | None
    own: bool = False


INVERSES: Mapping[str, Inverse] = {
    "ticket.taken": Inverse("受理", State.SUBMITTED),
    "ticket.released": Inverse("退回待办", State.IN_REVIEW, own=True),
    "ticket.assigned": Inverse("分派", None),
    "ticket.unassigned": Inverse("取消分派", None),
}


@dataclass(frozen=True, slots=True)
class Undoable:
    """What may be taken back now, and on which version of the ticket."""

    label: str
    version: int
    seconds_left: int


class UndoService:
    def __init__(self, db: Database, book: TicketBook) -> None:
        self._db, self._book = db, book

    def offer(self, actor: Actor, shown: TicketView) -> Undoable | None:
        """The reader's own last act, while it is fresh. Raises NotFound, Forbidden."""
        _require(actor)
        fresh = timedelta(seconds=UNDO_SECONDS)
        if not shown.timeline or self._book.clock.now() - shown.timeline[-1].at > fresh:
            return None
        with self._db.transaction() as session:
            ticket = session.get(Ticket, shown.line.id)
            if ticket is None:
                raise NotFound("ticket_not_found")
            last = self._last(session, ticket)
            if self._refusal(actor, ticket, last) is not None or last is None:
                return None
            left = fresh - (self._book.clock.now() - last.at)
            if left <= timedelta(0):
                return None
            return Undoable(INVERSES[last.type].label, ticket.version, max(1, round(left.total_seconds())))

    def undo(self, actor: Actor, ticket_id: UUID, version: int) -> None:
        """Raises NotFound, VersionMismatch, Conflict('nothing_to_undo' or 'undo_too_late')."""
        _require(actor)
        with self._db.transaction() as session:
            ticket = session.scalar(select(Ticket).where(Ticket.id == ticket_id).with_for_update())
            if ticket is None:
                raise NotFound("ticket_not_found")
            self._book.check_version(ticket, version)
            last = self._last(session, ticket)
            code = self._refusal(actor, ticket, last)
            if code is not None or last is None:
                raise Conflict(code or "nothing_to_undo")
            inverse = INVERSES[last.type]
            before = str(last.data.get("before") or (actor.id if inverse.own else ""))
            ticket.state = inverse.state or ticket.state
            ticket.assigned_to = UUID(before) if before else None
            self._book.record_step(session, actor, ticket, "ticket.undone", undid=last.type, to=before)
            self._book.flush(session)

    def _last(self, session: Session, ticket: Ticket) -> EventView | None:
        steps = [e for e in self._book.log.of_object(session, "ticket", ticket.id) if e.type.startswith("ticket.")]
        return steps[-1] if steps else None

    def _refusal(self, actor: Actor, ticket: Ticket, last: EventView | None) -> str | None:
        if last is None or last.type not in INVERSES or last.actor_id != actor.id or ticket.state in CLOSED:
            return "nothing_to_undo"
        if last.data.get("state") != ticket.state.value:
            return "nothing_to_undo"
        late = self._book.clock.now() - last.at > timedelta(seconds=UNDO_SECONDS) + GRACE
        return "undo_too_late" if late else None


def _require(actor: Actor) -> None:
    if actor.kind is not ActorKind.STAFF or not actor.has_role(*WORKERS):
        raise Forbidden("role_required")
