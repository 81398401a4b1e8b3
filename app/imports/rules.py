"""The steps of a batch, what a row can come to, and the limits of an upload. Pure tables."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from enum import StrEnum


class BatchState(StrEnum):
    RECEIVING = "receiving"
    """The source is still coming in; nobody sees the batch yet."""
    UPLOADED = "uploaded"
    CHECKING = "checking"
    CHECKED = "checked"
    IMPORTING = "importing"
    DONE = "done"
    FAILED = "failed"
    """The source as a whole cannot be used; nothing of it was filed after that was found."""
    CANCELLED = "cancelled"
    UNDOING = "undoing"
    UNDONE = "undone"


class BatchSource(StrEnum):
    CONSOLE = "console"
    COMMAND = "command"
    PARTNER = "partner"


class RowOutcome(StrEnum):
    FILED = "filed"
    REFUSED = "refused"
    SKIPPED = "skipped"
    """Nothing to do: what the row brings is on file already."""


STATE_WORDS: Mapping[BatchState, str] = {
    BatchState.RECEIVING: "接收中",
    BatchState.UPLOADED: "已上传",
    BatchState.CHECKING: "检查中",
    BatchState.CHECKED: "已检查",
    BatchState.IMPORTING: "导入中",
    BatchState.DONE: "已完成",
    BatchState.FAILED: "无法导入",
    BatchState.CANCELLED: "已取消",
    BatchState.UNDOING: "撤销中",
    BatchState.UNDONE: "已撤销",
}
# what may be begun from which state; a state that is under way may be begun again, for its worker may have died
STARTS: Mapping[str, frozenset[BatchState]] = {
    "mapping": frozenset({BatchState.UPLOADED, BatchState.CHECKED, BatchState.FAILED}),
    "check": frozenset({BatchState.UPLOADED, BatchState.CHECKING, BatchState.CHECKED, BatchState.FAILED}),
    "import": frozenset({BatchState.UPLOADED, BatchState.CHECKED, BatchState.IMPORTING, BatchState.FAILED}),
    "cancel": frozenset(
        {BatchState.UPLOADED, BatchState.CHECKING, BatchState.CHECKED, BatchState.IMPORTING, BatchState.FAILED}
    ),
    "undo": frozenset({BatchState.DONE, BatchState.CANCELLED, BatchState.FAILED, BatchState.UNDOING}),
}
UNDER_WAY = frozenset({BatchState.CHECKING, BatchState.IMPORTING, BatchState.UNDOING})
ENDED = frozenset({BatchState.DONE, BatchState.CANCELLED, BatchState.FAILED, BatchState.UNDONE})
# the source of these is gone; the same content may be sent again
REOPENED = frozenset({BatchState.CANCELLED, BatchState.UNDONE})

KEEP_SOURCE = timedelta(days=30)
"""How long the sealed source and the refused rows' cells of an ended batch are kept."""
RECEIVING_LIMIT = timedelta(hours=6)

SEGMENT_BYTES = 2 * 1024 * 1024
CHUNK_ROWS = 1000
FILE_CHUNK_ROWS = 200
"""Rows in one transaction; fewer where files come with them, so that progress is seen and little is redone."""

MAX_ENTRIES = 100_000
MAX_INFLATED = 8 * 1024**3
MAX_RATIO = 200
RATIO_FREE = 4 * 1024 * 1024
"""So much may come out of any entry, however small it was packed."""
MAX_TABLE = 1024**3
MAX_WORKBOOK_IN_ZIP = 64 * 1024 * 1024
MAX_PICTURE = 64 * 1024 * 1024
HEADER_ROWS = 20
"""The header is looked for in so many first lines."""


def may_start(what: str, state: BatchState) -> bool:
    return state in STARTS[what]
