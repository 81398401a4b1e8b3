"""Supplementary transfers (补充材料转递): what is corrected after a dossier was received is sent after it.

Each is linked to the receipt that closed it. Corrections declare the need (app/corrections/ports.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.actors import Actor
from app.db import new_id
from app.dossiers.models import Material, MaterialVersion
from app.dossiers.rules import Source
from app.envelope import DataKey, open_json
from app.errors import Conflict
from app.office_time import office_date
from app.ports import Clock
from app.transfers import channel_basis, rules
from app.transfers.models import Transfer, proofs_place
from app.transfers.rules import Evidence
from app.transfers.states import ARRIVED, State
from app.transfers.steps import TransferSteps


@dataclass(frozen=True, slots=True)
class Supplement:
    """``receipt`` is the number of the receipt of the transfer this one follows."""

    id: UUID
    state_label: str
    receiver_name: str
    receipt: str | None = field(repr=False)


class SupplementaryTransfers:
    def __init__(self, steps: TransferSteps, clock: Clock) -> None:
        self._steps, self._clock = steps, clock

    def open_supplement(self, session: Session, actor: Actor, key: DataKey, ticket_id: UUID) -> UUID:
        """To the same receiver by the same channel, ready to be assembled: destination and approval stand already.

        Raises Conflict('no_receipt') where no transfer of this graduate was received.
        """
        before = session.scalar(
            select(Transfer)
            .where(
                Transfer.graduate_id == key.owner,
                Transfer.supplements.is_(None),
                Transfer.state.in_(ARRIVED),
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
            destination_case=before.destination_case,
            receiver_id=before.receiver_id,
            receiver_version=before.receiver_version,
            receiver_name=before.receiver_name,
            receiver_address=before.receiver_address,
            version=1,
            created_at=now,
            moved_at=now,
            asked_on=office_date(now),
            supplements=before.id,
            ticket_id=ticket_id,
        )
        channel_basis.keep(key, row, channel_basis.choices_of(key, before))
        self._steps.opened(session, actor, key, row)
        self._steps.supplement_opened(session, before.id)
        return row.id

    def supplement_of(self, session: Session, key: DataKey, ticket_id: UUID) -> Supplement | None:
        """The latest one this ticket has opened."""
        row = session.scalar(
            select(Transfer).where(Transfer.ticket_id == ticket_id).order_by(Transfer.created_at.desc()).limit(1)
        )
        if row is None or row.supplements is None:
            return None
        before = session.get_one(Transfer, row.supplements)
        receipt = receipt_number(open_json(key, proofs_place(before), before.sealed_proofs))
        return Supplement(row.id, rules.STATE_LABELS[row.state], row.receiver_name, receipt)


def brought_by(session: Session, row: Transfer) -> frozenset[UUID]:
    """The materials a supplement brings: those its ticket has filed since it was opened, by the decision that opened
    it. A redirected one brings what the first of them was opened for.
    """
    first = row
    while first.follows is not None:
        first = session.get_one(Transfer, first.follows)
    query = (
        select(Material.id)
        .join(MaterialVersion, MaterialVersion.material_id == Material.id)
        .where(
            Material.dossier_id == row.dossier_id,
            MaterialVersion.source == Source.CORRECTION,
            MaterialVersion.source_id == row.ticket_id,
            MaterialVersion.created_at >= first.created_at,
        )
    )
    return frozenset(session.scalars(query))


def receipt_number(proofs: Mapping[str, Any]) -> str | None:
    """Of the last receipt; the first transfers keep it under the state's own name."""
    numbered = [v for k, v in sorted(proofs.items()) if k.isdigit() and Evidence.RECEIPT_NUMBER.value in v]
    if numbered:
        return str(numbered[-1][Evidence.RECEIPT_NUMBER.value])
    former = proofs.get(State.RECEIVED.value)
    return None if former is None else str(former)
