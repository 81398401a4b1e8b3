"""The one append-only log. Timeline, audit and notices all read it.

A row is written in the transaction of the change or of the read it tells of.
It holds ids and codes, never personal data.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Identity, Index, String, insert, select, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, Session, mapped_column

from app.actors import Actor, ActorKind
from app.db import Base, EnumText, UtcTime, new_id, packed_json
from app.ports import Clock

# a ticket's timeline without its readings, of which there are many more
TICKET_STEPS = "object_kind = 'ticket' and type <> 'ticket.read'"


class Event(Base):
    __tablename__ = "event"
    __table_args__ = (
        Index("ix_event_graduate", "graduate_id", "id"),
        Index("ix_event_object", "object_kind", "object_id", "id"),
        Index("ix_event_ticket_step", "object_id", "id", postgresql_where=text(TICKET_STEPS)),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    public_id: Mapped[UUID] = mapped_column(default=new_id, unique=True)
    at: Mapped[datetime] = mapped_column(UtcTime)
    type: Mapped[str] = mapped_column(String(60))
    actor_kind: Mapped[ActorKind] = mapped_column(EnumText(ActorKind, 12))
    actor_id: Mapped[UUID]
    graduate_id: Mapped[UUID | None]
    object_kind: Mapped[str] = mapped_column(String(30), default="")
    object_id: Mapped[UUID | None]
    data: Mapped[dict[str, Any]] = mapped_column(JSONB, default=dict)
    request_id: Mapped[str] = mapped_column(String(40), default="")


_APPEND = insert(Event.__table__).inline()  # type: ignore[arg-type]  # __table__ is declared as a FromClause


COPIED = (
    "public_id",
    "at",
    "type",
    "actor_kind",
    "actor_id",
    "graduate_id",
    "object_kind",
    "object_id",
    "data",
    "request_id",
)
"""The columns of ``EventLog.copied``."""


@dataclass(frozen=True, slots=True)
class EventView:
    """One line of a timeline or access log. ``data`` holds codes and ids only."""

    seq: int
    id: UUID
    at: datetime
    type: str
    actor_kind: ActorKind
    actor_id: UUID
    object_kind: str
    object_id: UUID | None
    data: Mapping[str, Any]


Listener = Callable[[Session, str, UUID | None], None]
"""Called in the transaction of the event with its type and its graduate."""


class EventLog:
    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._listeners: list[Listener] = []

    def listen(self, listener: Listener) -> None:
        """For what must follow a change whoever makes it: wiring registers, once, before anything is recorded."""
        self._listeners.append(listener)

    def record(
        self,
        session: Session,
        actor: Actor,
        kind: str,
        *,
        graduate_id: UUID | None = None,
        object_kind: str = "",
        object_id: UUID | None = None,
        data: Mapping[str, Any] | None = None,
        at: datetime | None = None,
    ) -> UUID:
        """Append in the caller's transaction; gives the event's public id. ``at``: now, unless the caller has to keep
        the very same time elsewhere.
        """
        public_id = new_id()
        # a plain INSERT: every read writes one of these, and the unit of work would cost more than the row
        session.connection().execute(
            _APPEND,
            {
                "public_id": public_id,
                "at": at or self._clock.now(),
                "type": kind,
                "actor_kind": actor.kind,
                "actor_id": actor.id,
                "graduate_id": graduate_id,
                "object_kind": object_kind,
                "object_id": object_id,
                "data": dict(data or {}),
                "request_id": actor.request_id,
            },
        )
        for listener in self._listeners:
            listener(session, kind, graduate_id)
        return public_id

    def record_many(
        self,
        session: Session,
        actor: Actor,
        kind: str,
        object_kind: str,
        about: Sequence[tuple[UUID, UUID]],
        data: Mapping[str, Any] | None = None,
    ) -> None:
        """One event for each (graduate, object) in one statement."""
        if not about:
            return
        same = {
            "at": self._clock.now(),
            "type": kind,
            "actor_kind": actor.kind,
            "actor_id": actor.id,
            "object_kind": object_kind,
            "data": dict(data or {}),
            "request_id": actor.request_id,
        }
        rows = [{**same, "public_id": new_id(), "graduate_id": g, "object_id": o} for g, o in about]
        session.connection().execute(_APPEND, rows)

    def copied(
        self,
        actor: Actor,
        kind: str,
        object_kind: str,
        about: Sequence[tuple[UUID, UUID]],
        data: Mapping[str, Any],
        ids: Iterator[UUID],
    ) -> list[tuple[Any, ...]]:
        """The same as rows of COPIED, for a cohort that is copied in; ``ids`` as app.db.new_ids gives them."""
        now, packed = self._clock.now(), packed_json(dict(data))
        who = (actor.kind.value, actor.id)
        return [(next(ids), now, kind, *who, g, object_kind, o, packed, actor.request_id) for g, o in about]

    def of_graduate(
        self,
        session: Session,
        graduate_id: UUID,
        *,
        types: Sequence[str] = (),
        before: int | None = None,
        limit: int = 50,
    ) -> list[EventView]:
        """Newest first; ``before`` is the ``seq`` of the last line of the page before."""
        query = select(Event).where(Event.graduate_id == graduate_id)
        if types:
            query = query.where(Event.type.in_(types))
        if before is not None:
            query = query.where(Event.id < before)
        return _views(session.scalars(query.order_by(Event.id.desc()).limit(limit)))

    def of_object(self, session: Session, object_kind: str, object_id: UUID) -> list[EventView]:
        """Oldest first: the timeline of one ticket or transfer, without the readings of it."""
        query = select(Event).where(
            Event.object_kind == object_kind, Event.object_id == object_id, Event.type != f"{object_kind}.read"
        )
        if object_kind == "ticket":  # literal, so that the partial index is known to fit
            query = query.where(text(TICKET_STEPS))
        return _views(session.scalars(query.order_by(Event.id).limit(500)))


def _views(rows: Iterable[Event]) -> list[EventView]:
    return [
        EventView(r.id, r.public_id, r.at, r.type, r.actor_kind, r.actor_id, r.object_kind, r.object_id, r.data)
        for r in rows
    ]
