"""Materials one at a time: added to a dossier, or given a new version. The content before stays and can be read again.

Files are sealed and stored first (``prepare``), rows follow in the caller's transaction: a crash between leaves orphans
only, and whoever loses a race takes back what they stored (``discard``).
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.actors import Actor
from app.db import Database, new_id
from app.dossiers import rules
from app.dossiers.incoming import NewMaterial
from app.dossiers.indexing import UnitIndex
from app.dossiers.models import Dossier, Material, MaterialVersion
from app.dossiers.places import file_place, preview_place
from app.dossiers.rows import StoredFile, material_rows, material_version
from app.dossiers.rules import DossierState, Source
from app.dossiers.units import UnitOwner
from app.envelope import BlindIndex, DataKey, seal_bytes
from app.errors import Conflict, FieldFault, Invalid, NotFound, VersionMismatch
from app.events import EventLog
from app.file_ports import FileStore
from app.keyring import Keyring
from app.people.models import Graduate
from app.ports import Clock

Twin = Literal["", "here", "elsewhere"]
"""Where the same content stands already: nowhere, in this dossier, or in somebody else's."""


@dataclass(frozen=True, slots=True)
class PreparedMaterial:
    """A material whose files lie sealed in the store. ``number`` is the version they were sealed as."""

    key: DataKey = field(repr=False)
    new: NewMaterial
    material_id: UUID
    version_id: UUID
    number: int
    stored: StoredFile | None


def require_open(dossier: Dossier, *, handed_over: bool = False) -> None:
    """Raises Conflict('dossier_sealed'); a transferred one may be added to where ``handed_over`` says so."""
    allowed = handed_over and dossier.state is DossierState.TRANSFERRED
    if dossier.state is not DossierState.OPEN and not allowed:
        raise Conflict("dossier_sealed")


def store_sealed(files: FileStore, sealed: bytes) -> str:
    """Put sealed bytes under a new random name; gives the name."""
    name = os.urandom(24).hex()
    files.put(name, sealed)
    return name


def store_document(
    files: FileStore, index: BlindIndex, key: DataKey, new: NewMaterial, version_id: UUID, number: int = 1
) -> StoredFile | None:
    """Content and preview, sealed as this version's; before any transaction, so that a crash leaves orphans only."""
    document = new.document
    if document is None:
        return None
    version = MaterialVersion(id=version_id, number=number)
    name = store_sealed(files, seal_bytes(key, file_place(version), document.data))
    preview = None
    if document.preview is not None:
        preview = store_sealed(files, seal_bytes(key, preview_place(version), document.preview))
    digest = hashlib.sha256(document.data).hexdigest()
    return StoredFile(name, preview, document, content_index(index, digest))


def content_index(index: BlindIndex, sha256: str) -> bytes:
    """What equal contents meet under."""
    return index.of("material_version", "content", sha256)


