"""Which batches and which rows of one are looked at, and where a page begins: read from the address, written back."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import urlencode
from uuid import UUID

from werkzeug.datastructures import MultiDict

from app.imports.paging import Wanted
from app.imports.rules import BatchSource, BatchState, RowOutcome

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


@dataclass(frozen=True, slots=True)
class BatchFilter:
    """What cannot be read is left out."""

    wanted: Wanted

    @classmethod
    def read(cls, args: MultiDict[str, str]) -> BatchFilter:
        state, source = args.get("state", ""), args.get("source", "")
        return cls(
            Wanted(
                BatchState(state) if state in set(BatchState) - {BatchState.RECEIVING} else None,
                BatchSource(source) if source in set(BatchSource) else None,
                _cursor(args.get("before", "")),
                _cursor(args.get("after", "")),
            )
        )

    @property
    def narrowed(self) -> bool:
        return self.wanted.state is not None or self.wanted.source is not None

    @property
    def turned(self) -> bool:
        return self.wanted.before is not None or self.wanted.after is not None

    def url(self, before: UUID | None = None, after: UUID | None = None) -> str:
        pairs = {"state": self.wanted.state, "source": self.wanted.source, "before": before, "after": after}
        query = urlencode({k: str(v) for k, v in pairs.items() if v})
        return f"/console/import?{query}" if query else "/console/import"


def _cursor(value: str) -> UUID | None:
    try:
        return UUID(value)
    except ValueError:
        return None
