"""Supplements (补充材料) from the graduate's side: send in, follow, take back. Staff decide in app.materials.desk."""

from __future__ import annotations

from dataclasses import dataclass, field
from uuid import UUID

from sqlalchemy import BigInteger, func, literal, select
from sqlalchemy.orm import Session

from app.actors import Actor
from app.db import Database, new_id
from app.dossiers.materials import store_sealed
from app.dossiers.models import Dossier
from app.dossiers.rows import measures
from app.dossiers.rules import MATERIAL_CLASSES, DossierState
from app.envelope import seal_bytes, seal_json
from app.errors import Conflict, FieldFault, Invalid, NotFound
from app.file_ports import DocumentCleaner
from app.keyring import Keyring
from app.materials import rules
from app.materials.book import SupplementBook, owner_filter
from app.materials.models import Supplement
from app.materials.places import facts_place, file_place, preview_place, proposal_place
from app.materials.rules import Entry, Move, State
from app.materials.views import SupplementLine, SupplementView
from app.office_time import office_date
from app.people.service import PeopleService


@dataclass(frozen=True, slots=True)
class NewSupplement:
    """What the graduate says of the file they send in."""

    class_code: str
    kind: str
    title: str = field(repr=False)
    formed_on: str
    statement: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class PreparedSupplement:
    """A cleaned file that lies sealed in the store, waiting for its row to be added."""

    row: Supplement


class SupplementService:
    def __init__(
        self, db: Database, keys: Keyring, people: PeopleService, book: SupplementBook, cleaner: DocumentCleaner
    ) -> None:
        self._db, self._keys, self._people, self._book, self._cleaner = db, keys, people, book, cleaner

    def prepare(self, actor: Actor, new: NewSupplement, data: bytes, media_type: str) -> PreparedSupplement:
        """Check, clean, seal and store, before any transaction. Raises Invalid by field, TooLarge, Conflict."""
        self._check(new)
        self._people.require_no_hold(actor.id)
        with self._db.transaction() as session:
            # asked before the file is cleaned for nothing, and again when it is added
            self._require_room(session, actor.id)
        document = self._cleaner.clean(data, media_type)
        key = self._keys.of(actor.id)
        row = Supplement(
            id=new_id(),
            graduate_id=actor.id,
            class_code=new.class_code,
            kind=new.kind,
            media_type=document.media_type,
            size=len(document.data),
            state=State.SUBMITTED,
            version=1,
            submitted_at=self._book.clock.now(),
        )
        proposal = {"title": new.title, "statement": new.statement, "formed_on": new.formed_on or None}
        row.sealed_proposal = seal_json(key, proposal_place(row.id), proposal)
        row.sealed_facts = seal_json(key, facts_place(row.id), measures(document))
        row.file_name = store_sealed(self._book.files, seal_bytes(key, file_place(row.id), document.data))
        if document.preview is not None:
            sealed = seal_bytes(key, preview_place(row.id), document.preview)
            row.preview_name = store_sealed(self._book.files, sealed)
        return PreparedSupplement(row)

    def submit(self, actor: Actor, prepared: PreparedSupplement) -> SupplementView:
        """Keep a prepared supplement. Raises Conflict (too_many_supplements, dossier_sealed)."""
        key = self._keys.of(actor.id)
        with self._db.transaction() as session:
            self._require_room(session, actor.id)
            session.add(prepared.row)
            session.flush()
            self._book.record(session, actor, prepared.row, "supplement.submitted")
            return self._book.view(prepared.row, key)

    def discard(self, prepared: PreparedSupplement) -> None:
        """Take back the files of a supplement whose row was not added."""
        self._book.files.delete(prepared.row.file_name)
        if prepared.row.preview_name is not None:
            self._book.files.delete(prepared.row.preview_name)

    def supplements(self, actor: Actor, *, before: int | None, limit: int) -> list[SupplementLine]:
        """The graduate's own, newest first; ``before`` is a serial."""
        key = self._keys.of(actor.id)
        with self._db.transaction() as session:
            query = select(Supplement).where(Supplement.graduate_id == actor.id)
            if before is not None:
                query = query.where(Supplement.serial < literal(before, BigInteger))
            rows = session.scalars(query.order_by(Supplement.serial.desc()).limit(limit))
            return [self._book.line(row, key) for row in rows]

    def supplement(self, actor: Actor, supplement_id: UUID) -> SupplementView:
        """Raises NotFound, also for somebody else's."""
        key = self._keys.of(actor.id)
        with self._db.transaction() as session:
            return self._book.view(self._own(session, actor, supplement_id), key)

    def file(self, actor: Actor, supplement_id: UUID) -> tuple[str, bytes]:
        """(media type, content) of one's own, as it was stored."""
        key = self._keys.of(actor.id)
        with self._db.transaction() as session:
            row = self._own(session, actor, supplement_id)
        return row.media_type, self._book.content(key, row)

    def withdraw(self, actor: Actor, supplement_id: UUID, version: int) -> SupplementView:
        """Raises NotFound, VersionMismatch, Conflict('move_not_allowed') once it was decided."""
        key = self._keys.of(actor.id)
        with self._db.transaction() as session:
            row = self._own(session, actor, supplement_id, lock=True)
            self._book.move(row, Move.WITHDRAW, version)
            self._book.flush(session)
            self._book.record(session, actor, row, "supplement.withdrawn")
            return self._book.view(row, key)

    # --- inside -----------------------------------------------------------------------------------------------------

    def _check(self, new: NewSupplement) -> None:
        entry = Entry(new.class_code, new.kind, new.title, new.formed_on)
        found = rules.entry_faults(entry, MATERIAL_CLASSES, office_date(self._book.clock.now()), title_required=True)
        statement = rules.text_fault(new.statement, rules.MAX_STATEMENT, required=False)
        if statement is not None:
            found["statement"] = statement
        if found:
            raise Invalid("invalid_input", faults=[FieldFault(f"/{name}", code) for name, code in found.items()])

    @staticmethod
    def _require_room(session: Session, graduate_id: UUID) -> None:
        """Under the dossier's lock, so that two uploads at once cannot both take the last place."""
        dossier = session.scalar(select(Dossier).where(Dossier.graduate_id == graduate_id).with_for_update())
        if dossier is None:
            raise NotFound("dossier_not_found")
        if dossier.state is not DossierState.OPEN:
            raise Conflict("dossier_sealed")
        waiting = session.scalar(
            select(func.count(Supplement.id)).where(
                Supplement.graduate_id == graduate_id, Supplement.state == State.SUBMITTED
            )
        )
        if (waiting or 0) >= rules.MOST_OPEN:
            raise Conflict("too_many_supplements", params={"most": rules.MOST_OPEN})

    @staticmethod
    def _own(session: Session, actor: Actor, supplement_id: UUID, *, lock: bool = False) -> Supplement:
        query = select(Supplement).where(*owner_filter(actor, supplement_id))
        row = session.scalar(query.with_for_update() if lock else query)
        if row is None:
            raise NotFound("supplement_not_found")
        return row
