"""Searches kept for a member of staff: one asked lies under an opaque id for some hours, a saved one has a name."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from app.actors import Actor, ActorKind
from app.db import Database, new_id
from app.envelope import DataKey, Place, open_json, seal_json
from app.errors import Conflict, FieldFault, Forbidden, Invalid, NotFound
from app.events import EventLog
from app.keyring import Keyring
from app.people.service import READERS
from app.ports import Clock
from app.retrieval import rules
from app.retrieval.models import StaffSearch
from app.retrieval.rules import Filters
from app.retrieval.views import SavedSearch


def search_place(row: StaffSearch) -> Place:
    return Place("staff_search", "sealed_search", row.id)


class KeptSearches:
    def __init__(self, db: Database, keys: Keyring, log: EventLog, clock: Clock) -> None:
        self._db, self._keys, self._log, self._clock = db, keys, log, clock

    def keep(self, actor: Actor, words: str, filters: Filters) -> UUID:
        """The id under which these words can be searched for; it stands in addresses instead of them."""
        rules.words(words)
        return self._add(actor, {"words": words.strip(), "filters": filters.given(), "name": ""}, saved=False)

    def save(self, actor: Actor, search_id: UUID, name: str, filters: Filters) -> UUID:
        """A copy with a name and the filters as they stand now. Raises NotFound, Invalid, Conflict when full."""
        kept, name = self.recall(actor, search_id), name.strip()
        if not name or len(name) > rules.MOST_NAME:
            raise Invalid("invalid_input", faults=[FieldFault("/name", "too_long" if name else "required")])
        with self._db.transaction() as session:
            held = session.scalar(
                select(func.count(StaffSearch.id)).where(StaffSearch.staff_id == actor.id, StaffSearch.saved)
            )
        if (held or 0) >= rules.MOST_SAVED:
            raise Conflict("saved_searches_full")
        return self._add(actor, {"words": kept.words, "filters": filters.given(), "name": name}, saved=True)

    def recall(self, actor: Actor, search_id: UUID) -> SavedSearch:
        """Raises NotFound for one that has expired or is somebody else's."""
        _require(actor)
        key = self._keys.house()
        with self._db.transaction() as session:
            row = session.get(StaffSearch, search_id)
        if row is None or row.staff_id != actor.id or not self._living(row):
            raise NotFound("search_not_found")
        return _view(row, key)

    def saved(self, actor: Actor) -> list[SavedSearch]:
        """Newest first."""
        _require(actor)
        key = self._keys.house()
        with self._db.transaction() as session:
            rows = session.scalars(
                select(StaffSearch)
                .where(StaffSearch.staff_id == actor.id, StaffSearch.saved)
                .order_by(StaffSearch.created_at.desc(), StaffSearch.id)
            ).all()
        return [_view(row, key) for row in rows]

    def forget(self, actor: Actor, search_id: UUID) -> None:
        """Raises NotFound."""
        _require(actor)
        with self._db.transaction() as session:
            row = session.get(StaffSearch, search_id)
            if row is None or row.staff_id != actor.id or not self._living(row):
                raise NotFound("search_not_found")
            session.delete(row)
            self._log.record(session, actor, "retrieval.search_forgotten", object_kind="search", object_id=search_id)

    # --- inside -----------------------------------------------------------------------------------------------------

    def _living(self, row: StaffSearch) -> bool:
        return row.expires_at is None or row.expires_at > self._clock.now()

    def _add(self, actor: Actor, said: dict[str, object], *, saved: bool) -> UUID:
        _require(actor)
        key, now = self._keys.house(), self._clock.now()
        row = StaffSearch(
            id=new_id(),
            staff_id=actor.id,
            saved=saved,
            created_at=now,
            expires_at=None if saved else now + rules.SEARCH_LASTS,
        )
        row.sealed_search = seal_json(key, search_place(row), said)
        with self._db.transaction() as session:
            self._clear(session, actor)
            session.add(row)
            self._log.record(
                session,
                actor,
                "retrieval.search_saved" if saved else "retrieval.search_asked",
                object_kind="search",
                object_id=row.id,
            )
        return row.id

    def _clear(self, session: Session, actor: Actor) -> None:
        session.execute(
            delete(StaffSearch).where(StaffSearch.staff_id == actor.id, StaffSearch.expires_at <= self._clock.now())
        )


def _require(actor: Actor) -> None:
    if actor.kind is not ActorKind.STAFF or not actor.has_role(*READERS):
        raise Forbidden("role_required")


def _view(row: StaffSearch, key: DataKey) -> SavedSearch:
    said = open_json(key, search_place(row), row.sealed_search)
    return SavedSearch(row.id, said["name"], said["words"], said["filters"], row.created_at)
