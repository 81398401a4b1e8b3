"""What every act of the desk on one ticket shares: the role, the owner's key, the lock, the step and the view."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.actors import Actor, ActorKind, Role
from app.corrections.book import TicketBook
from app.corrections.models import Ticket
from app.corrections.views import TicketView
from app.db import Database
from app.dossiers.filing import FilingService
from app.envelope import DataKey
from app.errors import Forbidden, NotFound
from app.file_ports import DocumentCleaner, FileStore
from app.keyring import Keyring

DESK_ROLES = (Role.ARCHIVIST, Role.REVIEWER)


class Handling:
    def __init__(
        self,
        db: Database,
        keys: Keyring,
        filing: FilingService,
        book: TicketBook,
        files: FileStore,
        cleaner: DocumentCleaner,
    ) -> None:
        self._db, self._keys, self._filing, self._book = db, keys, filing, book
        self._files, self._cleaner = files, cleaner

    @staticmethod
    def _require_desk(actor: Actor) -> None:
        if actor.kind is not ActorKind.STAFF or not actor.has_role(*DESK_ROLES):
            raise Forbidden("role_required")

    def _key(self, actor: Actor, ticket_id: UUID) -> DataKey:
        """The owner's key, for staff of the desk only, before the transaction opens."""
        self._require_desk(actor)
        with self._db.transaction() as session:
            owner = session.scalar(select(Ticket.graduate_id).where(Ticket.id == ticket_id))
        if owner is None:
            raise NotFound("ticket_not_found")
        return self._keys.of(owner)

    def _locked(self, session: Session, ticket_id: UUID, version: int) -> Ticket:
        ticket = session.scalars(select(Ticket).where(Ticket.id == ticket_id).with_for_update()).one()
        self._book.check_version(ticket, version)
        return ticket

    def _done(self, session: Session, actor: Actor, key: DataKey, ticket: Ticket, step: str, **data: Any) -> TicketView:
        self._book.record_step(session, actor, ticket, step, **data)
        self._book.flush_open(session)
        return self._view(session, actor, key, ticket)

    def _view(self, session: Session, actor: Actor, key: DataKey, ticket: Ticket) -> TicketView:
        if ticket.record_id is None:
            return self._book.view(session, actor, key, ticket)
        _, version, current = self._filing.current_body(ticket.graduate_id, ticket.record_id)
        return self._book.view(session, actor, key, ticket, current, version)
