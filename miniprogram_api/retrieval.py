"""The graduate finds things in the own dossier, and sees awards and grades summed up."""

from __future__ import annotations

from typing import Literal
from uuid import UUID

from pydantic import Field

from app.actors import Assurance, Purpose
from auth.guards import current_actor, graduate
from miniprogram_api.door import In, Out, api, lantai


class SearchIn(In):
    q: str = Field(min_length=1, max_length=60, description="Words separated by spaces; a title must hold all of them")


class FoundOut(Out):
    id: UUID
    kind: Literal["record", "material"]
    group: str
    group_label: str
    title: str
    formed_on: str | None


class FoundListOut(Out):
    items: list[FoundOut]


class CountOut(Out):
    value: str
    label: str
    count: int


class AwardOut(Out):
    id: UUID
    name: str
    level: str = Field(description="national, provincial, municipal, school, college, other, or empty")
    level_label: str
    issuer: str
    awarded_on: str


class AwardsOut(Out):
    total: int
    by_level: list[CountOut]
    by_year: list[CountOut]
    items: list[AwardOut]


class GradesOut(Out):
    term: str = Field(description="Empty for all terms together")
    courses: int
    credits: float
    numeric: int = Field(description="Courses with a grade in numbers, which the mean is of")
    mean: float | None = Field(description="Weighted by credits")


class SummaryOut(Out):
    grades: GradesOut
    terms: list[GradesOut]
    research_total: int
    research: list[CountOut]
    awards_total: int
    awards: list[CountOut]


@api.post("/dossier/search")
@graduate(Assurance.L2_PROOFED)
@api.input(SearchIn, arg_name="body")
@api.output(FoundListOut)
def search_dossier(body: SearchIn) -> FoundListOut:
    """Search the titles of the own dossier. In the body, because words in an address end up in logs."""
    found = lantai().own.search(current_actor(), body.q)
    return FoundListOut(items=[FoundOut.model_validate(item) for item in found])


@api.get("/dossier/awards")
@graduate(Assurance.L2_PROOFED, purpose=Purpose.VIEW_DOSSIER)
@api.output(AwardsOut)
def awards() -> AwardsOut:
    """All own awards summed up: in total, by level, by year, and one by one."""
    return AwardsOut.model_validate(lantai().own.awards(current_actor()))


@api.get("/dossier/summary")
@graduate(Assurance.L2_PROOFED, purpose=Purpose.VIEW_DOSSIER)
@api.output(SummaryOut)
def summary() -> SummaryOut:
    """Grades by term, research by kind, awards by level."""
    return SummaryOut.model_validate(lantai().own.summary(current_actor()))
