"""What people may write and ask for: texts, proposed values, and what each kind needs. Raises, keeps nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date

from app.corrections.kinds import KINDS, Kind
from app.corrections.views import MissingMaterial
from app.dossiers.incoming import normal_value, value_fault
from app.dossiers.rules import MATERIAL_CLASSES, SECTIONS, Section, guards_account, is_statutory
from app.errors import FieldFault, Invalid
from app.text_rules import hides_something

MAX_STATEMENT = 2000
MAX_VALUE = 500
MAX_TITLE = 120
MAX_EVIDENCE = 6
_TOO_LONG: Mapping[int, str] = {MAX_STATEMENT: "over_2000_characters", MAX_VALUE: "over_500_characters"}
"""Limits whose fault names the number, so that whoever wrote a long note knows how much to cut."""


def clean_text(text: str, pointer: str, maximum: int) -> str:
    """Trimmed text. Raises Invalid for empty, overlong, or invisible and direction-changing characters."""
    text = text.strip()
    code = "required" if not text else _TOO_LONG.get(maximum, "too_long") if len(text) > maximum else ""
    if hides_something(text):
        code = "invisible_characters"
    if code:
        raise Invalid("invalid_input", faults=[FieldFault(pointer, code)])
    return text


def optional_text(text: str, pointer: str, maximum: int) -> str:
    """The same, where nothing may be written."""
    return clean_text(text, pointer, maximum) if text.strip() else ""


def proposed(
    section: Section, body: Mapping[str, str], wanted: Mapping[str, str], today: date, *, tell_unchanged: bool
) -> dict[str, list[str]]:
    """field -> [present value, proposed value] after checking every proposed one. Raises Invalid by field.

    ``tell_unchanged`` only to whom the present value may be shown: else a guess could be tried against it.
    """
    faults = []
    changes: dict[str, list[str]] = {}
    for name, value in wanted.items():
        if name not in SECTIONS[section].fields:
            faults.append(FieldFault(f"/changes/{name}", "unknown_field"))
            continue
        value = normal_value(section, name, clean_text(value, f"/changes/{name}", MAX_VALUE))
        fault = value_fault(section, name, value, today)
        if fault is not None:
            faults.append(FieldFault(f"/changes/{name}", fault))
        if tell_unchanged and value == body.get(name, ""):
            faults.append(FieldFault(f"/changes/{name}", "unchanged"))
        changes[name] = [body.get(name, ""), value]
    if faults:
        raise Invalid("invalid_input", faults=faults)
    return changes


def missing_material(missing: MissingMaterial, kind: Kind) -> dict[str, str]:
    """What is missing, as the claim keeps it. Raises Invalid by field."""
    faults = []
    if not KINDS[kind].takes_material:
        faults.append(FieldFault("/missing", "not_for_kind"))
    if missing.class_code not in MATERIAL_CLASSES:
        faults.append(FieldFault("/missing/class_code", "unknown_class"))
    if faults:
        raise Invalid("invalid_input", faults=faults)
    return {"class_code": missing.class_code, "title": clean_text(missing.title, "/missing/title", MAX_TITLE)}


def change_faults(kind: Kind, section: Section | None, names: Sequence[str]) -> list[FieldFault]:
    """What a set of changed fields breaks of the kind's rules, at intake and after staff edited it."""
    faults = []
    if KINDS[kind].needs_change and not names:
        faults.append(FieldFault("/changes", "required_for_kind"))
    statutory = section is not None and any(is_statutory(section, n) for n in names)
    if statutory and kind is not Kind.STATUTORY_IDENTITY:
        faults.append(FieldFault("/kind", "statutory_field_needs_statutory_kind"))
    if {"name", "id_number"} <= set(names):
        faults.append(FieldFault("/changes", "name_and_id_number_together"))
    return faults


def evidence_faults(kind: Kind, section: Section | None, names: Sequence[str], count: int) -> list[FieldFault]:
    """What is wrong with how many proofs came with the request."""
    faults = []
    needs = KINDS[kind].needs_evidence
    if needs and not count:
        faults.append(FieldFault("/evidence_ids", "required_for_kind"))
    account = section is not None and any(guards_account(section, n) for n in names)
    if account and not count and not needs:
        faults.append(FieldFault("/evidence_ids", "required_for_field"))
    if count > MAX_EVIDENCE:
        faults.append(FieldFault("/evidence_ids", "too_many"))
    return faults
