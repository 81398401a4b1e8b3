"""Supplements at the desk: the queue, one supplement with its file, accept it into the dossier or give it back."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.actors import Actor, ActorKind, Role
from app.db import Database
from app.dossiers import class_map
from app.dossiers.incoming import NewMaterial
from app.dossiers.materials import MaterialFiling
from app.dossiers.rules import MATERIAL_CLASSES, Source
from app.envelope import DataKey, seal_json
from app.errors import Conflict, DomainError, FieldFault, Forbidden, Invalid, NotFound, Unavailable, VersionMismatch
from app.file_ports import CleanDocument
from app.keyring import Keyring
from app.materials import rules
from app.materials.book import SupplementBook
from app.materials.models import Supplement
from app.materials.places import answer_place
from app.materials.rules import Entry, Move, State
from app.materials.views import SupplementLine, SupplementView
from app.office_time import office_date
from app.people.service import PeopleService

DESK_ROLES = (Role.ARCHIVIST, Role.REVIEWER)
READ_FOR = "review"
"""The purpose on record of every opening here: a supplement is opened to be reviewed."""


class SupplementDesk:
    def __init__(
        self, db: Database, keys: Keyring, people: PeopleService, filing: MaterialFiling, book: SupplementBook
    ) -> None:
        self._db, self._keys, self._people, self._filing, self._book = db, keys, people, filing, book

    def queue(
        self,
        actor: Actor,
        *,
        state: State = State.SUBMITTED,
        class_code: str | None = None,
        offset: int = 0,
        limit: int = 20,
    ) -> tuple[list[SupplementLine], int]:
        """(lines, total): the waiting ones oldest first, the others newest first."""
        self._require_desk(actor)
        query = select(Supplement).where(Supplement.state == state)
        if class_code is not None:
            query = query.where(Supplement.class_code == class_code)
        order = Supplement.serial if state is State.SUBMITTED else Supplement.serial.desc()
        with self._db.transaction() as session:
            total = session.scalar(select(func.count()).select_from(query.subquery())) or 0
            rows = session.scalars(query.order_by(order).offset(offset).limit(limit)).all()
            return self._lines(session, rows), total

    def waiting(self, actor: Actor) -> int:
        self._require_desk(actor)
        with self._db.transaction() as session:
            return session.scalar(select(func.count(Supplement.id)).where(Supplement.state == State.SUBMITTED)) or 0

    def supplement(self, actor: Actor, supplement_id: UUID) -> SupplementView:
        """One supplement; ``twin`` says whether the same content is filed already. The opening is recorded."""
        key = self._key(actor, supplement_id)
        with self._db.transaction() as session:
            row = session.get_one(Supplement, supplement_id)
            self._book.record(session, actor, row, "supplement.read", part="page", purpose=READ_FOR)
            sha256 = str(self._book.facts(key, row)["sha256"])
            twin = self._filing.twin_of(session, row.graduate_id, sha256) if row.state is State.SUBMITTED else ""
            return self._book.view(row, key, self._name(row.graduate_id), twin)

    def file(self, actor: Actor, supplement_id: UUID) -> tuple[str, bytes]:
        """(media type, content); the opening is recorded."""
        key = self._key(actor, supplement_id)
        row = self._opened(actor, supplement_id, "file")
        return row.media_type, self._book.content(key, row)

    def preview(self, actor: Actor, supplement_id: UUID) -> bytes:
        """The first page as a small JPEG. Raises NotFound where there is none."""
        key = self._key(actor, supplement_id)
        found = self._book.preview(key, self._opened(actor, supplement_id, "preview"))
        if found is None:
            raise NotFound("material_file_not_shown")
        return found

    def accept(
        self, actor: Actor, supplement_id: UUID, version: int, entry: Entry, *, allow_same: bool = False
    ) -> SupplementView:
        """Make it a material of the dossier, as ``entry`` says; change and file in one transaction.

        Raises Invalid by field, VersionMismatch, Conflict (move_not_allowed, dossier_sealed, material_same_here).
        """
        found = rules.entry_faults(entry, MATERIAL_CLASSES, office_date(self._book.clock.now()), title_required=True)
        if found:
            raise Invalid("invalid_input", faults=[FieldFault(f"/{name}", code) for name, code in found.items()])
        key = self._key(actor, supplement_id)
        with self._db.transaction() as session:
            row = session.get_one(Supplement, supplement_id)
        if row.version != version or row.state is not State.SUBMITTED:
            self._book.move(row, Move.ACCEPT, version)  # says why not, before the file is sealed anew for nothing
        prepared = self._filing.prepare(row.graduate_id, self._material(key, row, entry))
        try:
            with self._db.transaction() as session:
                row = self._locked(session, supplement_id)
                self._book.move(row, Move.ACCEPT, version)
                if self._filing.twin(session, prepared) == "here" and not allow_same:
                    raise Conflict("material_same_here")
                row.material_id = self._filing.add(
                    session, actor, prepared, source=Source.STAFF, source_id=supplement_id
                )
                return self._decided(session, actor, key, row, material_id=str(row.material_id))
        except Unavailable:
            raise  # the commit may have happened: an orphan is better than a material without its content
        except DomainError:
            self._filing.discard(prepared)
            raise

    def give_back(self, actor: Actor, supplement_id: UUID, version: int, reason: str, words: str) -> SupplementView:
        """Return it with a reason and words the graduate reads. Raises Invalid by field, VersionMismatch, Conflict."""
        faults = [FieldFault("/reason", "unknown_reason")] if reason not in rules.RETURN_REASONS else []
        fault = rules.text_fault(words, rules.MAX_STATEMENT)
        if faults or fault is not None:
            more = [FieldFault("/words", fault)] if fault is not None else []
            raise Invalid("invalid_input", faults=[*faults, *more])
        key = self._key(actor, supplement_id)
        with self._db.transaction() as session:
            row = self._locked(session, supplement_id)
            self._book.move(row, Move.RETURN, version)
            row.reason_code = reason
            row.sealed_answer = seal_json(key, answer_place(row.id), {"words": words})
            return self._decided(session, actor, key, row, reason=reason)

    # --- inside -----------------------------------------------------------------------------------------------------

    @staticmethod
    def _require_desk(actor: Actor) -> None:
        if actor.kind is not ActorKind.STAFF or not actor.has_role(*DESK_ROLES):
            raise Forbidden("role_required")

    def _key(self, actor: Actor, supplement_id: UUID) -> DataKey:
        """The owner's key, for staff of the desk only, before the transaction opens."""
        self._require_desk(actor)
        with self._db.transaction() as session:
            owner = session.scalar(select(Supplement.graduate_id).where(Supplement.id == supplement_id))
        if owner is None:
            raise NotFound("supplement_not_found")
        return self._keys.of(owner)

    def _name(self, graduate_id: UUID) -> str:
        return self._people.names([graduate_id]).get(graduate_id, "")

    def _lines(self, session: Session, rows: Sequence[Supplement]) -> list[SupplementLine]:
        owners = [r.graduate_id for r in rows]
        names, keys = self._people.names(owners), self._keys.many(session, owners)
        return [self._book.line(r, keys[r.graduate_id], names.get(r.graduate_id, "")) for r in rows]

    def _opened(self, actor: Actor, supplement_id: UUID, part: str) -> Supplement:
        with self._db.transaction() as session:
            row = session.get_one(Supplement, supplement_id)
            self._book.record(session, actor, row, "supplement.read", part=part, purpose=READ_FOR)
        return row

    @staticmethod
    def _locked(session: Session, supplement_id: UUID) -> Supplement:
        row = session.get(Supplement, supplement_id, with_for_update=True, populate_existing=True)
        if row is None:
            raise VersionMismatch("supplement_changed")
        return row

    def _material(self, key: DataKey, row: Supplement, entry: Entry) -> NewMaterial:
        """What was sent in, as a document to be sealed under its material: the bytes stay those that were cleaned."""
        facts = self._book.facts(key, row)
        document = CleanDocument(
            row.media_type,
            self._book.content(key, row),
            int(facts.get("pages", 1)),
            facts.get("width"),
            facts.get("height"),
            facts.get("dpi"),
            self._book.preview(key, row),
        )
        counted = document.pages if row.media_type != "application/ofd" else None
        return NewMaterial(
            entry.class_code,
            class_map.classify(entry.title, entry.class_code, entry.kind),
            entry.title,
            entry.formed_on or None,
            entry.pages if entry.pages is not None else counted,
            entry.remark or None,
            document,
        )

    def _decided(self, session: Session, actor: Actor, key: DataKey, row: Supplement, **data: str) -> SupplementView:
        row.decided_by = actor.id
        self._book.flush(session)
        self._book.record(session, actor, row, "supplement.decided", **data)
        return self._book.view(row, key, self._name(row.graduate_id))
