"""Pages of a batch's rows, cut where the file itself has an edge."""

from __future__ import annotations

from collections.abc import Sequence

from app.imports.views import RowView


def whole_lines(found: Sequence[RowView], limit: int) -> tuple[Sequence[RowView], int]:
    """(the page, line after which the next begins, 0 on the last) out of ``limit + 1`` rows asked for.

    Rows of several tables may stand in one line: a page never ends between them.
    """
    if len(found) <= limit:
        return found, 0
    cut = found[limit].line
    page = [row for row in found if row.line < cut] or list(found)
    return page, page[-1].line
