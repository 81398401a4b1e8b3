"""Whether a package may go to the office it is addressed to: asked each time it is about to be made available."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy.orm import Session

from app.errors import Conflict
from app.transfers.electronic_models import ElectronicLeg
from app.transfers.electronic_ports import ReceiverOf
from app.transfers.electronic_rules import BARRED, CHANGED, NOT_FOR_IT, Leg
from app.transfers.electronic_steps import ElectronicSteps
from app.transfers.footing import Footing
from app.transfers.models import Transfer


class Addressee:
    def __init__(self, receivers: ReceiverOf, footing: Footing, steps: ElectronicSteps) -> None:
        self._receivers, self._footing, self._steps = receivers, footing, steps

    def require(self, session: Session, row: ElectronicLeg) -> None:
        """Raises Conflict('receiver_changed', 'receiver_not_authorised_now')."""
        refusal = self.refusal(session, row)
        if refusal is not None:
            raise refusal

    def refusal(self, session: Session, row: ElectronicLeg) -> Conflict | None:
        """What stands against it today: the transfer goes to another office by now, or the office may not receive."""
        if self.changed(session, row):
            return Conflict(CHANGED)
        reason = self._footing.against_receiver(session, session.get_one(Transfer, row.transfer_id))
        return Conflict(BARRED, params={"reason": reason}) if reason else None

    def judged(self, session: Session, leg_id: UUID) -> Conflict | None:
        """The same, and kept under its lock as the trouble of a package that waits to be fetched, for staff and owner
        to see; eased where nothing stands against it any more. While a push is to come, that push finds out.
        """
        row = self._steps.locked(session, leg_id)
        refusal = self.refusal(session, row) if row is not None else None
        if row is None or row.state is not Leg.SUBMITTED or row.push_due_at is not None:
            return refusal
        if refusal is not None and row.trouble != refusal.code:
            self._steps.keep_trouble(session, row, refusal.code)
        elif refusal is None and row.trouble in NOT_FOR_IT:
            self._steps.eased(session, row)
        return refusal

    def changed(self, session: Session, row: ElectronicLeg) -> bool:
        """The address was frozen with the package; the transfer's may have been chosen anew since."""
        to = self._receivers.of_transfer(session, row.transfer_id)
        return to is None or to.code != row.receiver_code
