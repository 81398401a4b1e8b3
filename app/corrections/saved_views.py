"""A list kept under a name, for oneself or for the whole desk."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from uuid import UUID

from sqlalchemy import func, or_, select

from app.actors import Actor
from app.corrections import queue_rules
from app.corrections.checking import clean_text
from app.corrections.queue_models import SavedView
from app.corrections.queues import require_desk
from app.db import Database, new_id
from app.envelope import Place, open_json, seal_json
from app.errors import Conflict, NotFound
from app.events import EventLog
from app.keyring import Keyring
from app.people.service import PeopleService
from app.ports import Clock

MOST_NAME, MOST_VIEWS, MOST_SHARED = 40, 30, 100


@dataclass(frozen=True, slots=True)
class ViewLine:
    id: UUID
    name: str = field(repr=False)
    pairs: Mapping[str, str]
    shared: bool
    own: bool
    owner: str


class SavedViews:
    def __init__(self, db: Database, keys: Keyring, people: PeopleService, log: EventLog, clock: Clock) -> None:
        self._db, self._keys, self._people, self._log, self._clock = db, keys, people, log, clock

    def save(self, actor: Actor, name: str, pairs: Mapping[str, str], *, shared: bool) -> UUID:
        """Raises Invalid for a name that is empty, too long or holds invisible signs, Conflict('views_full')."""
        require_desk(actor)
        name = clean_text(name, "/name", MOST_NAME)
        kept = queue_rules.read(pairs).pairs()
        key = self._keys.house()
        row = SavedView(id=new_id(), staff_id=actor.id, shared=shared, created_at=self._clock.now())
        row.sealed_view = seal_json(key, view_place(row), {"name": name, "pairs": kept})
        with self._db.transaction() as session:
            held = session.scalar(select(func.count(SavedView.id)).where(SavedView.staff_id == actor.id)) or 0
            if held >= MOST_VIEWS:
                raise Conflict("views_full")
            session.add(row)
            self._log.record(
                session,
                actor,
                "ticket.view_saved",
                object_kind="ticket_view",
                object_id=row.id,
                data={"shared": shared},
            )
        return row.id

    def views(self, actor: Actor) -> list[ViewLine]:
        """One's own first, then those colleagues share; oldest first, for a list of places must not jump about."""
        require_desk(actor)
        key = self._keys.house()
        with self._db.transaction() as session:
            rows = session.scalars(
                select(SavedView)
                .where(or_(SavedView.staff_id == actor.id, SavedView.shared))
                .order_by(SavedView.staff_id != actor.id, SavedView.created_at, SavedView.id)
                .limit(MOST_VIEWS + MOST_SHARED)
            ).all()
        names = self._people.staff_names([r.staff_id for r in rows if r.staff_id != actor.id]) if rows else {}
        found = []
        for row in rows:
            said = open_json(key, view_place(row), row.sealed_view)
            own = row.staff_id == actor.id
            found.append(ViewLine(row.id, said["name"], said["pairs"], row.shared, own, names.get(row.staff_id, "")))
        return found

    def forget(self, actor: Actor, view_id: UUID) -> None:
        """One's own only. Raises NotFound."""
        require_desk(actor)
        with self._db.transaction() as session:
            row = session.get(SavedView, view_id)
            if row is None or row.staff_id != actor.id:
                raise NotFound("view_not_found")
            session.delete(row)
            self._log.record(session, actor, "ticket.view_forgotten", object_kind="ticket_view", object_id=view_id)


def view_place(row: SavedView) -> Place:
    return Place("ticket_view", "sealed_view", row.id)
