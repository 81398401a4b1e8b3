"""Rows of the registry: which version speaks for a day, adding one, and the queries of the lists."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, and_, func, or_, select
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.orm import Session, aliased

from app.db import new_id
from app.receivers.models import Receiver, ReceiverVersion
from app.receivers.rules import (
    CHANGED_DAYS,
    EXPIRING_DAYS,
    FIELD_LABELS,
    ReceiverFacts,
    Standing,
    governing,
    standing,
)
from app.receivers.views import ReceiverLine, Wanted

_BATCH = 1000


def facts_of(row: ReceiverVersion) -> ReceiverFacts:
    return ReceiverFacts(**{name: getattr(row, name) for name in FIELD_LABELS})


def version_row(receiver_id: UUID, number: int, facts: ReceiverFacts, by: UUID, at: datetime) -> ReceiverVersion:
    values = {name: getattr(facts, name) for name in FIELD_LABELS}
    return ReceiverVersion(id=new_id(), receiver_id=receiver_id, number=number, recorded_by=by, created_at=at, **values)


def versions_of(session: Session, receiver_id: UUID) -> list[ReceiverVersion]:
    """Oldest first."""
    query = select(ReceiverVersion).where(ReceiverVersion.receiver_id == receiver_id)
    return list(session.scalars(query.order_by(ReceiverVersion.number)))


def versions_of_many(session: Session, receiver_ids: Iterable[UUID]) -> dict[UUID, tuple[str, list[ReceiverVersion]]]:
    """Receiver -> its code and its versions, oldest first."""
    found: dict[UUID, tuple[str, list[ReceiverVersion]]] = {}
    wanted = sorted(set(receiver_ids))
    for start in range(0, len(wanted), _BATCH):
        query = (
            select(Receiver.code, ReceiverVersion)
            .join(Receiver, Receiver.id == ReceiverVersion.receiver_id)
            .where(ReceiverVersion.receiver_id.in_(wanted[start : start + _BATCH]))
            .order_by(ReceiverVersion.receiver_id, ReceiverVersion.number)
        )
        for code, row in session.execute(query):
            found.setdefault(row.receiver_id, (code, []))[1].append(row)
    return found


def speaking(rows: Sequence[ReceiverVersion], on: date) -> ReceiverVersion | None:
    number = governing([(r.number, r.valid_from) for r in rows], on)
    return next((r for r in rows if r.number == number), None)


def latest_by_code(session: Session, codes: Iterable[str]) -> dict[str, tuple[Receiver, ReceiverVersion]]:
    """The last version under each code that is known; locks the bodies until the transaction ends."""
    wanted, found = sorted(set(codes)), dict[str, tuple[Receiver, ReceiverVersion]]()
    for start in range(0, len(wanted), _BATCH):
        part = wanted[start : start + _BATCH]
        held = session.scalars(
            select(Receiver).where(Receiver.code.in_(part)).order_by(Receiver.code).with_for_update()
        ).all()
        last = (
            select(ReceiverVersion)
            .where(ReceiverVersion.receiver_id.in_([r.id for r in held]))
            .ext(distinct_on(ReceiverVersion.receiver_id))
            .order_by(ReceiverVersion.receiver_id, ReceiverVersion.number.desc())
        )
        by_id = {v.receiver_id: v for v in session.scalars(last)}
        found |= {r.code: (r, by_id[r.id]) for r in held}
    return found


# --- lists ------------------------------------------------------------------------------------------------------------


def _as_of(on: date) -> Any:
    """The version of each body that speaks for the day; the last one where none has begun."""
    spoken = (
        select(ReceiverVersion)
        .ext(distinct_on(ReceiverVersion.receiver_id))
        .order_by(ReceiverVersion.receiver_id, (ReceiverVersion.valid_from <= on).desc(), ReceiverVersion.number.desc())
        .subquery()
    )
    return aliased(ReceiverVersion, spoken)


def _standing_is(v: Any, wanted: Standing, on: date, days: int) -> ColumnElement[bool]:
    begun, soon = v.valid_from <= on, on + timedelta(days=days)
    clauses: dict[Standing, ColumnElement[bool]] = {
        Standing.NOT_YET: v.valid_from > on,
        Standing.EXPIRED: and_(begun, v.valid_to <= on),
        Standing.EXPIRING: and_(begun, v.valid_to > on, v.valid_to <= soon),
        Standing.VALID: and_(begun, or_(v.valid_to.is_(None), v.valid_to > on)),
    }
    return clauses[wanted]


def _clauses(v: Any, wanted: Wanted, on: date, now: datetime) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    if wanted.text:
        columns = (v.name, v.department, v.address, v.credit_code, Receiver.code)
        found.append(or_(*(c.icontains(wanted.text, autoescape=True) for c in columns)))
    if wanted.region:
        found.append(v.region_code.startswith(wanted.region, autoescape=True))
    if wanted.kind is not None:
        found.append(v.kind == wanted.kind)
    if wanted.standing is not None:
        found.append(_standing_is(v, wanted.standing, on, EXPIRING_DAYS))
    if wanted.valid_on is not None:
        found.append(_standing_is(v, Standing.VALID, on, 0))
    if wanted.expiring_within is not None:
        found.append(_standing_is(v, Standing.EXPIRING, on, wanted.expiring_within))
    if wanted.changed:
        since = now - timedelta(days=CHANGED_DAYS)
        further = and_(ReceiverVersion.number > 1, ReceiverVersion.created_at >= since)
        found.append(select(ReceiverVersion.id).where(ReceiverVersion.receiver_id == Receiver.id, further).exists())
    return found


def _found(wanted: Wanted, on: date, now: datetime) -> tuple[Any, Select[Any]]:
    v = _as_of(on)
    query = select(Receiver, v).join(v, v.receiver_id == Receiver.id).where(*_clauses(v, wanted, on, now))
    return v, query


def counted(session: Session, wanted: Wanted, on: date, now: datetime) -> int:
    _, query = _found(wanted, on, now)
    return session.scalar(select(func.count()).select_from(query.subquery())) or 0


def page_of(
    session: Session, wanted: Wanted, on: date, now: datetime, offset: int, limit: int | None
) -> list[ReceiverLine]:
    """By region, then by name; what ends first comes first where ends are asked for."""
    v, query = _found(wanted, on, now)
    ends = wanted.expiring_within is not None or wanted.standing in (Standing.EXPIRING, Standing.EXPIRED)
    order = [v.valid_to] if ends else []
    rows = session.execute(query.order_by(*order, v.region_code, v.name, Receiver.code).offset(offset).limit(limit))
    return [line_of(receiver, version, on) for receiver, version in rows]


def line_of(receiver: Receiver, version: ReceiverVersion, on: date) -> ReceiverLine:
    return ReceiverLine(
        id=receiver.id,
        code=receiver.code,
        number=version.number,
        facts=facts_of(version),
        standing=standing(version.valid_from, version.valid_to, on),
        recorded_at=version.created_at,
    )
