"""What slips need of the registry and of the counting page: whom a transfer goes to, and the one-time code."""

from __future__ import annotations

from collections.abc import Mapping
from uuid import UUID

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from app.db import new_id
from app.envelope import BlindIndex, DataKey
from app.ports import Clock
from app.receivers.rules import DestinationCase
from app.receivers.service import ReceiverRegistry
from app.transfers.counting_models import Slip
from app.transfers.counting_rules import HOLDS_FOR, new_code, plain_code
from app.transfers.models import Transfer
from app.transfers.paper_data import Addressee, Invitation
from app.transfers.states import ARRIVED

KINDS: Mapping[DestinationCase, str] = {
    DestinationCase.STATE_UNIT: "就业（国有单位、定向就业）",
    DestinationCase.PRIVATE_EMPLOYMENT: "就业（非公单位、灵活就业）",
    DestinationCase.FURTHER_STUDY: "升学",
    DestinationCase.UNEMPLOYED: "转回户籍地",
    DestinationCase.KEPT_AT_SCHOOL: "暂缓转递",
}
"""档案转寄类型, as the slip prints it."""


class RegisteredAddressees:
    """The version of the registry that was frozen into the transfer, whatever the registry says today."""

    def __init__(self, receivers: ReceiverRegistry) -> None:
        self._receivers = receivers

    def of(self, session: Session, key: DataKey, row: Transfer) -> Addressee:  # noqa: ARG002 - the port's form
        kind = "补充材料转递" if row.supplements is not None else "毕业生档案转递"
        if row.supplements is None and row.destination_case is not None:
            kind = KINDS[row.destination_case]
        if row.receiver_id is None or row.receiver_version is None:
            return Addressee(kind)
        facts = self._receivers.kept(session, row.receiver_id, row.receiver_version, self._receivers.today).facts
        return Addressee(kind, department=facts.department, postal_code=facts.postal_code, phone=facts.phone)


class SlipInvitations:
    """A slip printed after the catalogue was frozen carries a code; the newest slip alone counts."""

    def __init__(self, index: BlindIndex, clock: Clock) -> None:
        self._index, self._clock = index, clock

    def issue(self, session: Session, row: Transfer) -> Invitation:
        """``row`` is locked. Without a catalogue, and where it has arrived already, there is nothing to count."""
        if row.manifest_digest is None or row.state in ARRIVED:
            return Invitation(row.id, "")
        now = self._clock.now()
        session.execute(
            update(Slip)
            .where(Slip.transfer_id == row.id, Slip.used_at.is_(None), Slip.voided_at.is_(None))
            .values(voided_at=now)
        )
        before = session.scalar(select(func.max(Slip.number)).where(Slip.transfer_id == row.id)) or 0
        slip_id, code = new_id(), new_code()
        session.add(
            Slip(
                id=slip_id,
                transfer_id=row.id,
                number=before + 1,
                manifest_digest=row.manifest_digest,
                code_bidx=blind_code(self._index, slip_id, code),
                created_at=now,
                expires_at=now + HOLDS_FOR,
            )
        )
        session.flush()
        return Invitation(slip_id, code)


def blind_code(index: BlindIndex, slip_id: UUID, code: str) -> bytes:
    return index.of("slip", "code", f"{slip_id}|{plain_code(code)}")
