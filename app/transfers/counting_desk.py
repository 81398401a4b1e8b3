"""Cases at the desk: where the receiver's count and the catalogue differ, and settling them with a reason."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from sqlalchemy import func, select

from app.actors import Actor, ActorKind, Role
from app.db import Database
from app.dossiers.rules import MATERIAL_CLASSES
from app.envelope import DataKey, open_json, seal_json
from app.errors import Conflict, FieldFault, Forbidden, Invalid, NotFound
from app.events import EventLog
from app.keyring import Keyring
from app.ports import Clock
from app.text_rules import hides_something
from app.transfers.counting_models import Slip, TransferCase, case_place, count_place
from app.transfers.counting_rules import SETTLED_MOST, CaseState
from app.transfers.models import Transfer
from app.transfers.service import MOVER_ROLES, READER_ROLES
from app.transfers.showing import transfer_number

SETTLED = "transfer.case_settled"


@dataclass(frozen=True, slots=True)
class CaseView:
    """``lines`` say in words what differs; ``counted_by`` and ``receipt_number`` are the receiver's words."""

    id: UUID
    transfer_id: UUID
    open: bool
    opened_at: datetime
    settled_at: datetime | None
    lines: Sequence[str] = field(repr=False)
    counted_by: str = field(repr=False)
    receipt_number: str = field(repr=False)
    reason: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class CaseLine:
    """One open case of the list."""

    id: UUID
    graduate_id: UUID
    transfer_number: str
    receiver_name: str
    opened_at: datetime


class CaseDesk:
    def __init__(self, db: Database, keys: Keyring, log: EventLog, clock: Clock) -> None:
        self._db, self._keys, self._log, self._clock = db, keys, log, clock

    def waiting(self, actor: Actor, *, offset: int = 0, limit: int = 25) -> tuple[list[CaseLine], int]:
        """(lines, total) of open cases, oldest first. Raises Forbidden."""
        _require(actor, READER_ROLES)
        wanted = TransferCase.state == CaseState.OPEN
        query = select(TransferCase, Transfer).join(Transfer, Transfer.id == TransferCase.transfer_id).where(wanted)
        with self._db.transaction() as session:
            total = session.scalar(select(func.count()).where(wanted)) or 0
            order = (TransferCase.opened_at, TransferCase.id)
            rows = session.execute(query.order_by(*order).offset(offset).limit(limit)).all()
            return [
                CaseLine(c.id, c.graduate_id, transfer_number(t), t.receiver_name, c.opened_at) for c, t in rows
            ], total

    def of_graduate(self, actor: Actor, graduate_id: UUID) -> Mapping[UUID, Sequence[CaseView]]:
        """The cases of each transfer, newest first. Raises Forbidden, NotFound."""
        _require(actor, READER_ROLES)
        key = self._keys.of(graduate_id)
        query = (
            select(TransferCase, Slip)
            .join(Slip, Slip.id == TransferCase.slip_id)
            .where(TransferCase.graduate_id == graduate_id)
            .order_by(TransferCase.opened_at.desc(), TransferCase.id)
        )
        found: dict[UUID, list[CaseView]] = {}
        with self._db.transaction() as session:
            for case, slip in session.execute(query):
                found.setdefault(case.transfer_id, []).append(_view(key, case, slip))
        return found

    def settle(self, actor: Actor, graduate_id: UUID, transfer_id: UUID, case_id: UUID, reason: str) -> None:
        """Cleared up with the receiver, ``reason`` says how. The transfer does not move by it: a new slip is counted
        anew, or the desk takes the next step. Raises Forbidden, NotFound, Invalid, Conflict('case_settled').
        """
        _require(actor, MOVER_ROLES)
        reason = reason.strip()
        if not reason:
            raise Invalid("invalid_input", faults=[FieldFault("/settled", "required", "请填写处理结果")])
        if len(reason) > SETTLED_MOST or hides_something(reason):
            words = f"处理结果最多 {SETTLED_MOST} 字，不能含隐藏字符"
            raise Invalid("invalid_input", faults=[FieldFault("/settled", "too_long", words)])
        key = self._keys.of(graduate_id)
        with self._db.transaction() as session:
            case = session.get(TransferCase, case_id, with_for_update=True)
            if case is None or (case.graduate_id, case.transfer_id) != (graduate_id, transfer_id):
                raise NotFound("case_not_found")
            if case.state is CaseState.SETTLED:
                raise Conflict("case_settled")
            body = open_json(key, case_place(case), case.sealed_body)
            case.sealed_body = seal_json(key, case_place(case), {**body, "reason": reason})
            case.state, case.settled_at, case.settled_by = CaseState.SETTLED, self._clock.now(), actor.id
            self._log.record(
                session,
                actor,
                SETTLED,
                graduate_id=graduate_id,
                object_kind="transfer",
                object_id=case.transfer_id,
                data={"case": str(case.id)},
            )


def _require(actor: Actor, roles: Sequence[Role]) -> None:
    if actor.kind is not ActorKind.STAFF or not actor.has_role(*roles):
        raise Forbidden("role_required")


def _view(key: DataKey, case: TransferCase, slip: Slip) -> CaseView:
    body = open_json(key, case_place(case), case.sealed_body)
    said = {} if slip.sealed_count is None else open_json(key, count_place(slip), slip.sealed_count)
    return CaseView(
        case.id,
        case.transfer_id,
        case.state is CaseState.OPEN,
        case.opened_at,
        case.settled_at,
        tuple(
            f"第 {code} 类（{MATERIAL_CLASSES.get(code, '')}）：目录 {listed} {what}，清点 {counted} {what}"
            for code, what, listed, counted in body["differences"]
        ),
        str(said.get("counted_by", "")),
        str(said.get("receipt_number", "")),
        str(body.get("reason", "")),
    )
