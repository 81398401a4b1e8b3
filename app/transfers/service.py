"""Transfers: opening one, moving it on with its evidence, and the timeline a graduate follows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import Select, func, select, tuple_
from sqlalchemy.orm import Session

from app.actors import Actor, ActorKind, Role
from app.db import Database
from app.dossiers.holdings import Holdings
from app.envelope import open_json
from app.errors import Conflict, Forbidden, NotFound
from app.events import EventLog
from app.jobs import CheckDossier, JobQueue
from app.keyring import Keyring
from app.office_time import office_date
from app.ports import Clock
from app.transfers import rules
from app.transfers.counting_models import latest_case
from app.transfers.electronic_models import ElectronicLeg
from app.transfers.guarding import DossierChecks
from app.transfers.manifest import Manifest, manifest_of
from app.transfers.models import Transfer, proofs_place
from app.transfers.proving import Shown
from app.transfers.showing import TransferLine, TransferView, line_of, view_of
from app.transfers.states import Channel, State
from app.transfers.steps import NONE_SHOWN, TransferSteps
from app.transfers.supplements import brought_by
from app.working_days.calendar import WorkingDays

MOVER_ROLES = (Role.DISPATCHER, Role.ARCHIVIST)
READER_ROLES = (*MOVER_ROLES, Role.REVIEWER)


@dataclass(frozen=True, slots=True)
class UnderWay:
    """Which open transfers are looked at. ``overdue``: past their day; ``to``: only those to these frozen
    (receiver, version). ``electronic_late``: whose package is past its day, be the paper open or not.
    """

    state: State | None = None
    channel: Channel | None = None
    overdue: bool = False
    to: Sequence[tuple[UUID, int]] | None = None
    electronic_late: bool = False


ALL_UNDER_WAY = UnderWay()


class TransferService:
    def __init__(
        self,
        db: Database,
        keys: Keyring,
        steps: TransferSteps,
        holdings: Holdings,
        log: EventLog,
        queue: JobQueue,
        clock: Clock,
        calendar: WorkingDays,
        contact: str,
        checks: DossierChecks | None = None,
        check_rule: str = "advise",
    ) -> None:
        """``check_rule``: off, advise (checked by itself when assembled) or require (no "checked" without a pass).

        ``contact`` is whom a graduate calls about a delay.
        """
        self._db, self._keys, self._steps, self._holdings = db, keys, steps, holdings
        self._log, self._queue, self._clock, self._calendar, self._contact = log, queue, clock, calendar, contact
        self._checks = checks if check_rule != "off" else None
        self._check_required = check_rule == "require"

    def move(
        self, actor: Actor, transfer_id: UUID, version: int, target: State, shown: Shown = NONE_SHOWN
    ) -> TransferView:
        """One edge of the rule book that one person may walk.

        Raises Conflict('move_not_allowed', 'two_persons_required', …), Invalid, VersionMismatch, NotFound, Forbidden.
        """
        self._require_reader(actor)
        owner, brought = self._owner(transfer_id)
        key = self._keys.of(owner)
        frozen = None
        if target is State.ASSEMBLED:
            frozen = manifest_of(transfer_id, self._holdings.of(owner), brought)
        with self._db.transaction() as session:
            row = self._steps.locked(session, transfer_id, version)
            self._heed_checks(session, row, target)
            self._steps.take(session, actor, row, key, target, shown, frozen=frozen)
            return self._view(session, row, open_json(key, proofs_place(row), row.sealed_proofs), actor)

    def under_way(
        self, actor: Actor, wanted: UnderWay = ALL_UNDER_WAY, *, offset: int = 0, limit: int = 25
    ) -> tuple[list[TransferLine], int]:
        """(lines, total) of the open transfers, the one that is due first leads."""
        self._require_mover(actor)
        query = self._chosen(wanted, office_date(self._clock.now()))
        order = (Transfer.due_on.asc().nulls_last(), Transfer.moved_at, Transfer.id)
        with self._db.transaction() as session:
            total = session.scalar(select(func.count()).select_from(query.subquery())) or 0
            rows = session.scalars(query.order_by(*order).offset(offset).limit(limit)).all()
        return [line_of(r) for r in rows], total

    def of_graduate(self, actor: Actor, graduate_id: UUID) -> list[TransferView]:
        """Newest first, with every step. Graduates see their own; staff with a reading role any."""
        own = actor.kind is ActorKind.GRADUATE and actor.id == graduate_id
        if not own and not (actor.kind is ActorKind.STAFF and actor.has_role(*READER_ROLES)):
            raise NotFound("transfer_not_found")
        key = self._keys.of(graduate_id)
        with self._db.transaction() as session:
            rows = session.scalars(
                select(Transfer)
                .where(Transfer.graduate_id == graduate_id)
                .order_by(Transfer.created_at.desc(), Transfer.serial.desc())
            ).all()
            return [self._view(session, r, open_json(key, proofs_place(r), r.sealed_proofs), actor) for r in rows]

    def manifest(self, actor: Actor, graduate_id: UUID, transfer_id: UUID) -> Manifest | None:
        """The frozen catalogue, titles of every zone: for the desk alone. Raises NotFound, Forbidden."""
        self._require_mover(actor)
        key = self._keys.of(graduate_id)
        with self._db.transaction() as session:
            row = session.scalar(
                select(Transfer).where(Transfer.id == transfer_id, Transfer.graduate_id == graduate_id)
            )
            if row is None:
                raise NotFound("transfer_not_found")
            self._log.record(
                session,
                actor,
                "transfer.manifest_read",
                graduate_id=graduate_id,
                object_kind="transfer",
                object_id=transfer_id,
            )
            return self._steps.manifests.of(session, key, row)

    # --- inside -------------------------------------------------------------------------------------------------------

    @staticmethod
    def _chosen(wanted: UnderWay, today: date) -> Select[Transfer]:
        query = select(Transfer)
        if wanted.electronic_late:
            late = select(ElectronicLeg.transfer_id).where(ElectronicLeg.due_on < today)
            query = query.where(Transfer.id.in_(late))
        else:
            query = query.where(Transfer.state.in_(rules.OPEN))
        if wanted.state is not None:
            query = query.where(Transfer.state == wanted.state)
        if wanted.channel is not None:
            query = query.where(Transfer.channel == wanted.channel)
        if wanted.overdue:
            query = query.where(Transfer.due_on < today)
        if wanted.to is not None:
            query = query.where(tuple_(Transfer.receiver_id, Transfer.receiver_version).in_(wanted.to))
        return query

    @staticmethod
    def _require_mover(actor: Actor) -> None:
        if actor.kind is not ActorKind.STAFF or not actor.has_role(*MOVER_ROLES):
            raise Forbidden("role_required")

    @staticmethod
    def _require_reader(actor: Actor) -> None:
        if actor.kind is not ActorKind.STAFF or not actor.has_role(*READER_ROLES):
            raise Forbidden("role_required")

    def _owner(self, transfer_id: UUID) -> tuple[UUID, frozenset[UUID] | None]:
        """(graduate, what a supplement brings after a dossier that was received; None for the dossier itself)."""
        with self._db.transaction() as session:
            row = session.get(Transfer, transfer_id)
            if row is None:
                raise NotFound("transfer_not_found")
            return row.graduate_id, None if row.supplements is None else brought_by(session, row)

    def _heed_checks(self, session: Session, row: Transfer, target: State) -> None:
        if self._checks is None or row.supplements is not None:
            return
        if target is State.ASSEMBLED:
            self._queue.enqueue(session, CheckDossier(row.graduate_id))
        required = self._check_required and target is State.CHECKED
        if required and not self._checks.stands(session, row.graduate_id):
            raise Conflict("check_required")

    def _view(self, session: Session, row: Transfer, proofs: Mapping[str, Any], actor: Actor) -> TransferView:
        session.flush()
        events = self._log.of_object(session, "transfer", row.id)
        successor = None
        if row.state is State.REDIRECTED:
            successor = session.scalar(select(Transfer.id).where(Transfer.follows == row.id))
        case = latest_case(session, row.id) if rules.edge(row.state, State.RECEIVED) is not None else None
        now = self._clock.now()
        return view_of(row, events, proofs, actor, now, self._calendar, self._contact, successor, case)
