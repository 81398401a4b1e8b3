"""From what one dossier holds to its findings: facts out of records, kinds out of titles, then the pure rules."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import select

from app.completeness import rules
from app.completeness.rules import Checklist, Facts, Finding, HeldPaper
from app.db import Database
from app.dossiers import class_map
from app.dossiers.class_map import ClassMap
from app.dossiers.holdings import HeldMaterial, Holding, Holdings
from app.dossiers.rules import Section, Zone
from app.errors import NotFound
from app.people.models import Graduate

_YEAR = re.compile(r"(?:19|20)[0-9]{2}")
_LENGTH = re.compile(r"[0-9]+")


@dataclass(frozen=True, slots=True)
class Who:
    """What a checklist asks of the graduate's own row."""

    graduate_id: UUID
    cohort_year: int
    college: str
    major: str
    degree_level: str


@dataclass(frozen=True, slots=True)
class Assessed:
    """Findings with the versions they were made by."""

    who: Who
    dossier_version: int
    class_map_version: str
    checklist_version: str
    rules_digest: str
    findings: Sequence[Finding]


class Assessor:
    def __init__(self, db: Database, holdings: Holdings, checklist: Checklist) -> None:
        self._db, self._holdings, self.checklist = db, holdings, checklist

    @property
    def digest(self) -> str:
        """Changes whenever the class map or the checklist in force does."""
        return hashlib.sha256(f"{class_map.current().digest}{self.checklist.digest}".encode()).hexdigest()

    def assess(self, graduate_id: UUID) -> Assessed:
        """Raises NotFound, Tampered. Opens records and titles, so callers record the reading or keep only codes."""
        who = self._who(graduate_id)
        kinds, holding = class_map.current(), self._holdings.of(graduate_id)
        held = [_paper(m, kinds) for m in holding.materials]
        found = facts(who, holding, {p.kind for p in held})
        return Assessed(
            who,
            holding.version,
            kinds.version,
            self.checklist.version,
            self.digest,
            rules.assess(self.checklist, found, held, who.cohort_year),
        )

    def _who(self, graduate_id: UUID) -> Who:
        with self._db.transaction() as session:
            row = session.execute(
                select(
                    Graduate.id, Graduate.cohort_year, Graduate.college, Graduate.major, Graduate.degree_level
                ).where(Graduate.id == graduate_id)
            ).one_or_none()
        if row is None:
            raise NotFound("graduate_not_found")
        return Who(*row)


def facts(who: Who, holding: Holding, held: set[str]) -> Facts:
    """Fact -> its values. Courses are left out: no checklist asks for them, and they are most of a dossier."""
    found: dict[str, list[str]] = {
        "cohort_year": [str(who.cohort_year)],
        "degree_level": [who.degree_level],
        "college": [who.college],
        "major": [who.major],
        "held": sorted(held),
    }
    for record in holding.records:
        if record.section is not Section.COURSE:
            for name, value in record.body.items():
                found.setdefault(f"{record.section.value}.{name}", []).append(str(value))
    over = _years_over(holding, who.cohort_year)
    if over is not None:
        found["enrolment.years_over"] = [str(over)]
    return {name: tuple(values) for name, values in found.items()}


def _years_over(holding: Holding, cohort_year: int) -> int | None:
    """Years beyond the length of study (延期); None where entry or length is not on file."""
    enrolment = holding.first(Section.ENROLMENT)
    entered, length = _YEAR.match(enrolment.get("enrolled_on", "")), _LENGTH.search(enrolment.get("study_length", ""))
    if entered is None or length is None:
        return None
    return cohort_year - int(entered[0]) - int(length[0])


def _paper(material: HeldMaterial, kinds: ClassMap) -> HeldPaper:
    kind = kinds.classify(material.title, material.class_code, material.kind)
    return HeldPaper(kind, material.file_name is not None, material.zone is Zone.C)
