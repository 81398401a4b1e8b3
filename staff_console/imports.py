"""Importing cohorts: upload, columns, dry run, import, what became of every row, mending, undoing."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, BinaryIO, cast
from uuid import UUID

from flask import Blueprint, Response, request

from app.actors import Role
from app.dossiers.views import FileView
from app.errors import Conflict, DomainError, FieldFault, Invalid, TooLarge, VersionMismatch
from app.imports.columns import FIELDS
from app.imports.paging import whole_lines
from app.imports.rules import BatchSource, BatchState, RowOutcome, may_start
from app.imports.views import BatchView, Hindrance, Preview
from app.problems import problem_of, wording
from auth.guards import current_actor
from staff_console import forms
from staff_console.gate import desk
from staff_console.import_filters import ROWS_PER_PAGE, BatchFilter, RowFilter
from staff_console.import_words import (
    BATCH_SOURCES,
    BATCH_STATES,
    FORECAST,
    GUIDE,
    IMPORT_VOCABULARY,
    OUTCOMES,
    TABLES,
    Words,
)
from staff_console.parts import parts
from staff_console.render import fragment, go, page, wants_fragment

MAX_UPLOAD = 1024**3
# the guard reads the form, so the limit is raised before it
UPLOADS = frozenset({"console.import_upload", "console.import_mend"})
UNCOUNTED = frozenset({BatchState.RECEIVING, BatchState.UPLOADED})
UNWRITTEN = UNCOUNTED | {BatchState.CHECKING, BatchState.CHECKED}


def _path(batch_id: UUID) -> str:
    return f"/console/import/{batch_id}"


# --- uploading --------------------------------------------------------------------------------------------------------


def _uploaded(parent_id: UUID | None = None) -> BatchView:
    file = request.files.get("cohort")
    if file is None or not file.filename:
        raise Invalid("invalid_input", faults=[FieldFault("/cohort", "required", "请选择要导入的文件")])
    return parts().importer.receive(
        current_actor(),
        name=file.filename,
        stream=cast(BinaryIO, file.stream),
        source=BatchSource.CONSOLE,
        batch_key=forms.text("batch_key").strip() or None,
        parent=parent_id,
    )


def _new(status: int = 200, error: DomainError | None = None) -> Response:
    problem = problem_of(error) if error is not None else None
    context = {"tables": TABLES, "guide": GUIDE, "limit": MAX_UPLOAD, "typed": request.form}
    return page("import_new.html", status, problem=problem, **context)


# --- one batch --------------------------------------------------------------------------------------------------------


def _preview(batch: BatchView) -> Preview | None:
    """The columns, while they may still be changed and the source can be read."""
    if not may_start("mapping", batch.state) or not batch.source_kept:
        return None
    return parts().importer.preview(current_actor(), batch.id)


def _hindrances(batch: BatchView) -> list[Hindrance]:
    if not (may_start("undo", batch.state) and batch.filed):
        return []
    return list(parts().importer.hindrances(current_actor(), batch.id))


def _acts(batch: BatchView) -> set[str]:
    """What may be done now."""
    acts = {what for what in ("cancel", "undo") if may_start(what, batch.state)}
    if batch.state is BatchState.CHECKED and batch.filed:
        acts.add("start_import")
    if batch.trouble and not batch.under_way and may_start("import", batch.state):
        acts.add("start_import")
    if batch.refused and batch.source_kept and batch.state in (BatchState.CHECKED, BatchState.DONE):
        acts |= {"errors"} if "start_import" in acts else {"errors", "mend"}
    if not batch.filed or batch.state in UNWRITTEN:
        acts.discard("undo")
    # what came from the sandbox is nobody's: it is neither imported nor mended for import
    return acts - {"start_import", "mend"} if batch.dry_only else acts


def _makers(batches: Sequence[BatchView]) -> dict[UUID, str]:
    names = dict(parts().people.staff_names([b.created_by for b in batches]))
    return names | {c.id: c.name for c in parts().partners.clients()}


def _outcomes(batch: BatchView) -> Mapping[RowOutcome, Words]:
    """Before anything is written, rows are told to be fit and not to be filed."""
    return FORECAST if batch.state in UNWRITTEN else OUTCOMES


def _rows(batch: BatchView, wanted: RowFilter) -> dict[str, Any]:
    found = parts().importer.rows(
        current_actor(), batch.id, outcome=wanted.outcome, limit=ROWS_PER_PAGE + 1, after_line=wanted.after
    )
    rows, following = whole_lines(found, ROWS_PER_PAGE)
    return {"rows": rows, "following": following, "per_page": ROWS_PER_PAGE, "wanted": wanted}


def _batch(batch: BatchView, status: int = 200, error: DomainError | None = None) -> Response:
    counted = batch.state not in UNCOUNTED and not batch.under_way
    preview = _preview(batch)
    return page(
        "import_batch.html",
        status,
        **IMPORT_VOCABULARY,
        batch=batch,
        maker=_makers([batch]).get(batch.created_by) or BATCH_SOURCES[batch.source],
        running=batch.under_way,
        preview=preview,
        counted=counted,
        counts={
            RowOutcome.FILED: batch.filed,
            RowOutcome.REFUSED: batch.refused,
            RowOutcome.SKIPPED: batch.skipped,
        },
        acts=_acts(batch),
        hindrances=_hindrances(batch),
        trouble=wording(batch.trouble, False, {}) if batch.trouble else "",
        problem=problem_of(error) if error is not None else None,
        outcomes=_outcomes(batch),
        **(_rows(batch, RowFilter.read(batch.id, request.args)) if counted else {}),
    )


def _part(batch: BatchView, part: str) -> Response:
    """The piece of the page that htmx asks for."""
    if part == "rows":
        wanted = RowFilter.read(batch.id, request.args)
        return fragment("_import_rows.html", **IMPORT_VOCABULARY, outcomes=_outcomes(batch), **_rows(batch, wanted))
    if batch.under_way:
        return fragment("_import_progress.html", **IMPORT_VOCABULARY, batch=batch, outcomes=_outcomes(batch))
    response = Response("", 200)
    response.headers["HX-Refresh"] = "true"
    return response


def _do(batch_id: UUID, act: Callable[[], object], note: str) -> Response:
    """Do it and go back to the batch; what hinders it is told on the batch's page."""
    try:
        act()
    except (Invalid, TooLarge, VersionMismatch, Conflict) as error:
        return _batch(parts().importer.batch(current_actor(), batch_id), problem_of(error).status, error)
    return go(_path(batch_id), note)


