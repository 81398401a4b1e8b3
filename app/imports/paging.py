"""Pages of a batch's rows, cut where the file itself has an edge, and pages of batches in both directions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import Select, select, tuple_
from sqlalchemy.orm import Session

from app.imports.models import ImportBatch
from app.imports.rules import BatchSource, BatchState
from app.imports.views import BatchView, RowView


def whole_lines(found: Sequence[RowView], limit: int) -> tuple[Sequence[RowView], int]:
    """(the page, line after which the next begins, 0 on the last) out of ``limit + 1`` rows asked for.

    Rows of several tables may stand in one line: a page never ends between them.
    """
    if len(found) <= limit:
        return found, 0
    cut = found[limit].line
    page = [row for row in found if row.line < cut] or list(found)
    return page, page[-1].line


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which batches are looked for, newest first. ``before``: only older ones than this; ``after``: those that are
    next newer than this. A cursor that is no batch any more is left out of account.
    """

    state: BatchState | None = None
    source: BatchSource | None = None
    before: UUID | None = None
    after: UUID | None = None


@dataclass(frozen=True, slots=True)
class BatchPage:
    """``newer`` and ``older`` are the cursors of the pages beside this one, None where there is none."""

    batches: Sequence[BatchView]
    newer: UUID | None
    older: UUID | None


_ORDER = (ImportBatch.created_at, ImportBatch.id)


def found_batches(session: Session, query: Select[ImportBatch], wanted: Wanted, limit: int) -> Sequence[ImportBatch]:
    """Newest first, whichever way the page was turned."""
    query = query.where(ImportBatch.state != BatchState.RECEIVING)
    if wanted.state is not None:
        query = query.where(ImportBatch.state == wanted.state)
    if wanted.source is not None:
        query = query.where(ImportBatch.source == wanted.source)
    cursor = wanted.after or wanted.before
    place = session.execute(select(*_ORDER).where(ImportBatch.id == cursor)).one_or_none() if cursor else None
    if place is None:
        return session.scalars(query.order_by(*(c.desc() for c in _ORDER)).limit(limit)).all()
    if wanted.after is None:
        older = query.where(tuple_(*_ORDER) < tuple_(*place))
        return session.scalars(older.order_by(*(c.desc() for c in _ORDER)).limit(limit)).all()
    newer = query.where(tuple_(*_ORDER) > tuple_(*place))
    return session.scalars(newer.order_by(*_ORDER).limit(limit)).all()[::-1]


def cut_page(found: Sequence[BatchView], wanted: Wanted, limit: int) -> BatchPage:
    """The page out of ``limit + 1`` batches asked for: the one too many tells whether the way goes on."""
    more = len(found) > limit
    page = list(found[-limit:] if wanted.after else found[:limit])
    if not page:
        return BatchPage((), None, None)
    newer = more if wanted.after else wanted.before is not None
    older = True if wanted.after else more
    return BatchPage(page, page[0].id if newer else None, page[-1].id if older else None)
