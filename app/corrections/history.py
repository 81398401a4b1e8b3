"""Which decisions made the versions of a record: the ticket, its proofs and the persons who agreed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import select

from app.actors import Actor
from app.corrections import showing
from app.corrections.handling import DESK_ROLES, Handling
from app.corrections.models import Ticket, TicketDecision
from app.corrections.views import DecisionView, EvidenceView


@dataclass(frozen=True, slots=True)
class RecordHistory:
    """``decisions`` by the version they made, ``proofs`` by ticket."""

    decisions: Mapping[int, Sequence[DecisionView]]
    proofs: Mapping[UUID, Sequence[EvidenceView]]


class CorrectionHistory(Handling):
    def of_record(self, actor: Actor, record_id: UUID) -> RecordHistory:
        """For staff of the desk; empty for others, who see no proofs."""
        if not actor.has_role(*DESK_ROLES):
            return RecordHistory({}, {})
        with self._db.transaction() as session:
            rows = session.execute(
                select(TicketDecision, Ticket)
                .join(Ticket, Ticket.id == TicketDecision.ticket_id)
                .where(TicketDecision.record_id == record_id, TicketDecision.applied_version.is_not(None))
                .order_by(TicketDecision.decided_at)
            ).all()
            names = self._book.people.staff_names([UUID(a) for row, _ in rows for a in row.approvers])
            made: dict[int, list[DecisionView]] = {}
            for row, ticket in rows:
                made.setdefault(row.applied_version or 0, []).append(showing.decision_view(row, names, ticket))
            proofs = {ticket.id: showing.evidence(session, [ticket.id]) for _, ticket in rows}
        return RecordHistory(made, proofs)
