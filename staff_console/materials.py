"""Scans: filing several at once, what became of them, one material with its versions, and a new version of it."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from flask import Blueprint, Response, request
from werkzeug.datastructures import FileStorage

from app.actors import Role
from app.dossiers import class_map
from app.dossiers.rules import MATERIAL_CLASSES
from app.dossiers.views import MaterialHistory
from app.errors import Conflict, DomainError, FieldFault, Invalid, TooLarge, VersionMismatch
from app.materials.rules import DA_T_31, MAX_REMARK, MAX_TITLE, MOST_FILES, Advice, Entry, ScanRule, scan_advice
from app.materials.scans import ScanFile
from app.problems import problem_of, wording
from auth.guards import current_actor
from staff_console import forms
from staff_console.evidence import SUFFIXES, file_response
from staff_console.evidence import preview_response as preview_response
from staff_console.gate import DESK, desk
from staff_console.graduates import graduate_or_404
from staff_console.parts import parts
from staff_console.render import go, page

MAX_UPLOAD = 128 * 1024 * 1024
ACCEPTED = ".pdf,.jpg,.jpeg,.png,.tif,.tiff,.ofd"


def entry_from_form(class_code: str = "") -> Entry:
    """What the form says of a material; a kind without a class takes the class map's. Raises Invalid."""
    kind = forms.text("kind").strip()
    chosen = class_code or forms.text("class_code").strip() or class_map.current().default_class(kind) or ""
    pages = forms.text("pages").strip()
    if pages and not (pages.isascii() and pages.isdigit() and len(pages) < 6):
        raise Invalid("invalid_input", faults=[FieldFault("/pages", "out_of_range")])
    if not chosen:
        raise Invalid("invalid_input", faults=[FieldFault("/class_code", "required", "请选择材料种类或类别")])
    return Entry(
        chosen,
        kind,
        forms.text("title").strip(),
        forms.text("formed_on").strip(),
        int(pages) if pages else None,
        forms.text("remark").strip(),
    )


def entry_choices() -> dict[str, Any]:
    """What the fields of a material offer."""
    return {
        "kinds": class_map.current().options(),
        "all_classes": MATERIAL_CLASSES,
        "max_title": MAX_TITLE,
        "max_remark": MAX_REMARK,
    }


def scan_rule() -> ScanRule:
    """The standard's thresholds, or the school's stricter ones."""
    settings = parts().settings
    return ScanRule(DA_T_31.version, settings.scan_least_dpi, settings.scan_ocr_dpi, DA_T_31.source)


def advice_for(media_type: str | None, facts: Mapping[str, Any], pages: int | None) -> list[Advice]:
    return scan_advice(media_type, facts, pages, scan_rule()) if media_type is not None else []


def _sent(found: Sequence[FileStorage]) -> list[ScanFile]:
    return [ScanFile((f.filename or "")[:200], f.read(), f.mimetype or "") for f in found if f.filename]


def _token() -> UUID:
    try:
        return UUID(forms.text("token"))
    except ValueError:
        raise Invalid("invalid_input", faults=[FieldFault("/token", "required")]) from None


def _form(graduate_id: UUID, status: int = 200, error: DomainError | None = None) -> Response:
    """The upload form; with an error, what was typed stays, but no browser keeps the chosen files."""
    return page(
        "material_new.html",
        status,
        graduate=graduate_or_404(graduate_id),
        tab="dossier",
        problem=problem_of(error) if error is not None else None,
        typed=request.form,
        token=uuid.uuid4(),
        most_files=MOST_FILES,
        accepted=ACCEPTED,
        rule=scan_rule(),
        limit=parts().settings.upload_max_bytes,
        **entry_choices(),
    )


