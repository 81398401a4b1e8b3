"""Lines for one member of staff in the console: what was done to their account, and what they are asked to do."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from app.actors import Actor
from app.db import Database, new_id
from app.errors import NotFound
from app.people.models import StaffNotice
from app.ports import Clock


@dataclass(frozen=True, slots=True)
class StaffNoticeView:
    """``code`` is a word of the console's catalogue; ``object_id`` what it is about."""

    id: UUID
    code: str
    object_id: UUID | None
    at: datetime


class StaffNotices:
    def __init__(self, db: Database, clock: Clock) -> None:
        self._db, self._clock = db, clock

    def tell(self, session: Session, staff_id: UUID, code: str, object_id: UUID | None = None) -> None:
        """In the transaction of what it tells of."""
        session.add(StaffNotice(id=new_id(), staff_id=staff_id, code=code, object_id=object_id, at=self._clock.now()))
        session.flush()

    def unread(self, actor: Actor) -> list[StaffNoticeView]:
        """Newest first."""
        query = select(StaffNotice).where(StaffNotice.staff_id == actor.id, StaffNotice.read_at.is_(None))
        with self._db.transaction() as session:
            rows = session.scalars(query.order_by(StaffNotice.at.desc(), StaffNotice.id).limit(50))
            return [StaffNoticeView(r.id, r.code, r.object_id, r.at) for r in rows]

    def read(self, actor: Actor, notice_id: UUID) -> None:
        """Raises NotFound for another's."""
        with self._db.transaction() as session:
            found = session.scalar(
                update(StaffNotice)
                .where(StaffNotice.id == notice_id, StaffNotice.staff_id == actor.id)
                .values(read_at=self._clock.now())
                .returning(StaffNotice.id)
            )
            if found is None:
                raise NotFound("notice_not_found")
