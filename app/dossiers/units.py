"""Retrieval units (检索单元) of a dossier: what of each record and material may be found again by whom."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.dossiers.indexing import Unit
from app.dossiers.models import Dossier, Material, MaterialVersion, Record, RecordVersion
from app.dossiers.places import about_place, body_place
from app.dossiers.rules import Section, Zone
from app.envelope import DataKey, open_json
from app.people.models import Graduate

TEXT_FIELDS: Mapping[Section, tuple[str, ...]] = {
    Section.EDUCATION: ("school",),
    Section.COURSE: ("course_name",),
    Section.AWARD: ("award_name", "issuer"),
    Section.EVALUATION: ("item",),
    Section.RESEARCH: ("title", "kind"),
}
"""Found by these, the title first. Identity and enrolment have names and numbers for titles and are not searched."""
YEAR_FIELDS: Mapping[Section, str] = {
    Section.EDUCATION: "end_on",
    Section.COURSE: "term",
    Section.AWARD: "awarded_on",
    Section.EVALUATION: "academic_year",
    Section.RESEARCH: "published_on",
}


def texts_of(section: Section, body: Mapping[str, str]) -> tuple[str, ...]:
    """What a record is found by, title first; empty for sections that are not searched."""
    return tuple(body[name] for name in TEXT_FIELDS.get(section, ()) if body.get(name))


def year_of(text: str | None) -> int:
    """The year a date, term or school year begins with; 0 where there is none."""
    head = (text or "")[:4]
    return int(head) if len(head) == 4 and head.isascii() and head.isdigit() else 0


@dataclass(frozen=True, slots=True)
class UnitOwner:
    """Whose units they are: the facets all of them share."""

    graduate_id: UUID
    cohort_year: int
    college: str
    major: str
    degree_level: str

    @classmethod
    def of(cls, row: Graduate) -> UnitOwner:
        return cls(row.id, row.cohort_year, row.college, row.major, row.degree_level)

    def record(self, record_id: UUID, section: Section, zone: Zone, body: Mapping[str, str]) -> Unit:
        return Unit(
            record_id,
            self.graduate_id,
            "record",
            section.value,
            zone,
            self.cohort_year,
            self.college,
            self.major,
            self.degree_level,
            texts_of(section, body),
            body.get("level", "") if section is Section.AWARD else "",
            year_of(body.get(YEAR_FIELDS.get(section, ""))),
        )

    def material(self, row: Material, title: str, formed_on: str | None) -> Unit:
        return Unit(
            row.id,
            self.graduate_id,
            "material",
            row.class_code,
            row.zone,
            self.cohort_year,
            self.college,
            self.major,
            self.degree_level,
            (title,) if row.zone is not Zone.C else (),
            year=year_of(formed_on),
        )


def units_of(session: Session, key: DataKey) -> list[Unit]:
    """Every unit of one dossier as it stands; none where the owner has no dossier."""
    graduate = session.get(Graduate, key.owner)
    dossier_id = session.scalar(select(Dossier.id).where(Dossier.graduate_id == key.owner))
    if graduate is None or dossier_id is None:
        return []
    owner = UnitOwner.of(graduate)
    return [*_records(session, dossier_id, key, owner), *_materials(session, dossier_id, key, owner)]


def _records(session: Session, dossier_id: UUID, key: DataKey, owner: UnitOwner) -> Iterator[Unit]:
    rows = session.execute(
        select(Record, RecordVersion)
        .join(RecordVersion, (RecordVersion.record_id == Record.id) & (RecordVersion.number == Record.current))
        .where(Record.dossier_id == dossier_id)
    )
    for record, version in rows:
        body = open_json(key, body_place(version), version.sealed_body)
        yield owner.record(record.id, record.section, record.zone, body)


def _materials(session: Session, dossier_id: UUID, key: DataKey, owner: UnitOwner) -> Iterator[Unit]:
    rows = session.execute(
        select(Material, MaterialVersion)
        .join(
            MaterialVersion,
            (MaterialVersion.material_id == Material.id) & (MaterialVersion.number == Material.current),
        )
        .where(Material.dossier_id == dossier_id)
    )
    for material, version in rows:
        about = open_json(key, about_place(version), version.sealed_about)
        yield owner.material(material, about["title"], about.get("formed_on"))
