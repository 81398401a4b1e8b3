"""Everything that fixity verifies: every sealed column and every stored file, by table.

Tables of other rooms are known here by name only. A sealed column that stands neither here nor in ``UNCHECKED`` fails a
test, so that nothing new stays unverified by oversight.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, FromClause, Select, Table, func, literal, select
from sqlalchemy.orm import Session

from app.db import Base
from app.envelope import HOUSE


@dataclass(frozen=True, slots=True)
class StoredPart:
    """A file of the row: the column with its name, and the place's column it was sealed for."""

    name_column: str
    place: str


@dataclass(frozen=True, slots=True)
class Sealed:
    """One table. ``owner`` is the way to the owner's id, a foreign key per step, empty for the house's own values;
    ``row`` the column with the random row id; ``version`` that of the immutable version, where the place has one.
    ``photo`` and ``facts``: see ``fixity_check``. ``strangers``: where the way leads to nobody, the house sealed it.
    """

    table: str
    columns: Sequence[str]
    owner: Sequence[str] = ("graduate_id",)
    row: str = "id"
    version: str = ""
    files: Sequence[StoredPart] = ()
    photo: bool = False
    facts: bool = False
    strangers: bool = False


CONTENT, PREVIEW = StoredPart("file_name", "file"), StoredPart("preview_name", "preview")
SCOPE: Sequence[Sealed] = (
    Sealed("data_key", (), ("owner_id",), row="owner_id"),
    Sealed("graduate", ("sealed_card",), ("id",), version="card_version"),
    Sealed("dossier", ("sealed_photo_name",), photo=True),
    Sealed("record_version", ("sealed_body",), ("record_id", "dossier_id", "graduate_id"), version="number"),
    Sealed(
        "material_version",
        ("sealed_about", "sealed_facts"),
        ("material_id", "dossier_id", "graduate_id"),
        version="number",
        files=(CONTENT, PREVIEW),
        facts=True,
    ),
    Sealed("supplement", ("sealed_proposal", "sealed_facts", "sealed_answer"), files=(CONTENT, PREVIEW), facts=True),
    Sealed("scan_upload", ("sealed_outcome",)),
    Sealed("ticket", ("sealed_claim",)),
    Sealed("ticket_message", ("sealed_text",), ("ticket_id", "graduate_id")),
    Sealed("ticket_note", ("sealed_text",), ("ticket_id", "graduate_id")),
    Sealed("ticket_satisfaction", ("sealed_words",), row="ticket_id"),
    Sealed("evidence", (), files=(CONTENT,)),
    Sealed("transfer", ("sealed_proofs", "sealed_basis")),
    Sealed("transfer_manifest", ("sealed_body",), ("transfer_id", "graduate_id")),
    Sealed("dispatch", ("sealed_numbers",), ("transfer_id", "graduate_id")),
    Sealed("dispatch_item", ("sealed_number",)),
    Sealed("electronic_leg", ("sealed_words",)),
    Sealed("tracking_event", ("sealed_body",), ("transfer_id", "graduate_id")),
    Sealed("slip", ("sealed_count",), ("transfer_id", "graduate_id")),
    Sealed("transfer_case", ("sealed_body",), ("transfer_id", "graduate_id")),
    Sealed("double_act", ("sealed_evidence",), ("transfer_id", "graduate_id"), files=(CONTENT,)),
    Sealed("loan", ("sealed_words",)),
    Sealed("check_run", ("sealed_report",)),
    Sealed("check_item", ("sealed_note",), ("dossier_id", "graduate_id")),
    Sealed("import_batch", ("sealed_name",), ()),
    Sealed("review_finding", ("sealed_note", "sealed_mending"), ("item_id", "graduate_id")),
    Sealed("retrieval_purpose", ("sealed_note",)),
    Sealed("graduate_totp", ("sealed_secret",), row="graduate_id"),
    Sealed("notice_contact", ("sealed_address",)),
    Sealed("staff_member", ("sealed_totp",), ()),
    Sealed("chat_message", ("sealed_body",), ("conversation_id", "graduate_id"), strangers=True),
    Sealed("webhook_subscription", ("sealed_secrets",), (), version="secret_version"),
    Sealed("machine_key", ("sealed_secret",), ()),
)
UNCHECKED: Mapping[str, str] = {
    "stored_reply.sealed_reply": "kept for a day, and its owner is known to nobody but the caller who asks again",
    "claim.sealed_person": "lives for minutes",
    "verification.sealed_state": "lives for minutes",
    "import_row.sealed_cells": "a refused row, kept for the error file alone; its table is sent in again",
    "import_segment.file_name": "a piece of an import's source; who filed it has it, and it goes with the batch",
    "import_file.file_name": "the list of files that are about to be stored or deleted",
    "import_stage.sealed_rows": "lives while a chunk of an import is under way",
    "staff_search.sealed_search": "a search of staff, which expires unless kept; no dossier hangs on it",
    "ticket_draft.sealed_text": "what is being typed; kept for a week at most and gone when sent",
    "ticket_view.sealed_view": "a saved list of staff; no dossier hangs on it",
    "staff_mailbox.sealed_address": "where staff get test messages; typed in again, and no dossier hangs on it",
    "staff_link.sealed_totp": "offered on a page for three days at most; confirmed, it stands in staff_member",
    "partner_notice.sealed_recipient": "lives for seconds, until the worker has looked for whom it names",
    "data_key.wrapped": "verified by unwrapping it, in the stage data_key",
}
"""table.column -> why a sealed column is not verified by its tag."""
STAGES = tuple(s.table for s in SCOPE)


