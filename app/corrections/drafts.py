"""What staff have typed on a ticket and not sent yet: kept for a week, for the one who typed it, sealed as the
graduate's data.

A draft is nobody's act: it moves nothing, is told to nobody and stands in no log.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import ForeignKey, LargeBinary, String, UniqueConstraint, delete, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Mapped, mapped_column

from app.actors import Actor, ActorKind, Role
from app.corrections.models import Ticket
from app.db import Base, Database, UtcTime, new_id
from app.envelope import Place, open_json, seal_json
from app.errors import FieldFault, Forbidden, Invalid, NotFound
from app.keyring import Keyring
from app.ports import Clock

DRAFT_LIFE = timedelta(days=7)
MOST_FIELDS, MOST_CHARACTERS, MOST_NAME = 60, 40_000, 20
WRITERS = (Role.ARCHIVIST, Role.REVIEWER)


class TicketDraft(Base):
    """``spent_key`` names the form that was sent last: what its page still saves afterwards is not kept.
    ``sealed_text`` is None once sent."""

    __tablename__ = "ticket_draft"
    __table_args__ = (UniqueConstraint("staff_id", "ticket_id", "form"),)

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    staff_id: Mapped[UUID] = mapped_column(ForeignKey("staff_member.id"))
    ticket_id: Mapped[UUID] = mapped_column(ForeignKey("ticket.id"), index=True)
    form: Mapped[str] = mapped_column(String(MOST_NAME))
    spent_key: Mapped[UUID | None]
    sealed_text: Mapped[bytes | None] = mapped_column(LargeBinary)
    saved_at: Mapped[datetime] = mapped_column(UtcTime, index=True)


@dataclass(frozen=True, slots=True)
class DraftView:
    fields: Mapping[str, str] = field(repr=False)
    saved_at: datetime


def draft_place(row: TicketDraft) -> Place:
    return Place("ticket_draft", "sealed_text", row.id)


class DraftService:
    def __init__(self, db: Database, keys: Keyring, clock: Clock) -> None:
        self._db, self._keys, self._clock = db, keys, clock

    def save(self, actor: Actor, ticket_id: UUID, form: str, page_key: UUID, fields: Mapping[str, str]) -> datetime:
        """Keep what stands in the form now, in place of what was kept before; gives the time of it.

        ``page_key`` names the showing of the form: one that was sent already keeps nothing more.
        Raises Invalid('too_long') by size, NotFound for an absent ticket.
        """
        owner = self._owner(actor, ticket_id)
        _check_size(form, fields)
        key, now = self._keys.of(owner), self._clock.now()
        place = (TicketDraft.staff_id == actor.id, TicketDraft.ticket_id == ticket_id, TicketDraft.form == form)
        with self._db.transaction() as session:
            fresh = {"id": new_id(), "staff_id": actor.id, "ticket_id": ticket_id, "form": form, "saved_at": now}
            session.execute(insert(TicketDraft).values(fresh).on_conflict_do_nothing())
            row = session.scalars(select(TicketDraft).where(*place).with_for_update()).one()
            if row.spent_key != page_key:
                row.sealed_text = (
                    seal_json(key, draft_place(row), dict(fields)) if any(v.strip() for v in fields.values()) else None
                )
                row.saved_at = now
        return now

    def of_ticket(self, actor: Actor, ticket_id: UUID) -> dict[str, DraftView]:
        """This person's drafts by form; none for an absent ticket."""
        _require_writer(actor)
        with self._db.transaction() as session:
            rows = session.scalars(
                select(TicketDraft).where(
                    TicketDraft.staff_id == actor.id,
                    TicketDraft.ticket_id == ticket_id,
                    TicketDraft.sealed_text.is_not(None),
                    TicketDraft.saved_at > self._clock.now() - DRAFT_LIFE,
                )
            ).all()
        if not rows:
            return {}
        key = self._keys.of(self._owner(actor, ticket_id))
        return {
            r.form: DraftView(open_json(key, draft_place(r), r.sealed_text), r.saved_at)
            for r in rows
            if r.sealed_text is not None
        }

    def spend(self, actor: Actor, ticket_id: UUID, form: str, page_key: UUID) -> None:
        """The form was sent: forget its text, and what this showing of it may still save. Raises as ``save`` does."""
        self._owner(actor, ticket_id)
        _check_size(form, {})
        sent = {"spent_key": page_key, "sealed_text": None, "saved_at": self._clock.now()}
        row = {"id": new_id(), "staff_id": actor.id, "ticket_id": ticket_id, "form": form, **sent}
        statement = insert(TicketDraft).values(row)
        with self._db.transaction() as session:
            session.execute(
                statement.on_conflict_do_update(index_elements=["staff_id", "ticket_id", "form"], set_=sent)
            )

    def forget(self, actor: Actor, ticket_id: UUID, form: str) -> None:
        """Give up what stands in the form. Raises NotFound for an absent ticket."""
        self._owner(actor, ticket_id)
        place = (TicketDraft.staff_id == actor.id, TicketDraft.ticket_id == ticket_id, TicketDraft.form == form)
        with self._db.transaction() as session:
            session.execute(update(TicketDraft).where(*place).values(sealed_text=None))

    def sweep(self) -> int:
        """Forget what is older than a week; gives how many."""
        limit = self._clock.now() - DRAFT_LIFE
        with self._db.transaction() as session:
            gone = session.scalars(delete(TicketDraft).where(TicketDraft.saved_at < limit).returning(TicketDraft.id))
            return len(gone.all())

    def _owner(self, actor: Actor, ticket_id: UUID) -> UUID:
        _require_writer(actor)
        with self._db.transaction() as session:
            owner = session.scalar(select(Ticket.graduate_id).where(Ticket.id == ticket_id))
        if owner is None:
            raise NotFound("ticket_not_found")
        return owner


def _require_writer(actor: Actor) -> None:
    if actor.kind is not ActorKind.STAFF or not actor.has_role(*WRITERS):
        raise Forbidden("role_required")


def _check_size(form: str, fields: Mapping[str, str]) -> None:
    if not form or len(form) > MOST_NAME:
        raise Invalid("invalid_input", faults=[FieldFault("/draft", "too_long" if form else "required")])
    if len(fields) > MOST_FIELDS or sum(len(k) + len(v) for k, v in fields.items()) > MOST_CHARACTERS:
        raise Invalid("invalid_input", faults=[FieldFault("/text", "too_long")])
