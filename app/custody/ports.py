"""What custody needs of its neighbours; plugged in by wiring."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol
from uuid import UUID

from sqlalchemy.orm import Session


class DossierLabels(Protocol):
    """The codes that slips and labels of transfers print for scanning."""

    def dossier_of(self, session: Session, code: str) -> UUID | None:
        """None for what is no label of a whole dossier."""
        ...

    def codes_of(self, session: Session, dossier_ids: Sequence[UUID]) -> Mapping[UUID, str]:
        """Of those whose latest transfer has a label."""
        ...
