"""Which lists of tickets there are, how they are narrowed, ordered and continued. Pure; read from and written to pairs.

What stands in an address or a saved view holds no personal data: codes, days, a ticket's number, random ids.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from typing import TypeVar
from uuid import UUID

from app.corrections.rules import CLOSED, Kind, State
from app.dossiers.rules import Section

PAGE_SIZE = 20
COUNT_MOST = 1000
"""A queue is counted up to here: what stands beside its name must not cost more in a larger archive."""


class Queue(StrEnum):
    MINE = "mine"
    TEAM = "team"
    UNASSIGNED = "unassigned"
    SOON = "soon"
    OVERDUE = "overdue"
    OPEN = "open"
    CLOSED = "closed"
    ALL = "all"


QUEUE_LABELS: Mapping[Queue, str] = {
    Queue.MINE: "我经办的",
    Queue.TEAM: "我负责的学院",
    Queue.UNASSIGNED: "未分派",
    Queue.SOON: "即将到期",
    Queue.OVERDUE: "已超期",
    Queue.OPEN: "全部未办结",
    Queue.CLOSED: "已办结",
    Queue.ALL: "全部",
}


class Order(StrEnum):
    DUE = "due"
    NEWEST = "newest"
    OLDEST = "oldest"
    TOUCHED = "touched"
    DECIDED = "decided"


ORDER_LABELS: Mapping[Order, str] = {
    Order.DUE: "期限近的在前",
    Order.NEWEST: "最新提交在前",
    Order.OLDEST: "最早提交在前",
    Order.TOUCHED: "最近变化在前",
    Order.DECIDED: "最近办结在前",
}
DESCENDING = frozenset({Order.NEWEST, Order.TOUCHED, Order.DECIDED})


class Fact(StrEnum):
    """What the reports count beside states; a list may be narrowed to it, so that every number leads to its tickets."""

    ANSWERED = "answered"
    ANSWERED_IN_TIME = "answered_in_time"
    ANSWERED_LATE = "answered_late"
    DECIDED = "decided"
    DECIDED_IN_TIME = "decided_in_time"
    DECIDED_LATE = "decided_late"
    DROPPED = "dropped"
    REOPENED = "reopened"
    APPEALED = "appealed"


FACT_LABELS: Mapping[Fact, str] = {
    Fact.ANSWERED: "已首次答复",
    Fact.ANSWERED_IN_TIME: "首次答复按期",
    Fact.ANSWERED_LATE: "首次答复超期",
    Fact.DECIDED: "作出过决定",
    Fact.DECIDED_IN_TIME: "按期办结",
    Fact.DECIDED_LATE: "超期办结",
    Fact.DROPPED: "撤回或合并",
    Fact.REOPENED: "重新办理过",
    Fact.APPEALED: "申请过复核",
}


class Column(StrEnum):
    KIND = "kind"
    GRADUATE = "graduate"
    COLLEGE = "college"
    STATE = "state"
    DUE = "due"
    HANDLER = "handler"
    OPENED = "opened"
    TOUCHED = "touched"


COLUMN_LABELS: Mapping[Column, str] = {
    Column.KIND: "类别",
    Column.GRADUATE: "毕业生",
    Column.COLLEGE: "学院",
    Column.STATE: "状态",
    Column.DUE: "办理期限",
    Column.HANDLER: "经办人",
    Column.OPENED: "提交时间",
    Column.TOUCHED: "最近变化",
}
USUAL_COLUMNS = (Column.KIND, Column.GRADUATE, Column.STATE, Column.DUE, Column.HANDLER)
NOBODY = "nobody"
_NUMBER = re.compile(r"(?:GZ\d{4})?0*(\d{1,12})", re.IGNORECASE)
_CURSOR = re.compile(r"(after|before)\.(-?\d{1,18})\.(\d{1,18})")
E = TypeVar("E", bound=StrEnum)


@dataclass(frozen=True, slots=True)
class Cursor:
    """The line a page ends before or begins after: its sort value as a number, and its serial."""

    forward: bool
    value: int
    serial: int

    def text(self) -> str:
        return f"{'after' if self.forward else 'before'}.{self.value}.{self.serial}"


@dataclass(frozen=True, slots=True)
class Wanted:
    """A list as asked for. ``handler`` may be NOBODY; days are the office's, both ends included.

    With ``decided_by`` or a fact of decisions the closing days are those of a decision, whatever round has come since.
    """

    queue: Queue = Queue.OPEN
    state: State | None = None
    kind: Kind | None = None
    college: str = ""
    handler: UUID | str | None = None
    decided_by: UUID | None = None
    section: Section | None = None
    opened_from: date | None = None
    opened_to: date | None = None
    closed_from: date | None = None
    closed_to: date | None = None
    serial: int | None = None
    escalated: bool = False
    fact: Fact | None = None
    order: Order | None = None
    columns: tuple[Column, ...] = USUAL_COLUMNS
    cursor: Cursor | None = None

    @property
    def sorted_by(self) -> Order:
        if self.order is not None:
            return self.order
        return {Queue.CLOSED: Order.DECIDED, Queue.ALL: Order.NEWEST}.get(self.queue, Order.DUE)

    @property
    def narrowed(self) -> bool:
        plain = Wanted(queue=self.queue, order=self.order, columns=self.columns, cursor=self.cursor)
        return self != plain

    def pairs(self) -> dict[str, str]:
        """What ``read`` gives this back from, without the place in the list."""
        said = {
            "queue": self.queue.value if self.queue is not Queue.OPEN else "",
            "state": self.state.value if self.state else "",
            "kind": self.kind.value if self.kind else "",
            "college": self.college,
            "handler": str(self.handler or ""),
            "decided_by": str(self.decided_by or ""),
            "section": self.section.value if self.section else "",
            "opened_from": _day_text(self.opened_from),
            "opened_to": _day_text(self.opened_to),
            "closed_from": _day_text(self.closed_from),
            "closed_to": _day_text(self.closed_to),
            "number": str(self.serial or ""),
            "escalated": "1" if self.escalated else "",
            "fact": self.fact.value if self.fact else "",
            "order": self.order.value if self.order else "",
            "columns": "" if self.columns == USUAL_COLUMNS else ",".join(c.value for c in self.columns),
        }
        return {name: value for name, value in said.items() if value}

    def at(self, cursor: Cursor | None) -> Wanted:
        return replace(self, cursor=cursor)


def read(pairs: Mapping[str, str]) -> Wanted:
    """Never raises: what cannot be understood does not narrow. ``mine=1`` and ``overdue=1`` are the old addresses."""
    state = _one(State, pairs.get("state", ""))
    queue = _one(Queue, pairs.get("queue", ""))
    if queue is None:
        queue = Queue.MINE if pairs.get("mine") == "1" else Queue.OVERDUE if pairs.get("overdue") == "1" else None
    decided_by = _handler(pairs.get("decided_by", ""))
    number = _NUMBER.fullmatch(pairs.get("number", "").strip())
    if queue is None:
        # a closed state, or one ticket by its number, is looked for where it is
        queue = Queue.ALL if number is not None or (state is not None and state in CLOSED) else Queue.OPEN
    order = _one(Order, pairs.get("order", ""))
    if order is Order.DECIDED and queue not in (Queue.CLOSED, Queue.ALL):
        order = None
    named = [_one(Column, c) for c in pairs.get("columns", "").split(",")]
    return Wanted(
        queue=queue,
        state=state,
        kind=_one(Kind, pairs.get("kind", "")),
        college=pairs.get("college", "").strip()[:60].replace("\x00", ""),
        handler=_handler(pairs.get("handler", "")),
        decided_by=decided_by if isinstance(decided_by, UUID) else None,
        section=_one(Section, pairs.get("section", "")),
        opened_from=_day(pairs.get("opened_from", "")),
        opened_to=_day(pairs.get("opened_to", "")),
        closed_from=_day(pairs.get("closed_from", "")),
        closed_to=_day(pairs.get("closed_to", "")),
        serial=int(number.group(1)) if number is not None else None,
        escalated=pairs.get("escalated") == "1",
        fact=_one(Fact, pairs.get("fact", "")),
        order=order,
        columns=tuple(c for c in Column if c in named) or USUAL_COLUMNS,
        cursor=_cursor(pairs.get("at", "")),
    )


_MICRO = 1_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def instant(moment: datetime) -> int:
    """Microseconds since 1970: a sort value that survives an address exactly."""
    return round(moment.replace(microsecond=0).timestamp()) * _MICRO + moment.microsecond


def moment(value: int) -> datetime:
    """The inverse of ``instant``. Raises OverflowError for what no calendar holds."""
    return _EPOCH + timedelta(microseconds=value)


def _one(enum: type[E], value: str) -> E | None:
    return enum(value) if value in set(enum) else None


def _handler(value: str) -> UUID | str | None:
    if value == NOBODY:
        return NOBODY
    try:
        return UUID(value) if value else None
    except ValueError:
        return None


def _day(value: str) -> date | None:
    try:
        return date.fromisoformat(value) if len(value) == 10 else None
    except ValueError:
        return None


def _day_text(on: date | None) -> str:
    return on.isoformat() if on is not None else ""


def _cursor(value: str) -> Cursor | None:
    found = _CURSOR.fullmatch(value)
    return Cursor(found.group(1) == "after", int(found.group(2)), int(found.group(3))) if found else None