@dataclass(frozen=True, slots=True)
class Kept:
    """One row as read for verification."""

    id: UUID
    owner: UUID | None
    version: int
    cells: Mapping[str, bytes | None] = field(repr=False)
    names: Mapping[str, str | None] = field(default_factory=dict)


def of(stage: str) -> Sealed:
    return SCOPE[STAGES.index(stage)]


def after(stage: str) -> str | None:
    """The stage that follows; None after the last."""
    at = STAGES.index(stage) + 1
    return STAGES[at] if at < len(STAGES) else None


def count(session: Session) -> int:
    """How many rows a whole round looks at."""
    return sum(
        session.scalar(select(func.count()).select_from(Base.metadata.tables[sealed.table])) or 0 for sealed in SCOPE
    )


def batch(session: Session, sealed: Sealed, position: UUID | None, limit: int) -> list[Kept]:
    """The next rows after ``position`` in the order of their random ids."""
    query = _query(sealed)
    key = Base.metadata.tables[sealed.table].c[sealed.row]
    if position is not None:
        query = query.where(key > position)
    rows = session.execute(query.order_by(key).limit(limit)).mappings()
    return [
        Kept(
            row["row_id"],
            row["owner_id"],
            row["row_version"],
            {c: row[c] for c in sealed.columns},
            {f.place: row[f.name_column] for f in sealed.files},
        )
        for row in rows
    ]


def names_now(session: Session, sealed: Sealed, row_id: UUID) -> Mapping[str, str | None]:
    """The files a row names at this moment, by place; empty when the row is gone."""
    table = Base.metadata.tables[sealed.table]
    row = session.execute(select(table).where(table.c[sealed.row] == row_id)).mappings().one_or_none()
    return {} if row is None else {f.place: row[f.name_column] for f in sealed.files}


def absent(session: Session, sealed: Sealed, row_ids: Sequence[UUID]) -> set[UUID]:
    """Those of the rows that the table has no more."""
    key = Base.metadata.tables[sealed.table].c[sealed.row]
    return set(row_ids) - set(session.scalars(select(key).where(key.in_(row_ids))))


def _query(sealed: Sealed) -> Select[Any]:
    table = Base.metadata.tables[sealed.table]
    source: FromClause = table
    current: Table = table
    for step in sealed.owner[:-1]:
        parent = next(iter(current.c[step].foreign_keys)).column.table
        source = source.outerjoin(parent, current.c[step] == parent.c["id"])
        current = parent
    owner: ColumnElement[Any] = current.c[sealed.owner[-1]] if sealed.owner else literal(HOUSE)
    if sealed.strangers:
        owner = func.coalesce(owner, HOUSE)
    version = table.c[sealed.version] if sealed.version else literal(1)
    wanted = [table.c[name] for name in (*sealed.columns, *(f.name_column for f in sealed.files))]
    return select(
        table.c[sealed.row].label("row_id"), owner.label("owner_id"), version.label("row_version"), *wanted
    ).select_from(source)


def unlisted() -> Iterator[str]:
    """Sealed columns and names of stored files that are neither verified nor excused."""
    for table in Base.metadata.sorted_tables:
        listed = {c for s in SCOPE if s.table == table.name for c in s.columns}
        listed |= {f.name_column for s in SCOPE if s.table == table.name for f in s.files}
        for column in table.columns:
            name = f"{table.name}.{column.name}"
            kept = column.name.startswith("sealed_") or column.name in ("file_name", "preview_name")
            if kept and column.name not in listed and name not in UNCHECKED:
                yield name
