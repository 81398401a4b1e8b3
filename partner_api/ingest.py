"""Campus systems and data terminals push dossiers: whole batches as files, single graduates as JSON.

A client sees its own batches only; another's is absent. Replies hold fault codes, Chinese words and cells, and no
personal data beyond a masked student number.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import Response, make_response, request, url_for

from app.actors import Actor
from app.errors import Conflict, FieldFault, Invalid, NotFound, VersionMismatch
from app.imports.columns import Fault
from app.imports.paging import whole_lines
from app.imports.rules import BatchSource, BatchState, RowOutcome
from app.imports.views import BatchView, RowView
from app.problems import wording
from auth.guards import current_machine, in_sandbox, machine, public
from auth.rules import Scope
from partner_api import door, package_records
from partner_api.describing import SCHEMA_JSON, Answer, Description, describes
from partner_api.door import lantai, machines
from partner_api.records import schema
from partner_api.replies import BatchReply, CellFault, RowPage, RowReply

BATCH_MOST = 1024 * 1024 * 1024
UPLOADS = frozenset({"machines.push_batch"})
STARTS = ("", "check", "import")
# a start that is repeated finds the work under way or done
STARTED = frozenset({BatchState.IMPORTING, BatchState.DONE})
SCHEMAS = {"graduate.json": schema, **package_records.SCHEMAS}
ABSENT = NotFound("batch_not_found")
CANNOT_START = (Conflict("import_state"), Conflict("import_source_gone"), VersionMismatch())


@machines.before_request
def limits() -> None:
    """More than the house's limit, before anything of the body is read."""
    request.max_content_length = BATCH_MOST if request.endpoint in UPLOADS else door.JSON_MOST


# --- batches ----------------------------------------------------------------------------------------------------------


def _at(value: Any) -> str | None:
    return value.isoformat(timespec="seconds") if value is not None else None


def _shown(batch: BatchView) -> BatchReply:
    address = url_for("machines.batch", batch_id=batch.id)
    return {
        "id": str(batch.id),
        "name": batch.name,
        "state": batch.state.value,
        "parent_id": str(batch.parent_id) if batch.parent_id else None,
        "progress": {"percent": batch.percent, "done": batch.done, "rows": batch.rows},
        "counts": {"filed": batch.filed, "refused": batch.refused, "skipped": batch.skipped},
        "problems": [{"pointer": p.pointer, "code": p.code, "detail": p.words} for p in batch.problems],
        "trouble": {"code": batch.trouble, "detail": wording(batch.trouble, False, {})} if batch.trouble else None,
        "created_at": _at(batch.created_at),
        "started_at": _at(batch.started_at),
        "finished_at": _at(batch.finished_at),
        "links": {"self": address, "rows": f"{address}/rows", "errors": f"{address}/errors.csv"},
    }


def _start(actor: Actor, batch: BatchView, what: str) -> BatchView:
    """Begin what is asked for, once: a repeated request finds it under way or done. From the sandbox every import is a
    dry run.
    """
    importer = lantai().importer
    if what == "import" and in_sandbox():
        what = "check"
    if what == "check" and batch.state is BatchState.UPLOADED:
        return importer.start_check(actor, batch.id, batch.version)
    if what == "import" and batch.state not in STARTED:
        return importer.start_import(actor, batch.id, batch.version)
    return batch


@machines.post("/batches")
@machine(Scope.PUSH_DOSSIERS)
@describes(
    Description(
        {202: Answer(BatchReply, headers=("Location",))},
        query=("start", "name"),
        key=True,
        file=True,
        raises=(Conflict("batch_key_reused"), Invalid("source_empty"), Invalid("file_required"), *CANNOT_START),
    )
)
def push_batch() -> Response:
    """202 with Location. The Idempotency-Key is the batch's key: the same again gives the same batch."""
    door.only_query()
    what, key = request.args.get("start", ""), door.batch_key()
    if what not in STARTS:
        raise Invalid("unknown_query", faults=[FieldFault("/start", "enum")])
    file, actor = door.upload(), current_machine()
    batch = lantai().importer.receive(
        actor,
        name=file.name,
        stream=file.stream,
        source=BatchSource.PARTNER,
        batch_key=key,
        dry_only=in_sandbox(),
    )
    batch = _start(actor, batch, what)
    return door.reply(_shown(batch), 202, Location=url_for("machines.batch", batch_id=batch.id))


