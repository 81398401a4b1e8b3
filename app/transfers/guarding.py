"""What other rooms know against a step of a transfer; wiring plugs them in."""

from __future__ import annotations

from typing import Protocol
from uuid import UUID

from sqlalchemy.orm import Session

from app.actors import Actor
from app.envelope import DataKey
from app.transfers.models import Transfer


class SealGuard(Protocol):
    """What another room knows against sealing a dossier."""

    def require_sealable(self, graduate_id: UUID) -> None:
        """Raises Conflict saying what must be done first."""
        ...


class PaperKeeping(Protocol):
    """The custody of paper dossiers, as a transfer needs it; in the transaction of the step."""

    def require_at_hand(self, session: Session, dossier_id: UUID) -> None:
        """Raises Conflict('paper_on_loan') while the paper is lent."""
        ...

    def left(self, session: Session, actor: Actor, dossier_id: UUID) -> None:
        """The paper was handed over to a carrier."""
        ...

    def came_back(self, session: Session, actor: Actor, dossier_id: UUID, *, rebuilt: bool) -> None:
        """The paper is in the house again; ``rebuilt``: another in place of what was lost."""
        ...


class SealWatcher(Protocol):
    """Who acts when paper is sealed, or its seal opened or lost for good, in that transaction; ``row`` is locked."""

    def sealed(self, session: Session, actor: Actor, key: DataKey, row: Transfer) -> None: ...

    def unsealed(self, session: Session, actor: Actor, row: Transfer) -> None: ...


class DossierChecks(Protocol):
    """The four-property checks, as a transfer needs them."""

    def stands(self, session: Session, graduate_id: UUID) -> bool:
        """Whether the dossier as it stands passed its latest check."""
        ...
