"""Transfers of earlier years, finished and filed with all their steps: what a season finds in the tables before it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any, cast
from uuid import UUID

from sqlalchemy import ColumnDefault, Table

from app.actors import ActorKind
from app.db import Base, new_id, packed_json
from app.dossiers.models import Dossier
from app.dossiers.rules import DossierState
from app.envelope import DataKey, seal_json
from app.events import COPIED, Event
from app.keyring import WrappedKey
from app.people.models import Graduate
from app.people.rules import id_check_digit
from app.people.service import Card
from app.receivers.rules import DestinationCase
from app.transfers.models import Dispatch, Transfer, numbers_place, proofs_place
from app.transfers.rules import Evidence
from app.transfers.states import Channel, State
from bench.season.people import Desk
from parts import Lantai

BATCH = 1000
STEPS = (
    State.DESTINATION_REGISTERED,
    State.COLLEGE_REVIEWED,
    State.SCHOOL_APPROVED,
    State.ASSEMBLED,
    State.CHECKED,
    State.SEALED,
    State.HANDED_TO_CARRIER,
    State.IN_TRANSIT,
    State.DELIVERED_UNCONFIRMED,
    State.RECEIVED,
    State.CLOSED,
)
LAST_YEAR = datetime(2025, 6, 9, 2, tzinfo=UTC)


def file_years(parts: Lantai, desk: Desk, count: int) -> None:
    """``count`` closed transfers by COPY."""
    rng = Random(count)
    for start in range(0, count, BATCH):
        rows: dict[type[Base], list[list[Any]]] = {m: [] for m in (Graduate, WrappedKey, Dossier, Transfer, Dispatch)}
        names: dict[type[Base], list[str]] = {}
        events: list[tuple[Any, ...]] = []
        for serial in range(start, min(start + BATCH, count)):
            values, key, wrapped = _graduate(parts, serial)
            names = {Graduate: list(values), WrappedKey: list(wrapped)}
            rows[Graduate].append(list(values.values()))
            rows[WrappedKey].append(list(wrapped.values()))
            _closed(parts, desk, rows, events, key, serial, LAST_YEAR + timedelta(hours=rng.randrange(2000)))
        with parts.db.transaction() as session:
            for model, lines in rows.items():
                table = cast(Table, model.__table__)
                parts.db.copy_in(session, table, names.get(model) or _columns(model), lines)
            parts.db.copy_in(session, cast(Table, Event.__table__), COPIED, events)


def _graduate(parts: Lantai, serial: int) -> tuple[dict[str, Any], DataKey, dict[str, Any]]:
    body = (
        f"110105{1990 + serial % 16}{serial // 16 % 12 + 1:02d}{serial // 192 % 28 + 1:02d}{serial // 5376 % 1000:03d}"
    )
    card = Card("往届生", body + id_check_digit(body), f"2021{serial:08d}", f"138{serial:08d}")
    indexes = parts.people.card_indexes(card.student_number, card.id_number)
    return parts.people.prepare_values(
        card, cohort_year=2025, college="文学院", major="档案学", level="本科", owner=new_id(), indexes=indexes
    )


def _closed(
    parts: Lantai,
    desk: Desk,
    rows: dict[type[Base], list[list[Any]]],
    events: list[tuple[Any, ...]],
    key: DataKey,
    serial: int,
    at: datetime,
) -> None:
    dossier = Dossier(id=new_id(), graduate_id=key.owner, state=DossierState.TRANSFERRED, version=1, created_at=at)
    transfer = Transfer(
        id=new_id(),
        dossier_id=dossier.id,
        graduate_id=key.owner,
        state=State.CLOSED,
        channel=Channel.EMS,
        destination_case=DestinationCase.UNEMPLOYED,
        receiver_name="某市人才服务中心",
        receiver_address="某市某路 1 号",
        version=len(STEPS) + 1,
        created_at=at,
        moved_at=at + timedelta(days=30),
    )
    number = f"9{serial:012d}"
    transfer.sealed_proofs = seal_json(key, proofs_place(transfer), {"7": {Evidence.TRACKING_NUMBER.value: number}})
    handed = Dispatch(
        id=new_id(),
        transfer_id=transfer.id,
        number=1,
        channel=Channel.EMS,
        tracking_bidx=parts.transfer_steps.tracking_index(Channel.EMS, number),
        handed_by=desk.pair[0].id,
        handed_at=at + timedelta(days=10),
    )
    handed.sealed_numbers = seal_json(key, numbers_place(handed), {"tracking_number": number})
    for row in (dossier, transfer, handed):
        rows[type(row)].append(_line(row))
    events.extend(_step(desk.school.id, transfer, state, n) for n, state in enumerate(STEPS))


def _step(staff: UUID, transfer: Transfer, state: State, n: int) -> tuple[Any, ...]:
    """A row of COPIED."""
    at, data = transfer.created_at + timedelta(days=n), packed_json({"state": state.value, "step": n})
    who = (ActorKind.STAFF.value, staff)
    return (new_id(), at, "transfer.moved", *who, transfer.graduate_id, "transfer", transfer.id, data, "")


def _columns(model: type[Base]) -> list[str]:
    table = cast(Table, model.__table__)
    return [c.name for c in table.columns if c.name != "serial" and c.computed is None]


def _line(row: Base) -> list[Any]:
    """What the model fills on a flush, COPY must be given."""
    table = cast(Table, type(row).__table__)
    values = {name: getattr(row, name) for name in _columns(type(row))}
    for name in values:
        default = table.columns[name].default
        if values[name] is None and isinstance(default, ColumnDefault) and default.is_scalar:
            values[name] = default.arg
    return list(values.values())
