"""Everything one dossier holds, opened at once: for rooms that check, package, list or count it.

Callers decide who may ask, and record the reading. Keys are unwrapped before any transaction.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select

from app.db import Database
from app.dossiers.models import Dossier, Material, MaterialVersion, Record, RecordVersion
from app.dossiers.places import about_place, body_place, facts_place, file_place
from app.dossiers.rules import MATERIAL_CLASSES, DossierState, Section, Source, Zone
from app.envelope import open_bytes, open_json
from app.errors import NotFound
from app.file_ports import FileStore
from app.keyring import Keyring


@dataclass(frozen=True, slots=True)
class HeldRecord:
    id: UUID
    section: Section
    position: int
    zone: Zone
    version: int
    body: Mapping[str, str] = field(repr=False)


@dataclass(frozen=True, slots=True)
class HeldMaterial:
    """``facts``: sha256, sm3 and, where measured, pages, width, height, dpi; empty without content.

    ``pages`` is what the catalogue says, ``facts['pages']`` what the content has.
    """

    id: UUID
    version_id: UUID
    class_code: str
    kind: str
    sequence: int
    zone: Zone
    version: int
    title: str = field(repr=False)
    formed_on: str | None
    pages: int | None
    remark: str | None = field(repr=False)
    file_name: str | None
    media_type: str | None
    size: int | None
    facts: Mapping[str, Any]
    source: Source
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Holding:
    """Records in the order of their sections, materials in the order of the catalogue."""

    dossier_id: UUID
    graduate_id: UUID
    state: DossierState
    version: int
    records: Sequence[HeldRecord]
    materials: Sequence[HeldMaterial]

    def first(self, section: Section) -> Mapping[str, str]:
        """The body of a section's first record; empty where there is none."""
        return next((r.body for r in self.records if r.section is section), {})


class Holdings:
    def __init__(self, db: Database, keys: Keyring, files: FileStore) -> None:
        self._db, self._keys, self._files = db, keys, files

    def of(self, graduate_id: UUID) -> Holding:
        """Raises NotFound, Tampered."""
        key = self._keys.of(graduate_id)
        with self._db.transaction() as session:
            dossier = session.scalar(select(Dossier).where(Dossier.graduate_id == graduate_id))
            if dossier is None:
                raise NotFound("dossier_not_found")
            records = session.execute(
                select(Record, RecordVersion)
                .join(RecordVersion, (RecordVersion.record_id == Record.id) & (RecordVersion.number == Record.current))
                .where(Record.dossier_id == dossier.id)
            ).all()
            materials = session.execute(
                select(Material, MaterialVersion)
                .join(
                    MaterialVersion,
                    (MaterialVersion.material_id == Material.id) & (MaterialVersion.number == Material.current),
                )
                .where(Material.dossier_id == dossier.id)
            ).all()
        sections, classes = list(Section), list(MATERIAL_CLASSES)
        held_records = [
            HeldRecord(r.id, r.section, r.position, r.zone, r.current, open_json(key, body_place(v), v.sealed_body))
            for r, v in sorted(records, key=lambda row: (sections.index(row[0].section), row[0].position))
        ]
        held_materials = []
        for m, v in sorted(materials, key=lambda row: (classes.index(row[0].class_code), row[0].sequence)):
            about = open_json(key, about_place(v), v.sealed_about)
            facts = open_json(key, facts_place(v), v.sealed_facts) if v.sealed_facts is not None else {}
            held_materials.append(
                HeldMaterial(
                    id=m.id,
                    version_id=v.id,
                    class_code=m.class_code,
                    kind=m.kind,
                    sequence=m.sequence,
                    zone=m.zone,
                    version=m.current,
                    title=about["title"],
                    formed_on=about.get("formed_on"),
                    pages=about.get("pages"),
                    remark=about.get("remark"),
                    file_name=v.file_name,
                    media_type=v.media_type,
                    size=v.size,
                    facts=facts,
                    source=v.source,
                    created_at=v.created_at,
                )
            )
        return Holding(
            dossier.id, graduate_id, dossier.state, dossier.version, tuple(held_records), tuple(held_materials)
        )

    def content(self, graduate_id: UUID, material: HeldMaterial) -> bytes:
        """The stored file, opened in memory. Raises NotFound without one, Tampered."""
        if material.file_name is None:
            raise NotFound("material_file_not_shown")
        place = file_place(MaterialVersion(id=material.version_id, number=material.version))
        return open_bytes(self._keys.of(graduate_id), place, self._files.get(material.file_name))
