"""Supplements: send a material in, follow it, take it back."""

from __future__ import annotations

import hashlib
from datetime import datetime
from uuid import UUID

from apiflask.fields import UploadFile
from flask import Response
from pydantic import ConfigDict, Field

from app.actors import Assurance, Purpose
from app.dossiers import class_map
from app.dossiers.rules import Zone
from app.materials.rules import State
from app.materials.service import NewSupplement
from app.materials.views import SupplementView
from auth.guards import current_actor, graduate
from miniprogram_api.door import (
    In,
    Out,
    PageIn,
    api,
    body_up_to,
    etag,
    idempotency_key,
    idempotent,
    if_match,
    lantai,
    page_of,
    read_cursor,
)
from miniprogram_api.dossier import attachment

SUPPLEMENT_BODY_MOST = 12 * 1024 * 1024


class SupplementKindOut(Out):
    kind: str
    label: str
    class_code: str
    class_label: str
    form: str = Field(description="What the original must bear")


class SupplementKindsOut(Out):
    version: str
    items: list[SupplementKindOut]


class SupplementIn(In):
    model_config = ConfigDict(extra="forbid", arbitrary_types_allowed=True, str_strip_whitespace=True)

    file: UploadFile
    class_code: str = Field(min_length=1, max_length=4)
    kind: str = Field("", max_length=30)
    title: str = Field(min_length=1, max_length=120)
    formed_on: str = Field("", max_length=10, description="A year, month or day")
    statement: str = Field("", max_length=1000)


class SupplementLineOut(Out):
    id: UUID
    number: str
    state: State
    state_label: str
    title: str
    class_code: str
    class_label: str
    kind: str
    submitted_at: datetime
    decided_at: datetime | None
    version: int


class SupplementOut(SupplementLineOut):
    formed_on: str | None
    statement: str
    media_type: str
    size: int
    pages: int
    reason: str | None
    answer: str | None
    material_id: UUID | None


class SupplementsOut(Out):
    items: list[SupplementLineOut]
    next: str | None


def _supplement(view: SupplementView) -> SupplementOut:
    line = SupplementLineOut.model_validate(view.line).model_dump()
    rest = {n: getattr(view, n) for n in SupplementOut.model_fields if n not in line and n != "pages"}
    return SupplementOut.model_validate({**line, **rest, "pages": view.facts["pages"]})


@api.get("/supplements/kinds")
@graduate()
@api.output(SupplementKindsOut)
def supplement_kinds() -> SupplementKindsOut:
    """Kinds of material one may send in, in the order of the classes."""
    found = class_map.current()
    return SupplementKindsOut(
        version=found.version,
        items=[
            SupplementKindOut(kind=kind.code, label=kind.name, class_code=code, class_label=label, form=kind.form_words)
            for code, label, members in found.options()
            for kind in members
            if found.zone_of(code, kind.code).zone is not Zone.C
        ],
    )


@api.post("/supplements")
@graduate(Assurance.L2_PROOFED, purpose=Purpose.CORRECT)
@body_up_to(SUPPLEMENT_BODY_MOST)
@api.input(SupplementIn, location="files", arg_name="files")
@api.output(SupplementOut, status_code=201)
def send_supplement(files: SupplementIn) -> Response:
    """Send one material in for review (JPEG, PNG, TIFF, PDF, OFD)."""
    service, actor = lantai().supplements, current_actor()
    idempotency_key()  # before the file is cleaned and stored for nothing
    data, claimed = files.file.read(), files.file.mimetype or ""
    new = NewSupplement(files.class_code, files.kind, files.title, files.formed_on, files.statement)
    said = "\x1f".join((new.class_code, new.kind, new.title, new.formed_on, new.statement))
    digest = hashlib.sha256(hashlib.sha256(data).digest() + said.encode()).digest()
    prepared = service.prepare(actor, new, data, claimed)
    kept = False

    def work() -> tuple[int, Out, int | None]:
        nonlocal kept
        view = service.submit(actor, prepared)
        kept = True
        return 201, _supplement(view), view.line.version

    try:
        return idempotent(work, digest=digest)
    finally:
        if not kept:
            service.discard(prepared)


@api.get("/supplements")
@graduate(Assurance.L2_PROOFED)
@api.input(PageIn, location="query", arg_name="query")
@api.output(SupplementsOut)
def supplements(query: PageIn) -> SupplementsOut:
    """Own supplements, newest first."""
    rows = lantai().supplements.supplements(current_actor(), before=read_cursor(query.cursor), limit=query.limit + 1)
    page, following = page_of(rows, query.limit, lambda s: s.serial)
    return SupplementsOut(items=[SupplementLineOut.model_validate(s) for s in page], next=following)


@api.get("/supplements/<uuid:supplement_id>")
@graduate(Assurance.L2_PROOFED)
@api.output(SupplementOut)
def supplement(supplement_id: UUID) -> tuple[SupplementOut, int, dict[str, str]]:
    """One supplement with its state and, where it was returned, the reason."""
    view = lantai().supplements.supplement(current_actor(), supplement_id)
    return _supplement(view), 200, etag(view.line.version)


@api.get("/supplements/<uuid:supplement_id>/file")
@graduate(Assurance.L2_PROOFED)
@api.doc(responses={200: "The file"})
def supplement_file(supplement_id: UUID) -> Response:
    """Download what one sent in, as it is kept."""
    media_type, data = lantai().supplements.file(current_actor(), supplement_id)
    return attachment(f"supplement.{media_type.rsplit('/', 1)[-1]}", media_type, data)


@api.post("/supplements/<uuid:supplement_id>/withdrawal")
@graduate(Assurance.L2_PROOFED)
@api.output(SupplementOut)
def withdraw_supplement(supplement_id: UUID) -> Response:
    """Take a supplement back before it is decided; If-Match names the version seen."""
    version = if_match()

    def work() -> tuple[int, Out, int | None]:
        view = lantai().supplements.withdraw(current_actor(), supplement_id, version)
        return 200, _supplement(view), view.line.version

    return idempotent(work)
