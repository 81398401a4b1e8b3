"""Which rows of a batch are looked at, and where a page of them begins: read from the address, written back into it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import urlencode
from uuid import UUID

from werkzeug.datastructures import MultiDict

from app.imports.rules import RowOutcome

ROWS_PER_PAGE = 50
_LINE = re.compile(r"[0-9]{1,9}")


@dataclass(frozen=True, slots=True)
class RowFilter:
    """``after`` is the last line of the page before."""

    batch_id: UUID
    outcome: RowOutcome | None = None
    after: int = 0

    @classmethod
    def read(cls, batch_id: UUID, args: MultiDict[str, str]) -> RowFilter:
        outcome, after = args.get("outcome", ""), args.get("after", "")
        return cls(
            batch_id,
            RowOutcome(outcome) if outcome in set(RowOutcome) else None,
            int(after) if _LINE.fullmatch(after) else 0,
        )

    def url(self, after: int = 0, part: str = "") -> str:
        pairs = {
            "outcome": self.outcome.value if self.outcome else "",
            "after": str(after) if after else "",
            "part": part,
        }
        query = urlencode({k: v for k, v in pairs.items() if v})
        path = f"/console/import/{self.batch_id}"
        return f"{path}?{query}" if query else path


def earlier(value: str) -> UUID | None:
    """The batch behind which a page of batches begins."""
    try:
        return UUID(value)
    except ValueError:
        return None