@machines.get("/batches/<uuid:batch_id>")
@machine(Scope.PUSH_DOSSIERS)
@describes(Description({200: Answer(BatchReply)}, raises=(ABSENT,)))
def batch(batch_id: UUID) -> Response:
    """Where a batch stands."""
    door.only_query()
    return door.reply(_shown(lantai().importer.batch(current_machine(), batch_id)))


@machines.post("/batches/<uuid:batch_id>/start")
@machine(Scope.PUSH_DOSSIERS)
@describes(Description({202: Answer(BatchReply)}, raises=(ABSENT, *CANNOT_START)))
def start(batch_id: UUID) -> Response:
    """Import a batch that waits. Repeated, it finds the work under way or done."""
    door.only_query()
    actor = current_machine()
    return door.reply(_shown(_start(actor, lantai().importer.batch(actor, batch_id), "import")), 202)


# --- rows -------------------------------------------------------------------------------------------------------------


def _fault(fault: Fault) -> CellFault:
    return {"column": fault.column, "cell": fault.cell, "code": fault.code, "detail": fault.words}


def _row(row: RowView) -> RowReply:
    return {
        "sheet": row.sheet,
        "line": row.line,
        "outcome": row.outcome.value,
        "student": row.student,
        "faults": [_fault(f) for f in row.faults],
    }


def _outcome() -> RowOutcome | None:
    given = request.args.get("outcome")
    if given is None:
        return None
    if given not in set(RowOutcome):
        raise Invalid("unknown_query", faults=[FieldFault("/outcome", "enum")])
    return RowOutcome(given)


@machines.get("/batches/<uuid:batch_id>/rows")
@machine(Scope.PUSH_DOSSIERS)
@describes(Description({200: Answer(RowPage)}, query=("outcome", "cursor", "limit"), raises=(ABSENT,)))
def rows(batch_id: UUID) -> Response:
    """The rows with what became of each, in the file's order."""
    door.only_query()
    actor, outcome = current_machine(), _outcome()
    after, limit = door.page_asked()
    found = lantai().importer.rows(actor, batch_id, outcome=outcome, limit=limit + 1, after_line=after)
    page, following = whole_lines(found, limit)
    told: RowPage = {"items": [_row(r) for r in page], "next": door.cursor(following) if following else None}
    return door.reply(told)


@machines.get("/batches/<uuid:batch_id>/errors.csv")
@machine(Scope.PUSH_DOSSIERS)
@describes(
    Description(
        {200: Answer(None, ("text/csv", "application/zip"), headers=("Content-Disposition",))},
        raises=(ABSENT, Conflict("import_nothing_refused"), Conflict("import_source_gone")),
    )
)
def errors(batch_id: UUID) -> Response:
    """The refused rows with the client's own columns and the reasons, to be mended and sent again."""
    door.only_query()
    actor = current_machine()
    found = lantai().importer.error_file(actor, batch_id)
    response = make_response(found.data)
    response.content_type = found.media_type
    response.headers["Content-Disposition"] = f'attachment; filename="{found.name}"'
    return response


# --- schemas ----------------------------------------------------------------------------------------------------------


@machines.get("/schemas/<name>")
@public("the description of the door holds no data")
@describes(
    Description(
        {200: Answer(dict[str, Any], (SCHEMA_JSON,))},
        path={"name": tuple(SCHEMAS)},
        raises=(NotFound("schema_not_found"),),
    )
)
def schema_document(name: str) -> Response:
    """JSON Schema (2020-12) of a form."""
    door.only_query()
    if name not in SCHEMAS:
        raise NotFound("schema_not_found")
    response = door.reply(SCHEMAS[name]())
    response.content_type = SCHEMA_JSON
    response.headers["Cache-Control"] = "public, max-age=300"
    return response
