"""What corrections need of other rooms; wiring plugs them in."""

from __future__ import annotations

from typing import Protocol
from uuid import UUID

from sqlalchemy.orm import Session

from app.actors import Actor
from app.envelope import DataKey


class SupplementFacts(Protocol):
    """``receipt`` is the number of the receipt of the transfer the supplement follows."""

    @property
    def id(self) -> UUID: ...
    @property
    def state_label(self) -> str: ...
    @property
    def receiver_name(self) -> str: ...
    @property
    def receipt(self) -> str | None: ...


class SupplementOpener(Protocol):
    """Sends the papers of a correction after a dossier that has been handed over (补充材料转递)."""

    def open_supplement(self, session: Session, actor: Actor, key: DataKey, ticket_id: UUID) -> UUID:
        """Open one, linked to the transfer whose receipt closed the dossier, in the caller's transaction.

        Raises Conflict('no_receipt') where no transfer was received.
        """
        ...

    def supplement_of(self, session: Session, key: DataKey, ticket_id: UUID) -> SupplementFacts | None:
        """The latest one this ticket has opened."""
        ...
