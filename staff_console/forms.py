"""Reading forms and query strings. What cannot be read is Invalid by field, or the default for a mere filter."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar
from urllib.parse import urlencode

from flask import request
from werkzeug.datastructures import MultiDict

from app.corrections.rules import CLOSED, Kind, State
from app.errors import FieldFault, Invalid

E = TypeVar("E", bound=StrEnum)
PAGE_SIZE = 20
MAX_PAGE = 5000


def text(name: str) -> str:
    return request.form.get(name, "").replace("\r\n", "\n")


def version() -> int:
    """The hidden version a form was shown with."""
    value = request.form.get("version", "")
    if not (value.isascii() and value.isdigit() and len(value) < 10):
        raise Invalid("invalid_input", faults=[FieldFault("/version", "required")])
    return int(value)


def choice(enum: type[E], name: str) -> E:
    try:
        return enum(request.form.get(name, ""))
    except ValueError:
        raise Invalid("invalid_input", faults=[FieldFault(f"/{name}", "required")]) from None


def ticked(name: str) -> bool:
    return request.form.get(name) == "yes"


def _filter(enum: type[E], value: str) -> E | None:
    return enum(value) if value in set(enum) else None


def page_number(args: MultiDict[str, str]) -> int:
    value = args.get("page", "1")
    return min(int(value), MAX_PAGE) if value.isascii() and value.isdigit() and int(value[:6]) > 0 else 1


@dataclass(frozen=True, slots=True)
class QueueFilter:
    """``state`` None means every open one."""

    state: State | None = None
    kind: Kind | None = None
    mine: bool = False
    overdue: bool = False
    page: int = 1

    @classmethod
    def read(cls, args: MultiDict[str, str]) -> QueueFilter:
        return cls(
            _filter(State, args.get("state", "")),
            _filter(Kind, args.get("kind", "")),
            args.get("mine") == "1",
            args.get("overdue") == "1",
            page_number(args),
        )

    @property
    def states(self) -> tuple[State, ...]:
        return (self.state,) if self.state is not None else tuple(s for s in State if s not in CLOSED)

    @property
    def offset(self) -> int:
        return (self.page - 1) * PAGE_SIZE

    @property
    def narrowed(self) -> bool:
        return self.state is not None or self.kind is not None or self.mine or self.overdue

    def url(self, page: int) -> str:
        pairs = {
            "state": self.state.value if self.state else "",
            "kind": self.kind.value if self.kind else "",
            "mine": "1" if self.mine else "",
            "overdue": "1" if self.overdue else "",
            "page": str(page) if page > 1 else "",
        }
        query = urlencode({k: v for k, v in pairs.items() if v})
        return f"/console/tickets?{query}" if query else "/console/tickets"


def last_page(total: int) -> int:
    return max(1, -(-total // PAGE_SIZE))
