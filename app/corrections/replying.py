"""Saying something to the graduate without moving the ticket: the first answer, a word on how far it is."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import select

from app.actors import Actor
from app.corrections import rules
from app.corrections.book import TicketBook
from app.corrections.checking import MAX_STATEMENT, clean_text
from app.corrections.models import Ticket
from app.corrections.queues import require_desk
from app.corrections.rules import Side
from app.db import Database
from app.errors import Conflict, NotFound
from app.keyring import Keyring


class ReplyDesk:
    def __init__(self, db: Database, keys: Keyring, book: TicketBook) -> None:
        self._db, self._keys, self._book = db, keys, book

    def reply(self, actor: Actor, ticket_id: UUID, version: int, words: str) -> None:
        """Raises Invalid, NotFound, VersionMismatch, Conflict('ticket_closed'). Approvals stand: nothing is changed."""
        require_desk(actor)
        words = clean_text(words, "/text", MAX_STATEMENT)
        with self._db.transaction() as session:
            owner = session.scalar(select(Ticket.graduate_id).where(Ticket.id == ticket_id))
        if owner is None:
            raise NotFound("ticket_not_found")
        key = self._keys.of(owner)
        with self._db.transaction() as session:
            ticket = session.scalars(select(Ticket).where(Ticket.id == ticket_id).with_for_update()).one()
            self._book.check_version(ticket, version)
            if ticket.state in rules.CLOSED:
                raise Conflict("ticket_closed")
            ticket.assigned_to = ticket.assigned_to or actor.id
            self._book.say(session, key, ticket, Side.STAFF, actor, words)
            self._book.record_step(session, actor, ticket, "ticket.replied")
            self._book.flush(session)
