"""The catalogue in one query: the page asked for most reads columns of one statement, not entities of four."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import CompoundSelect, Row, String, bindparam, literal, null, select, type_coerce, union_all
from sqlalchemy.orm import Session

from app.dossiers import rules
from app.dossiers.models import Dossier, Material, MaterialVersion, Record, RecordVersion
from app.dossiers.rules import DossierState, Section, Zone
from app.dossiers.views import CatalogueItem, CatalogueView, Hidden
from app.envelope import DataKey, Place, open_json
from app.errors import NotFound

_OWNED = Dossier.graduate_id == bindparam("owner")
# one head row, then a row for each record and each material; section, class and zone stay the texts they are stored as
_CATALOGUE: CompoundSelect[*tuple[Any, ...]] = union_all(
    select(
        literal(0).label("part"),
        Dossier.id,
        type_coerce(Dossier.state, String).label("group"),
        Dossier.version.label("position"),
        null().label("zone"),
        null().label("zone_rule"),
        Dossier.id.label("version_id"),
        literal(0).label("number"),
        null().label("sealed"),
        literal(False).label("has_file"),
    ).where(_OWNED),
    select(
        literal(1),
        Record.id,
        type_coerce(Record.section, String),
        Record.position,
        type_coerce(Record.zone, String),
        Record.zone_rule,
        RecordVersion.id,
        RecordVersion.number,
        RecordVersion.sealed_body,
        literal(False),
    )
    .join(Dossier, Dossier.id == Record.dossier_id)
    .join(RecordVersion, (RecordVersion.record_id == Record.id) & (RecordVersion.number == Record.current))
    .where(_OWNED),
    select(
        literal(2),
        Material.id,
        Material.class_code,
        Material.sequence,
        type_coerce(Material.zone, String),
        Material.zone_rule,
        MaterialVersion.id,
        MaterialVersion.number,
        MaterialVersion.sealed_about,
        MaterialVersion.file_name.is_not(None),
    )
    .join(Dossier, Dossier.id == Material.dossier_id)
    .join(MaterialVersion, (MaterialVersion.material_id == Material.id) & (MaterialVersion.number == Material.current))
    .where(_OWNED),
)
_SECTIONS = {s.value: (order, s, rules.SECTIONS[s]) for order, s in enumerate(Section)}
_CLASSES = {code: order for order, code in enumerate(rules.MATERIAL_CLASSES)}
_ZONES = {z.value: z for z in Zone}
# single identity and enrolment lines would otherwise be titled by a number or a name
_SINGLE = frozenset({Section.IDENTITY, Section.ENROLMENT})
_HIDDEN = {r.id: Hidden(r.zone, r.id, r.ground, r.ask, r.objection) for r in rules.ZONE_RULES}


@dataclass(frozen=True, slots=True)
class Found:
    """A dossier's head and the still sealed lines of its catalogue."""

    id: UUID
    state: DossierState
    version: int
    records: Sequence[Row[Any]]
    materials: Sequence[Row[Any]]


def read(session: Session, owner: UUID, dossier_id: UUID | None) -> Found:
    """Raises NotFound without a dossier, and for a ``dossier_id`` that is not the owner's."""
    rows = session.connection().execute(_CATALOGUE, {"owner": owner}).all()
    head = next((row for row in rows if row.part == 0), None)
    if head is None or (dossier_id is not None and head.id != dossier_id):
        raise NotFound("dossier_not_found")
    records = sorted((r for r in rows if r.part == 1), key=lambda r: (_SECTIONS[r.group][0], r.position))
    materials = sorted((r for r in rows if r.part == 2), key=lambda r: (_CLASSES[r.group], r.position))
    return Found(head.id, DossierState(head.group), head.position, records, materials)


def view(found: Found, key: DataKey, *, own: bool) -> CatalogueView:
    """``own``: for the graduate, who does not see the title of a sealed item and is told why something is hidden."""
    items = (*_records(found.records, key, own), *_materials(found.materials, key, own))
    return CatalogueView(found.id, found.state, found.version, rules.RULES_VERSION, items)


def _records(rows: Sequence[Row[Any]], key: DataKey, own: bool) -> Iterator[CatalogueItem]:
    for row_id, group, position, zone_text, zone_rule, place, sealed, _ in _lines(
        rows, "record_version", "sealed_body"
    ):
        _, section, rule = _SECTIONS[group]
        zone = _ZONES[zone_text]
        if own and zone is Zone.C:
            title = rules.MASKED_TITLE
        else:
            title = rule.label if section in _SINGLE else open_json(key, place, sealed)[rule.title_field]
        hidden = _HIDDEN[zone_rule] if own and zone is not Zone.A else None
        yield CatalogueItem(row_id, "record", group, rule.label, position, zone, title, hidden=hidden)


def _materials(rows: Sequence[Row[Any]], key: DataKey, own: bool) -> Iterator[CatalogueItem]:
    for row_id, group, position, zone_text, zone_rule, place, sealed, has_file in _lines(
        rows, "material_version", "sealed_about"
    ):
        zone = _ZONES[zone_text]
        about = {} if own and zone is Zone.C else open_json(key, place, sealed)
        yield CatalogueItem(
            row_id,
            "material",
            group,
            rules.MATERIAL_CLASSES[group],
            position,
            zone,
            about.get("title", rules.MASKED_TITLE),
            about.get("formed_on"),
            about.get("pages"),
            has_file,
            _HIDDEN[zone_rule] if own and zone is not Zone.A else None,
            about.get("remark") if not own or zone is Zone.A else None,
        )


def _lines(rows: Sequence[Row[Any]], table: str, column: str) -> Iterator[tuple[Any, ...]]:
    """(id, group, position, zone, zone rule, place of the sealed value, sealed value, has a file)."""
    for row in rows:
        _, row_id, group, position, zone, zone_rule, version_id, number, sealed, has_file = tuple[Any, ...](row)
        yield row_id, group, position, zone, zone_rule, Place(table, column, version_id, number), sealed, has_file
