"""The dossier by zone: catalogue, sections, one record with its versions, materials, own access log."""

from __future__ import annotations

from datetime import date, datetime
from typing import Literal
from urllib.parse import quote
from uuid import UUID

from flask import Response
from pydantic import Field, TypeAdapter

from app.actors import ActorKind, Assurance, Purpose
from app.completeness.rules import Need, Standing
from app.dossiers.rules import DossierState, Section, Source, Zone
from app.dossiers.views import CatalogueView
from app.retrieval.rules import purpose_label
from auth.guards import current_actor, graduate
from miniprogram_api.door import Out, PageIn, api, etag, lantai, page_of, read_cursor


class HiddenOut(Out):
    """Why something is not shown, whom to ask and how to object."""

    zone: Zone
    rule: str
    ground: str
    ask: str
    objection: str


class ItemOut(Out):
    id: UUID
    kind: Literal["record", "material"]
    group: str
    group_label: str
    sequence: int
    zone: Zone
    title: str
    formed_on: str | None
    pages: int | None
    has_file: bool
    hidden: HiddenOut | None
    remark: str | None


class CatalogueOut(Out):
    dossier_id: UUID
    state: DossierState
    version: int
    rules_version: str
    items: list[ItemOut]


class VersionOut(Out):
    number: int
    source: Source
    source_id: UUID | None = Field(description="The ticket a correction came from")
    created_at: datetime
    body: dict[str, str]
    changed: list[str]


class RecordOut(Out):
    id: UUID
    section: Section
    section_label: str
    position: int
    zone: Zone
    version: int
    body: dict[str, str]
    labels: dict[str, str]
    versions: list[VersionOut]


class SectionOut(Out):
    section: Section
    label: str
    zone: Zone
    hidden: HiddenOut | None
    records: list[RecordOut]


class MaterialOut(Out):
    id: UUID
    class_code: str
    class_label: str
    kind: str
    sequence: int
    zone: Zone
    version: int
    title: str
    formed_on: str | None
    pages: int | None
    remark: str | None
    media_type: str | None
    size: int | None
    hidden: HiddenOut | None


class AccessOut(Out):
    at: datetime
    type: str
    by: ActorKind
    purpose: str | None = Field(description="Why staff opened it (调取目的), in Chinese")
    object_kind: str
    object_id: UUID | None


class AccessLogOut(Out):
    items: list[AccessOut]
    next: str | None


class OwedOut(Out):
    """One line of the checklist. ``kind``, ``owner`` and ``due_on`` are empty where the zone keeps them back."""

    kind: str
    name: str
    class_label: str
    need: Need
    need_label: str
    standing: Standing
    standing_label: str
    owner: str
    owner_label: str
    due_on: date | None
    overdue: bool
    ground: str
    advice: str
    form: str
    why: str


class CompletenessOut(Out):
    """What the dossier should hold before graduation, and what it lacks."""

    cohort_year: int
    dossier_version: int
    class_map_version: str
    checklist_version: str
    complete: bool
    listed_percent: int
    scanned_percent: int
    summary: str
    items: list[OwedOut]


_CATALOGUE = TypeAdapter(CatalogueView)


@api.get("/dossier")
@graduate(Assurance.L2_PROOFED)
@api.output(CatalogueOut)
def catalogue() -> Response:
    """Every item by title; hidden ones say why."""
    return _catalogue(lantai().dossiers.catalogue(current_actor()))


@api.get("/dossiers/<uuid:dossier_id>")
@graduate(Assurance.L2_PROOFED)
@api.output(CatalogueOut)
def catalogue_by_id(dossier_id: UUID) -> Response:
    """The same by id. Somebody else's dossier is not found."""
    return _catalogue(lantai().dossiers.catalogue(current_actor(), dossier_id))


def _catalogue(view: CatalogueView) -> Response:
    """Straight to JSON: the view is frozen and of CatalogueOut's shape (a test compares them)."""
    return Response(_CATALOGUE.dump_json(view), content_type="application/json", headers=etag(view.version))


@api.get("/dossier/sections/<section>")
@graduate(Assurance.L2_PROOFED, purpose=Purpose.VIEW_DOSSIER)
@api.output(SectionOut)
def section(section: str) -> SectionOut:
    """All records of one section with their content."""
    return SectionOut.model_validate(lantai().dossiers.section_by_name(current_actor(), section))


@api.get("/dossier/records/<uuid:record_id>")
@graduate(Assurance.L2_PROOFED, purpose=Purpose.VIEW_DOSSIER)
@api.output(RecordOut)
def record(record_id: UUID) -> tuple[RecordOut, int, dict[str, str]]:
    """One record with all its versions: a correction never overwrites."""
    view = lantai().dossiers.record(current_actor(), record_id)
    return RecordOut.model_validate(view), 200, etag(view.version)


@api.get("/dossier/materials/<uuid:material_id>")
@graduate(Assurance.L2_PROOFED)
@api.output(MaterialOut)
def material(material_id: UUID) -> tuple[MaterialOut, int, dict[str, str]]:
    """One material's description, as far as its zone allows."""
    view = lantai().dossiers.material(current_actor(), material_id)
    return MaterialOut.model_validate(view), 200, etag(view.version)


@api.get("/dossier/materials/<uuid:material_id>/file")
@graduate(Assurance.L2_PROOFED, purpose=Purpose.VIEW_DOSSIER)
@api.doc(responses={200: "The file"})
def material_file(material_id: UUID) -> Response:
    """Download a material of zone A."""
    file = lantai().dossiers.material_file(current_actor(), material_id)
    return attachment(file.name, file.media_type, file.data)


def attachment(name: str, media_type: str, data: bytes) -> Response:
    """Always a download: never rendered in our origin."""
    response = Response(data, content_type=media_type)
    response.headers["Content-Disposition"] = f"attachment; filename*=UTF-8''{quote(name)}"
    response.headers["Content-Security-Policy"] = "default-src 'none'; sandbox"
    return response


@api.get("/dossier/completeness")
@graduate(Assurance.L2_PROOFED)
@api.output(CompletenessOut)
def completeness() -> CompletenessOut:
    """What is missing, who owes it and by when; each line with its ground."""
    actor = current_actor()
    view = lantai().completeness.of(actor, actor.id)
    return CompletenessOut.model_validate(view)


@api.get("/dossier/catalogue.pdf")
@graduate(Assurance.L2_PROOFED)
@api.doc(responses={200: "The file"})
def catalogue_pdf() -> Response:
    """The catalogue as a sheet to print; sealed titles are masked."""
    actor = current_actor()
    return attachment("档案材料目录.pdf", "application/pdf", lantai().catalogue_print.print(actor, actor.id))


@api.get("/dossier/access-log")
@graduate(Assurance.L2_PROOFED)
@api.input(PageIn, location="query", arg_name="query")
@api.output(AccessLogOut)
def access_log(query: PageIn) -> AccessLogOut:
    """Every opening of the dossier, by anybody, newest first."""
    rows = lantai().dossiers.access_log(current_actor(), before=read_cursor(query.cursor), limit=query.limit + 1)
    page, following = page_of(rows, query.limit, lambda e: e.seq)
    items = [
        AccessOut(
            at=e.at,
            type=e.type,
            by=e.actor_kind,
            purpose=purpose_label(e.data.get("purpose")),
            object_kind=e.object_kind,
            object_id=e.object_id,
        )
        for e in page
    ]
    return AccessLogOut(items=items, next=following)
