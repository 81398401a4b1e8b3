"""What happened to a ticket while somebody had its page open: said when their form comes too late."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import select

from app.actors import Actor, ActorKind
from app.corrections.book import TicketBook
from app.corrections.models import Ticket
from app.corrections.queues import require_desk
from app.corrections.views import StepView
from app.db import Database
from app.errors import NotFound
from app.events import Event


@dataclass(frozen=True, slots=True)
class NewsLine:
    """``who`` is a colleague's name, or empty where the step was not staff's."""

    step: StepView
    who: str
    own: bool


class TicketChanges:
    def __init__(self, db: Database, book: TicketBook) -> None:
        self._db, self._book = db, book

    def require(self, actor: Actor, ticket_id: UUID) -> None:
        """Raises NotFound for a ticket that is not there."""
        require_desk(actor)
        with self._db.transaction() as session:
            if session.scalar(select(Ticket.id).where(Ticket.id == ticket_id)) is None:
                raise NotFound("ticket_not_found")

    def since_opened(self, actor: Actor, ticket_id: UUID, *, moved: bool = False) -> Sequence[NewsLine]:
        """The steps since this person opened the page they are answering from: the opening before the present one.

        ``moved``: the ticket is known to have moved on since that page was shown. Where another window of the same
        person has shown the step already, at least the last one is told.
        """
        require_desk(actor)
        readings = select(Event.id).where(
            Event.object_kind == "ticket",
            Event.object_id == ticket_id,
            Event.type == "ticket.read",
            Event.actor_id == actor.id,
        )
        with self._db.transaction() as session:
            opened = session.scalar(readings.order_by(Event.id.desc()).offset(1).limit(1))
            if opened is None:
                return ()
            events = self._book.log.of_object(session, "ticket", ticket_id)
        steps = [e for e in events if e.type.startswith("ticket.")]
        news = [e for e in steps if e.seq > opened] or (steps[-1:] if moved else [])
        names = self._book.people.staff_names([e.actor_id for e in news if e.actor_kind is ActorKind.STAFF])
        return [
            NewsLine(
                StepView(at=e.at, type=e.type, state=str(e.data.get("state", "")), by=e.actor_kind.value),
                names.get(e.actor_id, ""),
                e.actor_id == actor.id,
            )
            for e in news
        ]
