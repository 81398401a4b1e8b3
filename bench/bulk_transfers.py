"""Sealed dossiers by the thousand, scanned into one batch: sealed as the services seal them, brought in by COPY."""

from __future__ import annotations

from contextlib import suppress
from datetime import date
from typing import Any, cast
from uuid import UUID

from sqlalchemy import ColumnDefault, Table
from stdnum.cn import uscc

from app.actors import SYSTEM, Actor
from app.db import Base, new_id
from app.dossiers.models import Dossier
from app.dossiers.rules import DossierState
from app.envelope import DataKey, seal_json
from app.errors import Conflict
from app.keyring import WrappedKey
from app.office_time import office_date
from app.people.models import Graduate
from app.people.rules import id_check_digit
from app.people.service import Card
from app.receivers.rules import DestinationCase, ReceiverFacts, ReceiverKind
from app.receivers.views import FrozenReceiver
from app.transfers import channel_basis
from app.transfers.batch_models import DispatchItem, ItemState, number_place
from app.transfers.clocks import Timer
from app.transfers.models import Transfer, proofs_place
from app.transfers.states import Channel, State
from parts import Lantai

BATCH = 500
RECEIVER = "GG-BENCH"
Rows = dict[type[Base], list[list[Any]]]


def sealed_batch(parts: Lantai, actor: Actor, count: int, first: int) -> UUID:
    """A batch of ``count`` scanned pairs, not yet handed over; ``first``: the first serial number that is free."""
    batch, to = parts.dispatching.begin(actor, Channel.EMS), _receiver(parts)
    for start in range(0, count, BATCH):
        rows: Rows = {model: [] for model in (Graduate, WrappedKey, Dossier, Transfer, DispatchItem)}
        names: list[list[str]] = [[], []]
        for position in range(start, min(start + BATCH, count)):
            values, key, wrapped = _graduate(parts, first + position)
            names = [list(values), list(wrapped)]
            rows[Graduate].append(list(values.values()))
            rows[WrappedKey].append(list(wrapped.values()))
            _sealed(parts, rows, batch, position, key, to)
        with parts.db.transaction() as session:
            for model, lines in rows.items():
                columns = {Graduate: names[0], WrappedKey: names[1]}.get(model) or _columns(model)
                parts.db.copy_in(session, _table(model), columns, lines)
    return batch


def _receiver(parts: Lantai) -> FrozenReceiver:
    """A public body of the registry, recorded the first time it is asked for."""
    credit = "12330100000000009"
    facts = ReceiverFacts(
        kind=ReceiverKind.PUBLIC_BODY,
        name="某市人才服务中心",
        credit_code=credit + uscc.calc_check_digit(credit),
        region_code="330100",
        address="某市某路 1 号",
        valid_from=date(2020, 1, 1),
        source="名录",
    )
    with suppress(Conflict):
        parts.receivers.record(SYSTEM, RECEIVER, facts, 0)
    with parts.db.transaction() as session:
        return parts.receivers.frozen(session, RECEIVER, parts.receivers.today)


def _graduate(parts: Lantai, serial: int) -> tuple[dict[str, Any], DataKey, dict[str, Any]]:
    body = f"110105{1990 + serial % 16}{serial // 16 % 12 + 1:02d}{serial // 192 % 28 + 1:02d}{serial % 1000:03d}"
    card = Card("测试甲", body + id_check_digit(body), f"2022{serial:08d}", f"139{serial:08d}")
    indexes = parts.people.card_indexes(card.student_number, card.id_number)
    return parts.people.prepare_values(
        card, cohort_year=2026, college="文学院", major="档案学", level="本科", owner=new_id(), indexes=indexes
    )


def _sealed(parts: Lantai, rows: Rows, batch: UUID, position: int, key: DataKey, to: FrozenReceiver) -> None:
    now = parts.clock.now()
    today = office_date(now)
    dossier = Dossier(id=new_id(), graduate_id=key.owner, state=DossierState.SEALED, version=1, created_at=now)
    transfer = Transfer(
        id=new_id(),
        dossier_id=dossier.id,
        graduate_id=key.owner,
        state=State.SEALED,
        channel=Channel.EMS,
        destination_case=DestinationCase.UNEMPLOYED,
        receiver_id=to.id,
        receiver_version=to.version,
        receiver_name=to.name,
        receiver_address=to.address,
        version=7,
        created_at=now,
        moved_at=now,
        asked_on=today,
        due_on=parts.calendar.add(today, 15),
        timer=Timer.DISPATCH,
    )
    transfer.sealed_proofs = seal_json(key, proofs_place(transfer), {})
    decision = parts.transfer_steps.footing.channels_for(to.facts, frozenset())
    channel_basis.keep(key, transfer, (channel_basis.basis_of(decision, frozenset(), transfer.channel),))
    number = f"1{transfer.id.int % 10**12:012d}"
    item = DispatchItem(
        id=new_id(),
        batch_id=batch,
        position=position + 1,
        transfer_id=transfer.id,
        graduate_id=key.owner,
        state=ItemState.WAITING,
        tracking_bidx=parts.transfer_steps.tracking_index(Channel.EMS, number),
        reason="",
        at=now,
    )
    item.sealed_number = seal_json(key, number_place(item), {"tracking_number": number})
    for row in (dossier, transfer, item):
        rows[type(row)].append(_line(row))


def _table(model: type[Base]) -> Table:
    return cast(Table, model.__table__)


def _columns(model: type[Base]) -> list[str]:
    return [c.name for c in _table(model).columns if c.name != "serial" and c.computed is None]


def _line(row: Base) -> list[Any]:
    """What the model fills on a flush, COPY must be given."""
    table = _table(type(row))
    values = {name: getattr(row, name) for name in _columns(type(row))}
    for name in values:
        default = table.columns[name].default
        if values[name] is None and isinstance(default, ColumnDefault) and default.is_scalar:
            values[name] = default.arg
    return list(values.values())
