"""Scans filed by staff: several at once as new materials, or one as a new version of a material.

Each file stands for itself: one that is refused does not hold up the others. The form's token makes a second submit of
the same form give the first one's outcome.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import UUID

from pydantic import TypeAdapter
from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from app.actors import Actor, ActorKind, Role
from app.db import Database
from app.dossiers import class_map
from app.dossiers.incoming import NewMaterial
from app.dossiers.materials import MaterialFiling, PreparedMaterial
from app.dossiers.models import Dossier, Material
from app.dossiers.rows import measures
from app.dossiers.rules import MATERIAL_CLASSES
from app.envelope import DataKey, open_json, seal_json
from app.errors import Conflict, DomainError, FieldFault, Forbidden, Invalid, NotFound, TooLarge, Unavailable
from app.file_ports import CleanDocument, DocumentCleaner
from app.keyring import Keyring
from app.materials import rules
from app.materials.models import ScanUpload
from app.materials.places import outcome_place
from app.materials.rules import Entry
from app.materials.views import UploadLine, UploadView
from app.office_time import office_date
from app.ports import Clock

SAME_HERE = "material_same_here"
_LINE = TypeAdapter(UploadLine)


@dataclass(frozen=True, slots=True)
class ScanFile:
    """A file as the form sent it."""

    name: str = field(repr=False)
    data: bytes = field(repr=False)
    media_type: str = ""


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A file on its way in: refused with a code, or prepared."""

    name: str = field(repr=False)
    code: str = ""
    prepared: PreparedMaterial | None = None


