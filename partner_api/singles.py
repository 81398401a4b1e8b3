"""One graduate as JSON: a batch of one, packed as the tables a file would bring, so that every rule is the same."""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Sequence

from flask import Response, url_for

from app.actors import Actor
from app.errors import Conflict, FieldFault, Invalid
from app.imports.columns import GRADUATE_TABLE, Fault
from app.imports.rules import BatchSource, BatchState, RowOutcome
from app.imports.views import BatchView, RowView
from auth.guards import current_machine, in_sandbox, machine
from auth.rules import Scope
from partner_api import door
from partner_api.describing import Answer, Description, describes
from partner_api.door import lantai, machines
from partner_api.records import TABLES, GraduateRecord, columns_of, row_of, tables_of
from partner_api.replies import GraduateReply

# the same record gives the same bytes, which is what makes a retry recognisable
_EPOCH = (1980, 1, 1, 0, 0, 0)
_HEAD_LINES = 2
_NAME = "record.zip"


def packed(record: GraduateRecord) -> bytes:
    """graduates.csv and a table for each list that is not empty."""
    number = {"学号": record.student_number}
    tables = {GRADUATE_TABLE: [row_of(record)]}
    tables |= {name: [number | row for row in rows] for name, rows in tables_of(record).items() if rows}
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, rows in tables.items():
            archive.writestr(zipfile.ZipInfo(f"{name}.csv", _EPOCH), _table(rows))
    return out.getvalue()


def _table(rows: Sequence[dict[str, str]]) -> str:
    out = io.StringIO(newline="")
    writer = csv.DictWriter(out, list(dict.fromkeys(column for row in rows for column in row)), restval="")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


def pointer(fault: Fault) -> str:
    """Where in the JSON the fault lies: the import names a column and, for further tables, a line."""
    if fault.sheet in TABLES:
        members = {column: name for name, column in columns_of(TABLES[fault.sheet]).items()}
        return f"/{fault.sheet}/{max(0, fault.line - _HEAD_LINES)}/{members.get(fault.column, '')}".rstrip("/")
    members = {column: name for name, column in columns_of(GraduateRecord).items()}
    return f"/{members.get(fault.column, '')}".rstrip("/") or "/"


def _filed(actor: Actor, key: str, record: GraduateRecord) -> tuple[BatchView, bool]:
    """(the batch of this record at its end, was it there before). From the sandbox it is a dry run."""
    importer = lantai().importer
    batch = importer.receive(
        actor,
        name=_NAME,
        stream=io.BytesIO(packed(record)),
        source=BatchSource.PARTNER,
        batch_key=key,
        dry_only=in_sandbox(),
    )
    if batch.state is BatchState.DONE:
        return batch, True
    batch = importer.check_now(actor, batch.id) if in_sandbox() else importer.import_now(actor, batch.id)
    if batch.state is BatchState.FAILED:
        raise Invalid("invalid_input", faults=[FieldFault(p.pointer, p.code, p.words) for p in batch.problems])
    return batch, False


def _own_row(actor: Actor, batch: BatchView) -> RowView:
    rows = lantai().importer.rows(actor, batch.id, limit=50)
    return next(r for r in rows if r.sheet == GRADUATE_TABLE)


def _tried(actor: Actor, batch: BatchView) -> Response:
    """After a dry run, which keeps the rows that would be refused and no other. Raises as ``_require_filed``."""
    for row in lantai().importer.rows(actor, batch.id, limit=50):
        _require_filed(row)
    body: GraduateReply = {"id": None, "batch": url_for("machines.batch", batch_id=batch.id)}
    return door.reply(body, 200, Location=body["batch"])


def _require_filed(row: RowView) -> None:
    """Raises Conflict('student_exists'), Invalid with a fault per field."""
    if row.outcome is RowOutcome.SKIPPED or any(f.code == "student_exists" for f in row.faults):
        raise Conflict("student_exists")
    if row.outcome is not RowOutcome.FILED:
        raise Invalid("invalid_input", faults=[FieldFault(pointer(f), f.code, f.words) for f in row.faults])


@machines.post("/graduates")
@machine(Scope.PUSH_DOSSIERS)
@describes(
    Description(
        {
            201: Answer(GraduateReply, headers=("Location",)),
            200: Answer(GraduateReply, headers=("Location",), may_have=("Idempotent-Replayed",)),
        },
        body=GraduateRecord,
        key=True,
        raises=(
            Conflict("batch_key_reused"),
            Conflict("student_exists"),
            Conflict("import_state"),
            Conflict("import_running"),
        ),
    )
)
def push_graduate() -> Response:
    """201 when filed, 200 when the same key and body had filed it before. In the sandbox 200 without an id: nothing is
    filed.
    """
    door.only_query()
    key, actor, record = door.batch_key(), current_machine(), door.json_body(GraduateRecord)
    batch, known = _filed(actor, key, record)
    if in_sandbox():
        return _tried(actor, batch)
    row = _own_row(actor, batch)
    _require_filed(row)
    body: GraduateReply = {"id": str(row.graduate_id), "batch": url_for("machines.batch", batch_id=batch.id)}
    replayed = {"Idempotent-Replayed": "true"} if known else {}
    return door.reply(body, 200 if known else 201, Location=body["batch"], **replayed)
