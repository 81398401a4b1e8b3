"""Titles of units, opened with their owners' keys: the only place where a search meets the words themselves."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.dossiers.models import Dossier, Material, MaterialVersion, Record, RecordVersion
from app.dossiers.places import about_place, body_place
from app.dossiers.rules import SECTIONS, Zone
from app.dossiers.units import texts_of
from app.envelope import open_json
from app.keyring import Keyring
from app.retrieval import rules


@dataclass(frozen=True, slots=True)
class OpenTitle:
    id: UUID
    kind: str
    group: str
    zone: Zone
    graduate_id: UUID
    title: str = field(repr=False)
    normal: str = field(repr=False)


def open_titles(session: Session, keys: Keyring, ids: Sequence[UUID]) -> dict[UUID, OpenTitle]:
    """By unit; those of erased owners and of zone C are left out, whatever the index says."""
    return {t.id: t for t in (*_records(session, keys, ids), *_materials(session, keys, ids)) if t.zone is not Zone.C}


def _records(session: Session, keys: Keyring, ids: Sequence[UUID]) -> Iterator[OpenTitle]:
    rows = session.execute(
        select(
            Record.id,
            Record.section,
            Record.zone,
            RecordVersion.id.label("version_id"),
            RecordVersion.number,
            RecordVersion.sealed_body,
            Dossier.graduate_id,
        )
        .join(Dossier, Dossier.id == Record.dossier_id)
        .join(RecordVersion, (RecordVersion.record_id == Record.id) & (RecordVersion.number == Record.current))
        .where(Record.id.in_(ids))
    ).all()
    held = keys.many(session, list({r.graduate_id for r in rows}))
    for r in rows:
        if r.graduate_id in held:
            place = body_place(RecordVersion(id=r.version_id, number=r.number))
            body = open_json(held[r.graduate_id], place, r.sealed_body)
            title = body[SECTIONS[r.section].title_field]
            normal = rules.joined(texts_of(r.section, body))
            yield OpenTitle(r.id, "record", r.section.value, r.zone, r.graduate_id, title, normal)


def _materials(session: Session, keys: Keyring, ids: Sequence[UUID]) -> Iterator[OpenTitle]:
    rows = session.execute(
        select(
            Material.id,
            Material.class_code,
            Material.zone,
            MaterialVersion.id.label("version_id"),
            MaterialVersion.number,
            MaterialVersion.sealed_about,
            Dossier.graduate_id,
        )
        .join(Dossier, Dossier.id == Material.dossier_id)
        .join(
            MaterialVersion,
            (MaterialVersion.material_id == Material.id) & (MaterialVersion.number == Material.current),
        )
        .where(Material.id.in_(ids))
    ).all()
    held = keys.many(session, list({r.graduate_id for r in rows}))
    for r in rows:
        if r.graduate_id in held:
            place = about_place(MaterialVersion(id=r.version_id, number=r.number))
            title = open_json(held[r.graduate_id], place, r.sealed_about)["title"]
            yield OpenTitle(r.id, "material", r.class_code, r.zone, r.graduate_id, title, rules.joined((title,)))
