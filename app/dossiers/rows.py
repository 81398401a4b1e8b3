"""Rows of records and materials, sealed and ready to be added. Every way into a dossier builds them here."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from cryptography.hazmat.primitives import hashes

from app.db import new_id
from app.dossiers import class_map, rules
from app.dossiers.incoming import NewMaterial
from app.dossiers.models import Material, MaterialVersion, Record, RecordVersion
from app.dossiers.places import about_place, body_place, facts_place
from app.dossiers.rules import Section, Source
from app.envelope import DataKey, seal_json
from app.file_ports import CleanDocument


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A document that already lies in the file store. ``content_bidx``: keyed, so that equal content can be found."""

    name: str
    preview_name: str | None
    document: CleanDocument
    content_bidx: bytes


def digests(data: bytes) -> dict[str, str]:
    """SHA-256 and SM3 (GB/T 32905) of the stored content, lower-case hexadecimal."""
    sm3 = hashes.Hash(hashes.SM3())
    sm3.update(data)
    return {"sha256": hashlib.sha256(data).hexdigest(), "sm3": sm3.finalize().hex()}


def measures(document: CleanDocument) -> dict[str, Any]:
    """What is kept of a content beside it: its digests and whatever could be measured."""
    found = {"pages": document.pages, "width": document.width, "height": document.height, "dpi": document.dpi}
    return digests(document.data) | {k: v for k, v in found.items() if v is not None}


def record_rows(
    dossier_id: UUID, key: DataKey, section: Section, bodies: Sequence[Mapping[str, str]], now: datetime
) -> list[tuple[Record, RecordVersion]]:
    """First versions of one section's records, in order."""
    zone = rules.section_zone(section)
    rows = []
    for position, body in enumerate(bodies, 1):
        record = Record(
            id=new_id(),
            dossier_id=dossier_id,
            section=section,
            position=position,
            zone=zone.zone,
            zone_rule=zone.id,
            current=1,
        )
        rows.append((record, record_version(record.id, key, 1, body, Source.IMPORT, None, now)))
    return rows


def record_version(
    record_id: UUID,
    key: DataKey,
    number: int,
    body: Mapping[str, str],
    source: Source,
    source_id: UUID | None,
    now: datetime,
) -> RecordVersion:
    version = RecordVersion(
        id=new_id(), record_id=record_id, number=number, source=source, source_id=source_id, created_at=now
    )
    version.sealed_body = seal_json(key, body_place(version), body)
    return version


def material_rows(
    dossier_id: UUID,
    key: DataKey,
    new: NewMaterial,
    sequence: int,
    source: Source,
    source_id: UUID | None,
    now: datetime,
    *,
    ids: tuple[UUID, UUID],
    stored: StoredFile | None,
) -> tuple[Material, MaterialVersion]:
    """A material and its first version; ``ids`` are theirs, for the file was sealed under the version's id."""
    zone = class_map.current().zone_of(new.class_code, new.kind)
    material_id, version_id = ids
    material = Material(
        id=material_id,
        dossier_id=dossier_id,
        class_code=new.class_code,
        kind=new.kind,
        sequence=sequence,
        zone=zone.zone,
        zone_rule=zone.id,
        current=1,
    )
    return material, material_version(material_id, version_id, 1, key, new, source, source_id, now, stored)


def material_version(
    material_id: UUID,
    version_id: UUID,
    number: int,
    key: DataKey,
    new: NewMaterial,
    source: Source,
    source_id: UUID | None,
    now: datetime,
    stored: StoredFile | None,
) -> MaterialVersion:
    version = MaterialVersion(
        id=version_id, material_id=material_id, number=number, source=source, source_id=source_id, created_at=now
    )
    about = {"title": new.title, "formed_on": new.formed_on, "pages": new.pages, "remark": new.remark}
    version.sealed_about = seal_json(key, about_place(version), {k: v for k, v in about.items() if v is not None})
    if stored is not None:
        document = stored.document
        version.file_name, version.preview_name = stored.name, stored.preview_name
        version.media_type, version.size = document.media_type, len(document.data)
        version.content_bidx = stored.content_bidx
        version.sealed_facts = seal_json(key, facts_place(version), measures(document))
    return version
