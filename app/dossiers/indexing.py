"""What may be found again: retrieval units (检索单元), one per record or material, and who is told of them.

The room that keeps the index is above this one, so filing knows it by this protocol alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol
from uuid import UUID

from sqlalchemy.orm import Session

from app.dossiers.rules import Zone


@dataclass(frozen=True, slots=True)
class Unit:
    """``group`` is the section or the class code; ``texts`` what full-text search finds it by, title first.

    ``level`` is an award's level as filed, ``year`` that of the award, paper or material (0 where unknown).
    """

    id: UUID
    graduate_id: UUID
    kind: Literal["record", "material"]
    group: str
    zone: Zone
    cohort_year: int
    college: str
    major: str
    degree_level: str
    texts: tuple[str, ...] = field(default=(), repr=False)
    level: str = ""
    year: int = 0


class UnitIndex(Protocol):
    """All join the caller's transaction. Zone C is given like the rest and left out by the index."""

    def add(self, session: Session, units: Sequence[Unit]) -> None:
        """Units never seen before; thousands at once when a cohort comes in. Called once per transaction, two of them
        wait for each other; called again and again they may meet in a deadlock, which is Conflict('busy').
        """
        ...

    def replace(self, session: Session, unit: Unit) -> None:
        """After a correction or a new version."""
        ...

    def remove(self, session: Session, ids: Sequence[UUID]) -> None:
        """Units that are no more, as when an import is undone."""
        ...
