"""The one way a transfer moves: along an edge, by who may, with its evidence, in the caller's transaction."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import func, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.actors import SYSTEM, Actor, ActorKind
from app.db import new_id
from app.dossiers.models import Dossier
from app.dossiers.rules import DossierState
from app.envelope import BlindIndex, DataKey, open_json, seal_json
from app.errors import Conflict, FieldFault, Forbidden, Invalid, NotFound, VersionMismatch
from app.events import EventLog
from app.jobs import Announce, JobQueue
from app.office_time import office_date
from app.ports import Clock
from app.receivers.rules import DestinationCase
from app.transfers import channel_basis, clocks, holding, manifest, rules
from app.transfers.counting_models import open_case
from app.transfers.footing import Footing
from app.transfers.guarding import PaperKeeping, SealWatcher
from app.transfers.manifest import Manifest, ManifestBook
from app.transfers.models import ActState, Dispatch, DoubleAct, Transfer, numbers_place, proofs_place
from app.transfers.proving import Shown, checked
from app.transfers.rules import By, Edge, Evidence
from app.transfers.states import ARRIVED, ENDED, STATE_LABELS, Channel, State
from app.working_days.calendar import WorkingDays

NONE_SHOWN: Shown = {}
NO_PROOFS: Mapping[str, str] = {}
FORWARD = frozenset({State.COLLEGE_REVIEWED, State.SCHOOL_APPROVED, State.ASSEMBLED})
"""What waits while a changed address rests."""
BACK_IN_HOUSE = frozenset({State.RETURNED, State.REBUILDING})
AT_HAND = frozenset({State.ASSEMBLED, State.CHECKED, State.SEALED, State.HANDED_TO_CARRIER})
"""What is done with the paper in hand."""
STEPS, REDIRECTED_FOR = "steps", "redirected_for"
"""In the sealed proofs: how many steps have been taken; each one's evidence stands under its number. And why
the transfer before was redirected here."""


class TransferSteps:
    def __init__(
        self,
        log: EventLog,
        queue: JobQueue,
        clock: Clock,
        calendar: WorkingDays,
        index: BlindIndex,
        paper: PaperKeeping,
        footing: Footing,
    ) -> None:
        self._log, self._queue, self._clock, self._calendar, self._index = log, queue, clock, calendar, index
        self._paper, self.footing = paper, footing
        self.manifests = ManifestBook()
        self._watchers: list[SealWatcher] = []

    def by(self, clock: Clock) -> TransferSteps:
        """The same steps by another clock."""
        made = TransferSteps(self._log, self._queue, clock, self._calendar, self._index, self._paper, self.footing)
        made._watchers = self._watchers
        return made

    def watch(self, watcher: SealWatcher) -> None:
        """Is told of every seal that is closed, opened or lost for good from now on."""
        self._watchers.append(watcher)

    @staticmethod
    def locked(session: Session, transfer_id: UUID, version: int | None = None) -> Transfer:
        """Raises NotFound, VersionMismatch where ``version`` is not the present one."""
        row = session.scalar(select(Transfer).where(Transfer.id == transfer_id).with_for_update())
        if row is None:
            raise NotFound("transfer_not_found")
        if version is not None and row.version != version:
            raise VersionMismatch("transfer_changed", extra={"current_version": row.version})
        return row

    def opened(
        self, session: Session, actor: Actor, key: DataKey, row: Transfer, proofs: Mapping[str, str] = NO_PROOFS
    ) -> None:
        """Keeps a new transfer. Raises Conflict('transfer_open'): one open transfer per dossier, whoever races."""
        row.sealed_proofs = seal_json(key, proofs_place(row), dict(proofs))
        self._wind(row)
        session.add(row)
        try:
            session.flush()
        except IntegrityError:
            raise Conflict("transfer_open") from None
        self.record(session, actor, row, "transfer.opened")

    def take(
        self,
        session: Session,
        actor: Actor,
        row: Transfer,
        key: DataKey,
        target: State,
        shown: Shown = NONE_SHOWN,
        *,
        frozen: Manifest | None = None,
        two: bool = False,
    ) -> None:
        """One edge. ``row`` is locked; ``frozen`` is the catalogue for ``assembled``; ``two``: two persons did it.

        Reaching ``redirected`` opens the transfer that follows. Raises Conflict('move_not_allowed',
        'two_persons_required', 'catalogue_changed', 'tracking_number_used', 'destination_rests',
        'destination_missing', 'receipt_in_dispute', 'paper_on_loan', 'receiver_not_authorised_now',
        'channel_not_allowed_now', 'not_kept_at_school', 'kept_at_school'), Forbidden, Invalid.
        """
        edge = rules.edge(row.state, target)
        if edge is None:
            raise Conflict("move_not_allowed", params={"state": STATE_LABELS[row.state]})
        _allow(actor, edge, two=two)
        if (code := holding.against(row.state, target, row.destination_case)) is not None:
            raise Conflict(code)
        if target in FORWARD and row.resting_until is not None and self._clock.now() < row.resting_until:
            raise Conflict("destination_rests", extra={"until": row.resting_until.isoformat()})
        if target is State.DESTINATION_REGISTERED and not row.receiver_name:
            raise Conflict("destination_missing")
        if target is State.RECEIVED and open_case(session, row.id) is not None:
            raise Conflict("receipt_in_dispute")
        self.require_at_hand(session, row, target)
        self.footing.confirm(session, key, row, target)
        meaningless = frozenset({Evidence.MANIFEST_CODE}) if row.manifest_digest is None else frozenset[Evidence]()
        evidence = checked(edge, shown, row.channel, without=meaningless)
        step = self._keep(key, row, evidence)
        before, row.state, row.moved_at = row.state, target, self._clock.now()
        self._heed(session, actor, row, key, evidence, frozen, before)
        self._follow(session, row, before)
        self._wind(row)
        self._void_acts(session, row)
        self._move_paper(session, actor, row, before)
        self.record(session, actor, row, "transfer.moved", step=step)
        session.flush()
        self._tell(session, actor, row, key, edge)
        if target is State.REDIRECTED:
            self._succeed(session, actor, row, key, evidence[Evidence.REASON])
        if row.supplements is not None and (target in ENDED or target is State.RECEIVED):
            self._close_parent(session, row.supplements)

    def record(self, session: Session, actor: Actor, row: Transfer, kind: str, **data: Any) -> None:
        """Told to the graduate as well."""
        links = {"supplements": row.supplements, "follows": row.follows}
        linked = {name: str(other) for name, other in links.items() if other is not None}
        event_id = self._log.record(
            session,
            actor,
            kind,
            graduate_id=row.graduate_id,
            object_kind="transfer",
            object_id=row.id,
            data={"state": row.state.value, **linked, **data},
        )
        self._queue.enqueue(session, Announce(event_id))

    def require_at_hand(self, session: Session, row: Transfer, target: State) -> None:
        """Raises Conflict('paper_on_loan') for a step that takes the paper in hand while it is lent."""
        if target in AT_HAND and row.supplements is None:
            self._paper.require_at_hand(session, row.dossier_id)

    def asked_again(self, row: Transfer, *, anew: bool) -> None:
        """Another destination before the first one was reviewed: the letter's day counts, if it has one. ``anew``: the
        dossier was not to be sent at all until now.
        """
        row.asked_on = row.letter_on or (office_date(self._clock.now()) if anew else row.asked_on)
        self._wind(row)

    def tracking_index(self, channel: Channel, number: str) -> bytes:
        """What keeps a number from being used twice."""
        return self._index.of("dispatch", "tracking", f"{channel.value}|{number}")

    @staticmethod
    def tracking_used(session: Session, bidx: bytes) -> bool:
        return session.scalar(select(Dispatch.id).where(Dispatch.tracking_bidx == bidx)) is not None

    def supplement_opened(self, session: Session, parent_id: UUID) -> None:
        """The received transfer shows that papers follow it."""
        parent = self.locked(session, parent_id)
        if rules.edge(parent.state, State.SUPPLEMENT_OPEN) is not None:
            self._turn(session, parent, State.SUPPLEMENT_OPEN)

    # --- inside -------------------------------------------------------------------------------------------------------

    def _keep(self, key: DataKey, row: Transfer, evidence: Shown) -> int:
        proofs = open_json(key, proofs_place(row), row.sealed_proofs)
        step = int(proofs.get(STEPS, 0)) + 1
        proofs |= {STEPS: step, str(step): {kind.value: text for kind, text in evidence.items()}}
        row.sealed_proofs = seal_json(key, proofs_place(row), proofs)
        return step

    def _heed(
        self,
        session: Session,
        actor: Actor,
        row: Transfer,
        key: DataKey,
        evidence: Shown,
        frozen: Manifest | None,
        before: State,
    ) -> None:
        """What the evidence means for the row."""
        if row.state is State.DESTINATION_REGISTERED:
            row.asked_on = row.letter_on or office_date(row.moved_at)
        elif before in BACK_IN_HOUSE and row.state in (State.SEALED, State.SCHOOL_APPROVED):
            row.asked_on = office_date(row.moved_at)  # the days to send it begin anew
        if row.state is State.ASSEMBLED and frozen is not None:
            self.manifests.freeze(session, key, row, frozen, row.moved_at)
        if row.state is State.SEALED and row.manifest_digest is not None and row.supplements is None:
            self._require_unchanged(session, key, row)
        if Evidence.TRACKING_NUMBER in evidence:
            self._hand_over(session, actor, row, key, evidence[Evidence.TRACKING_NUMBER])
        if Evidence.MANIFEST_CODE in evidence and row.manifest_digest is not None:
            if not manifest.code_fits(evidence[Evidence.MANIFEST_CODE], row.manifest_digest):
                raise Invalid("invalid_input", faults=[FieldFault("/manifest_code", "other_manifest")])
            row.receipt_digest = row.manifest_digest
        if Evidence.KEPT_UNTIL in evidence:
            until = date.fromisoformat(evidence[Evidence.KEPT_UNTIL])
            holding.begin(session, row, until, office_date(self._clock.now()))
        if before is State.HELD_AT_SCHOOL:
            holding.end(row)

    def _require_unchanged(self, session: Session, key: DataKey, row: Transfer) -> None:
        kept = self.manifests.of(session, key, row)
        dossier = session.get_one(Dossier, row.dossier_id, with_for_update=True)
        # a whole seal has let nothing in
        if dossier.state is DossierState.OPEN and kept is not None and kept.dossier_version != dossier.version:
            raise Conflict("catalogue_changed")

    def _hand_over(self, session: Session, actor: Actor, row: Transfer, key: DataKey, number: str) -> None:
        before = session.scalar(select(func.count()).where(Dispatch.transfer_id == row.id)) or 0
        handed = Dispatch(
            id=new_id(),
            transfer_id=row.id,
            number=before + 1,
            channel=row.channel,
            tracking_bidx=self.tracking_index(row.channel, number),
            handed_by=actor.id,
            handed_at=row.moved_at,
        )
        handed.sealed_numbers = seal_json(key, numbers_place(handed), {"tracking_number": number})
        row.handed_on = office_date(row.moved_at)
        try:
            with session.begin_nested():
                session.add(handed)
        except IntegrityError:
            raise Conflict("tracking_number_used") from None

    def _wind(self, row: Transfer) -> None:
        found = clocks.due(clock_facts(row), self._calendar)
        row.due_on, row.timer = (None, None) if found is None else (found.on, found.timer)

    @staticmethod
    def _follow(session: Session, row: Transfer, before: State) -> None:
        """The dossier takes no edit from sealing on, and takes them again when a seal was opened or it was lost."""
        if row.supplements is not None:
            return  # the dossier itself has arrived already
        arrived = row.state is State.RECEIVED and before not in ARRIVED
        if not arrived and row.state not in rules.SEALED_UP | rules.OPENED_UP:
            return
        dossier = session.get_one(Dossier, row.dossier_id, with_for_update=True)
        if arrived:
            dossier.state = DossierState.TRANSFERRED
        elif row.state in rules.SEALED_UP:
            dossier.state = DossierState.SEALED
        elif dossier.state is DossierState.SEALED:
            dossier.state = DossierState.OPEN

    def _tell(self, session: Session, actor: Actor, row: Transfer, key: DataKey, edge: Edge) -> None:
        for watcher in self._watchers:
            if edge.target in rules.SEALED_UP:
                watcher.sealed(session, actor, key, row)
            elif edge.target in rules.OPENED_UP and (
                By.TWO in edge.by or State.REBUILDING in (edge.source, edge.target)
            ):
                watcher.unsealed(session, actor, row)

    def _succeed(self, session: Session, actor: Actor, row: Transfer, key: DataKey, reason: str) -> None:
        """What goes where this one did not arrive: a draft without a receiver that says why it is there."""
        following = Transfer(
            id=new_id(),
            dossier_id=row.dossier_id,
            graduate_id=row.graduate_id,
            state=State.DRAFT,
            channel=row.channel,
            receiver_name="",
            receiver_address="",
            version=1,
            created_at=row.moved_at,
            moved_at=row.moved_at,
            follows=row.id,
            supplements=row.supplements,
            ticket_id=row.ticket_id,
        )
        channel_basis.keep(key, following, channel_basis.choices_of(key, row))
        self.opened(session, actor, key, following, {REDIRECTED_FOR: reason})

    def _move_paper(self, session: Session, actor: Actor, row: Transfer, before: State) -> None:
        if row.supplements is not None:
            return  # its papers have no place of their own
        if row.state is State.HANDED_TO_CARRIER:
            self._paper.left(session, actor, row.dossier_id)
        elif row.state is State.RETURNED or before is State.REBUILDING:
            self._paper.came_back(session, actor, row.dossier_id, rebuilt=before is State.REBUILDING)

    @staticmethod
    def _void_acts(session: Session, row: Transfer) -> None:
        session.execute(
            update(DoubleAct)
            .where(DoubleAct.transfer_id == row.id, DoubleAct.state == ActState.WAITING)
            .values(state=ActState.VOID)
        )

    def _close_parent(self, session: Session, parent_id: UUID) -> None:
        parent = self.locked(session, parent_id)
        others = select(Transfer.id).where(
            Transfer.supplements == parent_id, Transfer.state.not_in((*ENDED, State.RECEIVED))
        )
        if parent.state is State.SUPPLEMENT_OPEN and session.scalar(others.limit(1)) is None:
            self._turn(session, parent, State.CLOSED)

    def _turn(self, session: Session, row: Transfer, target: State) -> None:
        """What follows by itself, without evidence of its own."""
        row.state, row.moved_at = target, self._clock.now()
        self._wind(row)
        self.record(session, SYSTEM, row, "transfer.moved")
        session.flush()


def clock_facts(row: Transfer) -> clocks.ClockFacts:
    return clocks.ClockFacts(
        row.state,
        office_date(row.moved_at),
        row.asked_on,
        row.handed_on,
        row.kept_until,
        stays=row.destination_case is DestinationCase.KEPT_AT_SCHOOL,
    )


def _allow(actor: Actor, edge: Edge, *, two: bool) -> None:
    if actor.kind is ActorKind.STAFF:
        if two:
            allowed = By.TWO in edge.by and actor.has_role(*rules.ROLES[By.TWO])
        else:
            if edge.by == (By.TWO,) and actor.has_role(*rules.ROLES[By.TWO]):
                raise Conflict("two_persons_required")
            allowed = rules.may(edge, staff=actor.roles)
    elif actor.kind is ActorKind.SYSTEM:
        allowed = By.CARRIER in edge.by or By.CLOCK in edge.by
    else:
        allowed = rules.may(edge, graduate=actor.kind is ActorKind.GRADUATE, partner=actor.kind is ActorKind.PARTNER)
    if not allowed:
        raise Forbidden("role_required")