def _chosen(batch_id: UUID) -> Mapping[str, str]:
    """Header -> field, '' for a column that is left out. Raises Invalid for two columns of one field."""
    preview = parts().importer.preview(current_actor(), batch_id)
    return {
        c.header: field
        for c in preview.columns
        if c.header and ((field := forms.text(f"column-{c.position}")) in FIELDS["graduates"] or not field)
    }


def _map_and_check(batch_id: UUID) -> None:
    actor, importer = current_actor(), parts().importer
    mapped = importer.set_mapping(actor, batch_id, _chosen(batch_id), forms.version())
    importer.start_check(actor, batch_id, mapped.version)


def _confirm() -> None:
    if not forms.ticked("understood"):
        raise Invalid("invalid_input", faults=[FieldFault("/understood", "must_be_confirmed", "请确认撤销整批")])


def _batches() -> Response:
    wanted = BatchFilter.read(request.args)
    found = parts().importer.batches(current_actor(), wanted.wanted, limit=forms.PAGE_SIZE)
    return page(
        "imports.html",
        **IMPORT_VOCABULARY,
        found=found,
        wanted=wanted,
        states=BATCH_STATES,
        makers=_makers(found.batches),
        unwritten=UNWRITTEN,
    )


def _download(found: FileView) -> Response:
    response = Response(found.data, content_type=found.media_type)
    response.headers["Content-Disposition"] = f'attachment; filename="{found.name}"'
    response.headers["Cache-Control"] = "no-store"
    return response


# --- addresses --------------------------------------------------------------------------------------------------------


def add_imports(console: Blueprint) -> None:
    _add_uploads(console)
    _add_batches(console)
    _add_acts(console)


def _add_uploads(console: Blueprint) -> None:
    @console.before_request
    def larger_upload() -> None:
        if request.endpoint in UPLOADS:
            request.max_content_length = MAX_UPLOAD

    @console.get("/import/new")
    @desk(Role.ARCHIVIST)
    def import_new() -> Response:
        return _new()

    @console.post("/import/new")
    @desk(Role.ARCHIVIST)
    def import_upload() -> Response:
        try:
            batch = _uploaded()
        except (Invalid, TooLarge, Conflict) as error:
            return _new(problem_of(error).status, error)
        return go(_path(batch.id), "batch_received")

    @console.post("/import/<uuid:batch_id>/mend")
    @desk(Role.ARCHIVIST)
    def import_mend(batch_id: UUID) -> Response:
        batch = parts().importer.batch(current_actor(), batch_id)
        try:
            child = _uploaded(batch_id)
        except (Invalid, TooLarge, Conflict) as error:
            return _batch(batch, problem_of(error).status, error)
        return go(_path(child.id), "batch_received")

    @console.get("/import/templates/<name>")
    @desk(Role.ARCHIVIST)
    def import_template(name: str) -> Response:
        table, _, kind = name.rpartition(".")
        return _download(parts().importer.template(table, kind))


def _add_batches(console: Blueprint) -> None:
    @console.get("/import")
    @desk(Role.ARCHIVIST)
    def imports() -> Response:
        return _batches()

    @console.get("/import/<uuid:batch_id>")
    @desk(Role.ARCHIVIST)
    def import_batch(batch_id: UUID) -> Response:
        batch = parts().importer.batch(current_actor(), batch_id)
        part = request.args.get("part", "")
        return _part(batch, part) if part and wants_fragment() else _batch(batch)

    @console.get("/import/<uuid:batch_id>/errors.csv")
    @desk(Role.ARCHIVIST)
    def import_errors(batch_id: UUID) -> Response:
        return _download(parts().importer.error_file(current_actor(), batch_id))


def _add_acts(console: Blueprint) -> None:
    @console.post("/import/<uuid:batch_id>/mapping")
    @desk(Role.ARCHIVIST)
    def import_mapping(batch_id: UUID) -> Response:
        return _do(batch_id, lambda: _map_and_check(batch_id), "batch_checking")

    @console.post("/import/<uuid:batch_id>/start")
    @desk(Role.ARCHIVIST)
    def import_start(batch_id: UUID) -> Response:
        importer = parts().importer
        return _do(batch_id, lambda: importer.start_import(current_actor(), batch_id, forms.version()), "batch_started")

    @console.post("/import/<uuid:batch_id>/cancel")
    @desk(Role.ARCHIVIST)
    def import_cancel(batch_id: UUID) -> Response:
        importer = parts().importer
        return _do(batch_id, lambda: importer.cancel(current_actor(), batch_id, forms.version()), "batch_cancelled")

    @console.post("/import/<uuid:batch_id>/undo")
    @desk(Role.ARCHIVIST)
    def import_undo(batch_id: UUID) -> Response:
        def undo() -> None:
            _confirm()
            parts().importer.undo(current_actor(), batch_id, forms.version())

        return _do(batch_id, undo, "batch_undoing")
