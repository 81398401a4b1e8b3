"""What earlier rounds of a ticket have made and nothing has replaced since: a later round does not refuse it away."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.corrections.models import Ticket, TicketDecision
from app.dossiers.models import Material, Record


@dataclass(frozen=True, slots=True)
class Made:
    """``record_version`` and what ``filing`` has filed are current still; None where there is none such."""

    record_version: int | None = None
    filing: TicketDecision | None = None

    @property
    def stands(self) -> bool:
        return self.record_version is not None or self.filing is not None

    def says(self, claim: Mapping[str, Any], version: int | None, body: Mapping[str, str]) -> bool:
        """Whether the record, as an earlier round left it, says already all that is asked for."""
        changes = claim["changes"]
        same = all(body.get(name, "") == new for name, (_, new) in changes.items())
        return self.record_version is not None and self.record_version == version and bool(changes) and same


def made_by(session: Session, ticket: Ticket) -> Made:
    if ticket.round == 1:
        return Made()
    rows = session.scalars(
        select(TicketDecision).where(TicketDecision.ticket_id == ticket.id).order_by(TicketDecision.round.desc())
    ).all()
    record = session.get(Record, ticket.record_id) if ticket.record_id is not None else None
    current = record.current if record is not None else None
    changed = current is not None and any(d.applied_version == current for d in rows)
    return Made(current if changed else None, next((d for d in rows if _filed(session, d)), None))


def _filed(session: Session, decision: TicketDecision) -> bool:
    material = session.get(Material, decision.material_id) if decision.material_id is not None else None
    return material is not None and material.current == decision.material_version