def _material(found: MaterialHistory, status: int = 200, error: DomainError | None = None) -> Response:
    latest = found.versions[0]
    return page(
        "material.html",
        status,
        graduate=graduate_or_404(found.graduate_id),
        tab="dossier",
        material=found.material,
        kind_label=class_map.current().label(found.material.kind),
        latest=latest,
        versions=found.versions,
        advice=advice_for(latest.media_type, latest.facts, latest.pages),
        rule=scan_rule(),
        may_file=current_actor().has_role(Role.ARCHIVIST),
        problem=problem_of(error) if error is not None else None,
        typed=request.form,
        token=uuid.uuid4(),
        accepted=ACCEPTED,
        limit=parts().settings.upload_max_bytes,
        max_title=MAX_TITLE,
        max_remark=MAX_REMARK,
    )


def _add_filing(console: Blueprint) -> None:
    @console.before_request
    def larger_scans() -> None:
        # before the guard reads the form: scans are larger than any other request
        if request.endpoint in ("console.file_scans", "console.replace_scan"):
            request.max_content_length = MAX_UPLOAD

    @console.get("/graduates/<uuid:graduate_id>/materials/new")
    @desk(Role.ARCHIVIST)
    def new_scans(graduate_id: UUID) -> Response:
        return _form(graduate_id)

    @console.post("/graduates/<uuid:graduate_id>/materials/new")
    @desk(Role.ARCHIVIST)
    def file_scans(graduate_id: UUID) -> Response:
        graduate_or_404(graduate_id)
        try:
            files = _sent(request.files.getlist("files"))
            done = parts().scans.upload(
                current_actor(), graduate_id, _token(), entry_from_form(), files, allow_same=forms.ticked("allow_same")
            )
        except (Invalid, Conflict) as error:
            return _form(graduate_id, problem_of(error).status, error)
        if any(not line.code for line in done.lines):
            # whoever has just filed it may look at what was filed
            parts().purposes.open(current_actor(), graduate_id, "filing", quiet=True)
        return go(f"/console/uploads/{done.id}")

    @console.get("/uploads/<uuid:upload_id>")
    @desk(*DESK)
    def upload(upload_id: UUID) -> Response:
        found = parts().scans.outcome(current_actor(), upload_id)
        lines = [
            (line, advice_for(line.media_type or None, line.facts, line.pages), wording(line.code, False, {}))
            for line in found.lines
        ]
        return page(
            "upload.html",
            graduate=graduate_or_404(found.graduate_id),
            tab="dossier",
            upload=found,
            lines=lines,
            filed=sum(not line.code for line in found.lines),
            rule=scan_rule(),
        )


def _add_reading(console: Blueprint) -> None:
    @console.get("/materials/<uuid:material_id>")
    @desk(*DESK)
    def material(material_id: UUID) -> Response:
        return _material(parts().dossiers.material_history(current_actor(), material_id))

    @console.get("/materials/<uuid:material_id>/versions/<int:number>/preview")
    @desk(*DESK)
    def material_preview(material_id: UUID, number: int) -> Response:
        return preview_response(parts().dossiers.material_preview(current_actor(), material_id, number))

    @console.get("/materials/<uuid:material_id>/versions/<int:number>/file")
    @desk(*DESK)
    def material_version_file(material_id: UUID, number: int) -> Response:
        found = parts().dossiers.material_version_file(current_actor(), material_id, number)
        return file_response(found.media_type, found.data, f"material-v{number}.{SUFFIXES[found.media_type]}")

    @console.post("/materials/<uuid:material_id>/versions")
    @desk(Role.ARCHIVIST)
    def replace_scan(material_id: UUID) -> Response:
        actor = current_actor()
        found = parts().dossiers.material_history(actor, material_id)
        try:
            entry = entry_from_form(found.material.class_code)
            files = _sent(request.files.getlist("file"))
            if not files:
                raise Invalid("invalid_input", faults=[FieldFault("/file", "required", "请选择文件")])
            parts().scans.replace(
                actor,
                material_id,
                _token(),
                forms.version(),
                entry,
                files[0],
                allow_same=forms.ticked("allow_same"),
            )
        except (Invalid, Conflict, VersionMismatch, TooLarge) as error:
            return _material(found, problem_of(error).status, error)
        return go(f"/console/materials/{material_id}", "scan_replaced")


def add_materials(console: Blueprint) -> None:
    _add_filing(console)
    _add_reading(console)
