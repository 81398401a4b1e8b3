"""What comes into a dossier: a new one, a material, a changed field; and which fields the card follows."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

from app.dossiers.rules import Section
from app.file_ports import CleanDocument
from app.people import rules as people_rules
from app.people.service import Card

CARD_FIELDS = {
    (Section.IDENTITY, "name"): "name",
    (Section.IDENTITY, "id_number"): "id_number",
    (Section.IDENTITY, "phone"): "phone",
    (Section.ENROLMENT, "student_number"): "student_number",
    (Section.ENROLMENT, "college"): "college",
    (Section.ENROLMENT, "major"): "major",
}
"""Record fields an account is verified against: when one is corrected, the card follows."""


_NORMAL: Mapping[str, Callable[[str], str]] = {
    "name": people_rules.normalise_name,
    "id_number": people_rules.normalise_id_number,
    "phone": people_rules.normalise_phone,
    "student_number": people_rules.normalise_student_number,
}


def normal_value(section: Section, name: str, value: str) -> str:
    """What a card field is stored and looked up as; other fields unchanged."""
    card_field = CARD_FIELDS.get((section, name))
    return _NORMAL[card_field](value) if card_field is not None and card_field in _NORMAL else value


def value_fault(section: Section, name: str, value: str, today: date) -> str | None:
    """Why a normal-form value cannot stand on a card; None for other fields and where it can."""
    card_field = CARD_FIELDS.get((section, name))
    if card_field is None or card_field not in _NORMAL or not value:
        return None
    if card_field == "id_number":
        return people_rules.id_number_fault(value, today)
    check = {
        "name": people_rules.name_fault,
        "phone": people_rules.phone_fault,
        "student_number": people_rules.student_number_fault,
    }[card_field]
    return check(value)


@dataclass(frozen=True, slots=True)
class NewMaterial:
    class_code: str
    kind: str
    title: str = field(repr=False)
    formed_on: str | None = None
    pages: int | None = None
    remark: str | None = field(default=None, repr=False)
    document: CleanDocument | None = None


@dataclass(frozen=True, slots=True)
class NewDossier:
    """One graduate as an import brings it. ``records`` per section in order; ``photo`` a cleaned JPEG."""

    card: Card
    cohort_year: int
    college: str
    major: str
    degree_level: str
    records: Mapping[Section, Sequence[Mapping[str, str]]] = field(repr=False)
    materials: Sequence[NewMaterial] = ()
    photo: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class FieldChange:
    """A corrected record field, old value and new."""

    name: str
    new_value: str = field(repr=False)
