"""What other rooms know against a step of a transfer; wiring plugs them in."""

from __future__ import annotations

from typing import Protocol
from uuid import UUID

from sqlalchemy.orm import Session


class SealGuard(Protocol):
    """What another room knows against sealing a dossier."""

    def require_sealable(self, graduate_id: UUID) -> None:
        """Raises Conflict saying what must be done first."""
        ...


class DossierChecks(Protocol):
    """The four-property checks, as a transfer needs them."""

    def stands(self, session: Session, graduate_id: UUID) -> bool:
        """Whether the dossier as it stands passed its latest check."""
        ...
