"""Where a dossier is to go: chosen by the graduate or taken down at the desk, always a body of the registry.

A choice is reviewed by college and school; it may be changed until 31 August of the year of graduation, and while the
dossier has not been assembled. A changed address rests for a day before anything is done with it, and everybody bound
to the dossier hears of it: whoever took over an account must not send a dossier away unnoticed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.actors import Actor, ActorKind
from app.db import Database, new_id
from app.dossiers.models import Dossier
from app.dossiers.rules import DossierState
from app.envelope import DataKey, open_json, seal_json
from app.errors import Conflict, FieldFault, Forbidden, Invalid, NotFound
from app.keyring import Keyring
from app.office_time import office_date
from app.people.models import Graduate
from app.people.service import PeopleService
from app.ports import Clock
from app.receivers.rules import DestinationCase
from app.receivers.service import ReceiverRegistry
from app.receivers.suggesting import rules_of
from app.receivers.views import FrozenReceiver
from app.transfers import channel_basis, clocks, holding, rules
from app.transfers.channel_basis import ChannelBasis
from app.transfers.channel_rules import PersonHistory
from app.transfers.models import Transfer, proofs_place
from app.transfers.proving import plain_number
from app.transfers.rules import By
from app.transfers.states import AWAITED, CHANGEABLE, CHANNEL_LABELS, Channel, State
from app.transfers.steps import TransferSteps

COOLING = timedelta(hours=24)
LETTER = "letter"


@dataclass(frozen=True, slots=True)
class Destination:
    """``receiver`` is a code of the registry; for a dossier kept at school the body it goes to when the time is over.

    ``channel``: None for the preferred one. ``history``: None for what was declared before, nothing where nothing was.
    ``letter_number`` and ``letter_on`` are of the 调档函.
    """

    case: DestinationCase
    receiver: str
    channel: Channel | None = None
    history: frozenset[PersonHistory] | None = field(default=None, repr=False)
    letter_on: date | None = None
    letter_number: str = field(default="", repr=False)


class DestinationService:
    def __init__(
        self,
        db: Database,
        keys: Keyring,
        people: PeopleService,
        registry: ReceiverRegistry,
        steps: TransferSteps,
        clock: Clock,
        contact: str,
    ) -> None:
        """``contact`` is whom a graduate calls who comes too late."""
        self._db, self._keys, self._people, self._registry = db, keys, people, registry
        self._steps, self._clock, self.contact = steps, clock, contact

    def last_day(self, cohort_year: int) -> date:
        """Until when the graduate may change it (2-domain §2)."""
        return clocks.last_change_day(cohort_year)

    def open(self, actor: Actor, graduate_id: UUID, wanted: Destination) -> UUID:
        """A new transfer. By the graduate it is registered at once; the desk's is a draft that the desk registers.

        31 August bounds changes of mind. Where the school withdrew the transfer before, it waits for the graduate,
        who may register whatever the day; what was declared and where it was to go before count as in a change.

        Raises Conflict('transfer_open', 'dossier_transferred', 'receiver_not_authorised', 'changes_held',
        'destination_closed'), Invalid by field, NotFound, Forbidden.
        """
        self._require(actor, graduate_id)
        key = self._keys.of(graduate_id)
        now = self._clock.now()
        with self._db.transaction() as session:
            dossier = session.scalar(select(Dossier).where(Dossier.graduate_id == graduate_id).with_for_update())
            if dossier is None:
                raise NotFound("dossier_not_found")
            if dossier.state is DossierState.TRANSFERRED:
                raise Conflict("dossier_transferred")
            last = self._last(session, dossier.id)
            before = () if last is None else channel_basis.choices_of(key, last)
            receiver, basis = self._chosen(session, dossier.id, wanted, before)
            row = Transfer(
                id=new_id(),
                dossier_id=dossier.id,
                graduate_id=graduate_id,
                state=State.DRAFT,
                version=1,
                created_at=now,
                moved_at=now,
            )
            self._set(row, wanted, receiver, basis.channel)
            channel_basis.keep(key, row, (*before, basis))
            moved = last is not None and _elsewhere(last, receiver)
            if last is not None:  # a withdrawal ends no rest
                row.resting_until = now + COOLING if moved else last.resting_until
            self._steps.opened(session, actor, key, row, _letter(wanted))
            if actor.kind is ActorKind.GRADUATE:
                if not self._withdrawn_before(session, row):
                    self._require_time(session, graduate_id)
                self._steps.take(session, actor, row, key, State.DESTINATION_REGISTERED)
            if moved:
                self._steps.record(session, actor, row, "transfer.destination_changed", moved=True)
            return row.id

    def change(self, actor: Actor, transfer_id: UUID, version: int, wanted: Destination) -> None:
        """Another destination for a transfer that has not been assembled; it is reviewed anew, whoever changes it. What
        was sent back, kept at school or redirected may be registered after 31 August too: the school waits for it.

        Raises as ``open``, and Conflict('destination_settled'), VersionMismatch.
        """
        owner = self._owner(transfer_id)
        self._require(actor, owner)
        key = self._keys.of(owner)
        with self._db.transaction() as session:
            row = self._steps.locked(session, transfer_id, version)
            if row.state not in CHANGEABLE or not self._choosable(session, actor, key, row):
                raise Conflict("destination_settled", params={"state": rules.STATE_LABELS[row.state]})
            if actor.kind is ActorKind.GRADUATE and row.state not in AWAITED:
                self._require_time(session, owner)
            if row.supplements is not None:
                holding.require_none(wanted.case)
            before = channel_basis.choices_of(key, row)
            receiver, basis = self._chosen(session, row.dossier_id, wanted, before)
            if row.state is State.HELD_AT_SCHOOL:  # the wish stands as long as the dossier is held
                self._steps.take(session, actor, row, key, State.DRAFT)
            moved, stayed = _elsewhere(row, receiver), row.destination_case is DestinationCase.KEPT_AT_SCHOOL
            self._set(row, wanted, receiver, basis.channel)
            channel_basis.keep(key, row, (*before, basis))
            self._keep_letter(key, row, wanted)
            if moved:
                row.resting_until = self._clock.now() + COOLING
            if row.state is State.DESTINATION_REGISTERED:
                self._steps.asked_again(row, anew=stayed and wanted.case is not DestinationCase.KEPT_AT_SCHOOL)
            else:
                self._steps.take(session, actor, row, key, State.DESTINATION_REGISTERED)
            self._steps.record(session, actor, row, "transfer.destination_changed", moved=moved)
            session.flush()

    # --- inside -------------------------------------------------------------------------------------------------------

    def _choosable(self, session: Session, actor: Actor, key: DataKey, row: Transfer) -> bool:
        """A supplement follows the dossier: the desk alone chooses for it, where it can go there no more."""
        if row.supplements is None:
            return True
        if actor.kind is not ActorKind.STAFF:
            return False
        return not row.receiver_name or bool(self._steps.footing.refusals(session, [row], {row.graduate_id: key}))

    def _chosen(
        self, session: Session, dossier_id: UUID, wanted: Destination, before: Sequence[ChannelBasis]
    ) -> tuple[FrozenReceiver, ChannelBasis]:
        """``before``: earlier choices. Raises Invalid by field, Conflict('receiver_not_authorised'), NotFound."""
        today = office_date(self._clock.now())
        holding.require_time_left(session, dossier_id, wanted.case, today)
        if not wanted.receiver.strip():
            raise Invalid("invalid_input", faults=[FieldFault("/receiver", "required")])
        receiver = self._registry.frozen(session, wanted.receiver.strip(), today)
        faults = _letter_faults(wanted, today)
        if receiver.kind not in {kind for rule in rules_of(wanted.case) for kind in rule.kinds}:
            faults.append(FieldFault("/receiver", "receiver_not_for_case"))
        history = channel_basis.declared(before) if wanted.history is None else wanted.history
        allowed = self._steps.footing.channels_for(receiver.facts, history)
        channel = wanted.channel or allowed.preferred
        if channel is None or channel not in allowed.allowed:
            may = "、".join(CHANNEL_LABELS[c] for c in allowed.allowed)
            faults.append(FieldFault("/channel", "channel_not_allowed", f"按规定只能经{may}转递" if may else ""))
        if faults or channel is None:
            raise Invalid("invalid_input", faults=faults)
        return receiver, channel_basis.basis_of(allowed, history, channel)

    @staticmethod
    def _set(row: Transfer, wanted: Destination, receiver: FrozenReceiver, channel: Channel) -> None:
        row.destination_case, row.channel = wanted.case, channel
        row.receiver_id, row.receiver_version = receiver.id, receiver.version
        row.receiver_name, row.receiver_address = receiver.name, receiver.address
        row.letter_on = wanted.letter_on

    @staticmethod
    def _keep_letter(key: DataKey, row: Transfer, wanted: Destination) -> None:
        proofs = open_json(key, proofs_place(row), row.sealed_proofs)
        proofs.pop(LETTER, None)
        row.sealed_proofs = seal_json(key, proofs_place(row), {**proofs, **_letter(wanted)})

    def _require_time(self, session: Session, graduate_id: UUID) -> None:
        cohort = session.scalars(select(Graduate.cohort_year).where(Graduate.id == graduate_id)).one()
        last = clocks.last_change_day(cohort)
        if office_date(self._clock.now()) > last:
            raise Conflict("destination_closed", params={"day": last.isoformat(), "contact": self.contact})

    @staticmethod
    def _last(session: Session, dossier_id: UUID) -> Transfer | None:
        """The latest of the dossier itself."""
        query = select(Transfer).where(Transfer.dossier_id == dossier_id, Transfer.supplements.is_(None))
        return session.scalar(query.order_by(Transfer.serial.desc()).limit(1))

    @staticmethod
    def _withdrawn_before(session: Session, row: Transfer) -> bool:
        query = select(Transfer.id).where(
            Transfer.dossier_id == row.dossier_id, Transfer.supplements.is_(None), Transfer.state == State.WITHDRAWN
        )
        return session.scalar(query.limit(1)) is not None

    def _require(self, actor: Actor, graduate_id: UUID) -> None:
        """Raises Forbidden, NotFound for another's, Conflict('changes_held') soon after an account was taken over."""
        if actor.kind is ActorKind.GRADUATE:
            if actor.id != graduate_id:
                raise NotFound("transfer_not_found")
            self._people.require_no_hold(graduate_id)
        elif actor.kind is not ActorKind.STAFF or not actor.has_role(*rules.ROLES[By.DESK]):
            raise Forbidden("role_required")

    def _owner(self, transfer_id: UUID) -> UUID:
        with self._db.transaction() as session:
            owner = session.scalar(select(Transfer.graduate_id).where(Transfer.id == transfer_id))
        if owner is None:
            raise NotFound("transfer_not_found")
        return owner


def _elsewhere(row: Transfer, receiver: FrozenReceiver) -> bool:
    return (row.receiver_name, row.receiver_address) != (receiver.name, receiver.address)


def _letter(wanted: Destination) -> Mapping[str, str]:
    return {LETTER: plain_number(wanted.letter_number)} if wanted.letter_number.strip() else {}


def _letter_faults(wanted: Destination, today: date) -> list[FieldFault]:
    """Further study goes by the admitting school's letter alone (2-domain §3)."""
    faults = []
    if wanted.case is DestinationCase.FURTHER_STUDY and not wanted.letter_number.strip():
        faults.append(FieldFault("/letter_number", "letter_needed"))
    if wanted.letter_number.strip() and not plain_number(wanted.letter_number):
        faults.append(FieldFault("/letter_number", "letters_and_digits_only"))
    if wanted.letter_on is not None and wanted.letter_on > today:
        faults.append(FieldFault("/letter_on", "in_the_future"))
    return faults