class ScanService:
    def __init__(
        self, db: Database, keys: Keyring, filing: MaterialFiling, cleaner: DocumentCleaner, clock: Clock
    ) -> None:
        self._db, self._keys, self._filing, self._cleaner, self._clock = db, keys, filing, cleaner, clock

    def upload(
        self,
        actor: Actor,
        graduate_id: UUID,
        token: UUID,
        entry: Entry,
        files: Sequence[ScanFile],
        *,
        allow_same: bool = False,
    ) -> UploadView:
        """File each scan as a new material. Content that is in this dossier already is refused unless ``allow_same``.

        Raises Invalid by field, NotFound, Conflict('dossier_sealed'), Forbidden, Unavailable; files refused for what
        they are stand in the outcome.
        """
        self._require_archivist(actor)
        self._check(entry, files)
        key = self._keys.of(graduate_id)
        done = self._done(token, graduate_id, actor)
        if done is not None:
            return done
        found: list[_Candidate] = []
        try:
            for position, file in enumerate(files, 1):
                found.append(self._prepare_new(graduate_id, entry, file, position, len(files)))
            return self._file(actor, key, token, found, allow_same)
        except Unavailable:
            raise  # the commit may have happened: an orphan is better than a material without its content
        except DomainError:
            self._discard(found)
            raise

    def replace(
        self,
        actor: Actor,
        material_id: UUID,
        token: UUID,
        base_version: int,
        entry: Entry,
        file: ScanFile,
        *,
        allow_same: bool = False,
    ) -> UploadView:
        """A new version of a material, with this scan as its content; the one before stays (补扫描件、更换).

        Raises as ``upload`` does, and VersionMismatch('material_changed') when the material moved on meanwhile.
        """
        self._require_archivist(actor)
        graduate_id = self._owner(material_id)
        self._check(entry, [file], titled=True)
        done = self._done(token, graduate_id, actor)
        if done is not None:
            return done
        document = self._cleaner.clean(file.data, file.media_type)
        new = _new(entry, entry.title, document)
        key = self._keys.of(graduate_id)
        prepared = self._filing.prepare(graduate_id, new, material_id=material_id, number=base_version + 1)
        candidate = _Candidate(file.name, "", prepared)
        try:
            return self._file(actor, key, token, [candidate], allow_same)
        except Unavailable:
            raise  # the commit may have happened: an orphan is better than a material without its content
        except DomainError:
            self._discard([candidate])
            raise

    def outcome(self, actor: Actor, upload_id: UUID) -> UploadView:
        """What became of one's own upload's files. Raises NotFound, Forbidden."""
        if actor.kind is not ActorKind.STAFF or not actor.has_role(Role.ARCHIVIST, Role.REVIEWER):
            raise Forbidden("role_required")
        with self._db.transaction() as session:
            row = session.get(ScanUpload, upload_id)
        if row is None or row.staff_id != actor.id:
            raise NotFound("upload_not_found")
        return _view(row, self._keys.of(row.graduate_id))

    # --- inside -----------------------------------------------------------------------------------------------------

    @staticmethod
    def _require_archivist(actor: Actor) -> None:
        if actor.kind is not ActorKind.STAFF or not actor.has_role(Role.ARCHIVIST):
            raise Forbidden("role_required")

    def _check(self, entry: Entry, files: Sequence[ScanFile], *, titled: bool = False) -> None:
        today = office_date(self._clock.now())
        found = rules.entry_faults(entry, MATERIAL_CLASSES, today, title_required=titled)
        if not files:
            found["files"] = "required"
        elif len(files) > rules.MOST_FILES:
            found["files"] = "too_many"
        elif len(files) > 1 and entry.pages is not None:
            found["pages"] = "for_one_file"
        if found:
            raise Invalid("invalid_input", faults=[FieldFault(f"/{name}", code) for name, code in found.items()])

    def _owner(self, material_id: UUID) -> UUID:
        with self._db.transaction() as session:
            owner = session.scalar(
                select(Dossier.graduate_id)
                .join(Material, Material.dossier_id == Dossier.id)
                .where(Material.id == material_id)
            )
        if owner is None:
            raise NotFound("material_not_found")
        return owner

    def _done(self, token: UUID, graduate_id: UUID, actor: Actor) -> UploadView | None:
        """The outcome of this very form, if it was submitted before. Raises Conflict for somebody else's token."""
        with self._db.transaction() as session:
            row = session.get(ScanUpload, token)
        if row is None:
            return None
        if row.graduate_id != graduate_id or row.staff_id != actor.id:
            raise Conflict("form_used")
        return _view(row, self._keys.of(graduate_id))

    def _prepare_new(self, graduate_id: UUID, entry: Entry, file: ScanFile, position: int, of: int) -> _Candidate:
        try:
            document = self._cleaner.clean(file.data, file.media_type)
        except (Invalid, TooLarge) as error:
            return _Candidate(file.name, error.code)
        title = entry.title or rules.title_from(file.name, position)
        if entry.title and of > 1:
            title = f"{entry.title[: rules.MAX_TITLE - 4]}（{position}）"
        return _Candidate(file.name, "", self._filing.prepare(graduate_id, _new(entry, title, document)))

    def _discard(self, found: Sequence[_Candidate]) -> None:
        for candidate in found:
            if candidate.prepared is not None:
                self._filing.discard(candidate.prepared)

    def _file(
        self, actor: Actor, key: DataKey, token: UUID, found: Sequence[_Candidate], allow_same: bool
    ) -> UploadView:
        refused: list[_Candidate] = []
        with self._db.transaction() as session:
            # a second submit of the form waits here for the first one's commit
            made = session.execute(
                insert(ScanUpload)
                .values(
                    id=token,
                    graduate_id=key.owner,
                    staff_id=actor.id,
                    sealed_outcome=b"",
                    created_at=self._clock.now(),
                )
                .on_conflict_do_nothing()
                .returning(ScanUpload.id)
            ).scalar()
            if made is not None:
                lines = [self._file_one(session, actor, candidate, allow_same, refused) for candidate in found]
                row = session.get_one(ScanUpload, token)
                row.sealed_outcome = _sealed(key, token, lines)
        self._discard(refused if made is not None else found)
        if made is not None:
            return _view(row, key)
        done = self._done(token, key.owner, actor)
        assert done is not None  # the row that was in our way has been committed
        return done

    def _file_one(
        self, session: Session, actor: Actor, candidate: _Candidate, allow_same: bool, refused: list[_Candidate]
    ) -> UploadLine:
        prepared = candidate.prepared
        if prepared is None:
            return UploadLine(candidate.name, candidate.code)
        twin = self._filing.twin(session, prepared)
        if twin == "here" and not allow_same:
            refused.append(candidate)
            return UploadLine(candidate.name, SAME_HERE)
        if prepared.number == 1:
            self._filing.add(session, actor, prepared)
        else:
            self._filing.add_version(session, actor, prepared)
        return _filed(candidate.name, prepared, twin)


def _new(entry: Entry, title: str, document: CleanDocument) -> NewMaterial:
    """Pages not stated are counted, where the format lets them be."""
    counted = document.pages if document.media_type != "application/ofd" else None
    return NewMaterial(
        entry.class_code,
        class_map.classify(title, entry.class_code, entry.kind),
        title,
        entry.formed_on or None,
        entry.pages if entry.pages is not None else counted,
        entry.remark or None,
        document,
    )


def _filed(name: str, prepared: PreparedMaterial, twin: str) -> UploadLine:
    assert prepared.stored is not None  # a scan has content
    document = prepared.stored.document
    return UploadLine(
        name,
        "",
        prepared.material_id,
        twin,
        prepared.new.title,
        prepared.number,
        document.media_type,
        len(document.data),
        prepared.new.pages,
        measures(document),
        prepared.stored.preview_name is not None,
    )


def _sealed(key: DataKey, token: UUID, lines: Sequence[UploadLine]) -> bytes:
    return seal_json(key, outcome_place(token), {"lines": [_LINE.dump_python(x, mode="json") for x in lines]})


def _view(row: ScanUpload, key: DataKey) -> UploadView:
    lines = open_json(key, outcome_place(row.id), row.sealed_outcome)["lines"]
    return UploadView(row.id, row.graduate_id, row.created_at, tuple(_LINE.validate_python(x) for x in lines))
