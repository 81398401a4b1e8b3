"""Why content is opened (调取目的): staff open nothing of a dossier without a purpose on record.

The room that keeps the register is above this one, so reading knows it by this protocol alone.
"""

from __future__ import annotations

from typing import Protocol
from uuid import UUID

from sqlalchemy.orm import Session


class PurposeLedger(Protocol):
    def open_purpose(self, session: Session, staff_id: UUID, graduate_id: UUID) -> str | None:
        """The code of the purpose this member of staff has open for this graduate now; None without one."""
        ...
