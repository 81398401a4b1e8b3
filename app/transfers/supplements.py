"""Supplementary transfers (补充材料转递): what is corrected after a dossier was received is sent after it.

Each is linked to the receipt that closed it. Corrections declare the need (app/corrections/ports.py).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.actors import Actor
from app.db import new_id
from app.envelope import DataKey, open_json, seal_json
from app.errors import Conflict
from app.events import EventLog
from app.jobs import Announce, JobQueue
from app.ports import Clock
from app.transfers import rules
from app.transfers.models import Transfer, proofs_place
from app.transfers.rules import State


@dataclass(frozen=True, slots=True)
class Supplement:
    """``receipt`` is the number of the receipt of the transfer this one follows."""

    id: UUID
    state_label: str
    receiver_name: str
    receipt: str | None = field(repr=False)


class SupplementaryTransfers:
    def __init__(self, log: EventLog, queue: JobQueue, clock: Clock) -> None:
        self._log, self._queue, self._clock = log, queue, clock

    def open_supplement(self, session: Session, actor: Actor, key: DataKey, ticket_id: UUID) -> UUID:
        """To the same receiver by the same channel, ready to be assembled: destination and approval stand already.

        Raises Conflict('no_receipt') where no transfer of this graduate was received.
        """
        before = session.scalar(
            select(Transfer)
            .where(
                Transfer.graduate_id == key.owner,
                Transfer.supplements.is_(None),
                Transfer.state.in_((State.RECEIVED, State.CLOSED)),
            )
            .order_by(Transfer.moved_at.desc())
            .limit(1)
        )
        if before is None:
            raise Conflict("no_receipt")
        now = self._clock.now()
        row = Transfer(
            id=new_id(),
            dossier_id=before.dossier_id,
            graduate_id=before.graduate_id,
            state=State.SCHOOL_APPROVED,
            channel=before.channel,
            receiver_name=before.receiver_name,
            receiver_address=before.receiver_address,
            version=1,
            created_at=now,
            moved_at=now,
            supplements=before.id,
            ticket_id=ticket_id,
        )
        row.sealed_proofs = seal_json(key, proofs_place(row), {})
        session.add(row)
        session.flush()
        event_id = self._log.record(
            session,
            actor,
            "transfer.opened",
            graduate_id=row.graduate_id,
            object_kind="transfer",
            object_id=row.id,
            data={"state": row.state.value, "supplements": str(before.id)},
        )
        self._queue.enqueue(session, Announce(event_id))
        return row.id

    def supplement_of(self, session: Session, key: DataKey, ticket_id: UUID) -> Supplement | None:
        """The latest one this ticket has opened."""
        row = session.scalar(
            select(Transfer).where(Transfer.ticket_id == ticket_id).order_by(Transfer.created_at.desc()).limit(1)
        )
        if row is None or row.supplements is None:
            return None
        before = session.get_one(Transfer, row.supplements)
        receipt = open_json(key, proofs_place(before), before.sealed_proofs).get(State.RECEIVED.value)
        return Supplement(row.id, rules.STATE_LABELS[row.state], row.receiver_name, receipt)
