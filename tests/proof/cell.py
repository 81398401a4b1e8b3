"""One kind of sealed value, as the drill of tampering knows it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from app.envelope import Place


@dataclass(frozen=True, slots=True)
class Cell:
    """Where its rows are, whose key opens them, and which place they are bound to."""

    model: type[Any]
    column: str
    owner: Callable[[Any], UUID]
    place: Callable[[Any], Place]

    @property
    def name(self) -> tuple[str, str]:
        return str(self.model.__tablename__), self.column