class MaterialFiling:
    def __init__(
        self,
        db: Database,
        keys: Keyring,
        index: BlindIndex,
        files: FileStore,
        log: EventLog,
        clock: Clock,
        indexes: Sequence[UnitIndex] = (),
    ) -> None:
        self._db, self._keys, self._index, self._files = db, keys, index, files
        self._log, self._clock, self._indexes = log, clock, indexes

    def prepare(
        self, graduate_id: UUID, new: NewMaterial, *, material_id: UUID | None = None, number: int = 1
    ) -> PreparedMaterial:
        """Seal and store content and preview, before any transaction. Raises Invalid for an unknown class."""
        if new.class_code not in rules.MATERIAL_CLASSES:
            raise Invalid("record_invalid", faults=[FieldFault("/class_code", "unknown_class")])
        key = self._keys.of(graduate_id)
        version_id = new_id()
        stored = store_document(self._files, self._index, key, new, version_id, number)
        return PreparedMaterial(key, new, material_id or new_id(), version_id, number, stored)

    def discard(self, prepared: PreparedMaterial) -> None:
        """Take back the files of a material whose rows were not added."""
        if prepared.stored is None:
            return
        self._files.delete(prepared.stored.name)
        if prepared.stored.preview_name is not None:
            self._files.delete(prepared.stored.preview_name)

    def twin(self, session: Session, prepared: PreparedMaterial) -> Twin:
        """Whether the same content is filed already, in any version; the material's own versions do not count."""
        if prepared.stored is None:
            return ""
        return self._twin(session, prepared.key.owner, prepared.stored.content_bidx, prepared.material_id)

    def twin_of(self, session: Session, graduate_id: UUID, sha256: str) -> Twin:
        """The same for content that is not a material yet, by its digest."""
        return self._twin(session, graduate_id, content_index(self._index, sha256), None)

    @staticmethod
    def _twin(session: Session, owner: UUID, content_bidx: bytes, except_for: UUID | None) -> Twin:
        query = (
            select(Dossier.graduate_id)
            .join(Material, Material.dossier_id == Dossier.id)
            .join(MaterialVersion, MaterialVersion.material_id == Material.id)
            .where(MaterialVersion.content_bidx == content_bidx)
        )
        if except_for is not None:
            query = query.where(Material.id != except_for)
        owners = set(session.scalars(query.limit(1000)))
        if owner in owners:
            return "here"
        return "elsewhere" if owners else ""

    def add(
        self,
        session: Session,
        actor: Actor,
        prepared: PreparedMaterial,
        *,
        source: Source = Source.STAFF,
        source_id: UUID | None = None,
        handed_over: bool = False,
    ) -> UUID:
        """The material, at the end of its class. Raises NotFound, Conflict('dossier_sealed').

        ``handed_over``: also in a dossier that was transferred, because the caller sends a supplement after it.
        """
        dossier = self._open_dossier(session, prepared.key.owner, handed_over=handed_over)
        last = session.scalar(
            select(func.max(Material.sequence)).where(
                Material.dossier_id == dossier.id, Material.class_code == prepared.new.class_code
            )
        )
        rows = material_rows(
            dossier.id,
            prepared.key,
            prepared.new,
            (last or 0) + 1,
            source,
            source_id,
            self._clock.now(),
            ids=(prepared.material_id, prepared.version_id),
            stored=prepared.stored,
        )
        session.add_all(rows)
        self._changed(session, actor, dossier, rows[0], prepared, "dossier.material_added")
        return prepared.material_id

    def add_version(
        self,
        session: Session,
        actor: Actor,
        prepared: PreparedMaterial,
        *,
        source: Source = Source.STAFF,
        source_id: UUID | None = None,
    ) -> int:
        """A new version on top of the one before it; gives its number.

        Raises NotFound, Conflict('dossier_sealed'), VersionMismatch('material_changed') if another came first.
        """
        dossier = self._open_dossier(session, prepared.key.owner)
        material = session.scalar(
            select(Material)
            .where(Material.id == prepared.material_id, Material.dossier_id == dossier.id)
            .with_for_update()
        )
        if material is None:
            raise NotFound("material_not_found")
        if material.current != prepared.number - 1:
            raise VersionMismatch("material_changed", extra={"current_version": material.current})
        session.add(
            material_version(
                material.id,
                prepared.version_id,
                prepared.number,
                prepared.key,
                prepared.new,
                source,
                source_id,
                self._clock.now(),
                prepared.stored,
            )
        )
        material.current = prepared.number
        self._changed(session, actor, dossier, material, prepared, "dossier.material_replaced")
        return prepared.number

    # --- inside -----------------------------------------------------------------------------------------------------

    @staticmethod
    def _open_dossier(session: Session, graduate_id: UUID, *, handed_over: bool = False) -> Dossier:
        """The dossier under a lock: additions of one dossier follow each other."""
        dossier = session.scalar(select(Dossier).where(Dossier.graduate_id == graduate_id).with_for_update())
        if dossier is None:
            raise NotFound("dossier_not_found")
        require_open(dossier, handed_over=handed_over)
        return dossier

    def _changed(
        self,
        session: Session,
        actor: Actor,
        dossier: Dossier,
        material: Material,
        prepared: PreparedMaterial,
        event: str,
    ) -> None:
        dossier.version += 1
        session.flush()
        owner = UnitOwner.of(session.get_one(Graduate, dossier.graduate_id))
        for index in self._indexes:
            index.replace(session, owner.material(material, prepared.new.title, prepared.new.formed_on))
        self._log.record(
            session,
            actor,
            event,
            graduate_id=dossier.graduate_id,
            object_kind="material",
            object_id=prepared.material_id,
            data={"version": prepared.number},
        )
