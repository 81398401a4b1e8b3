"""Tickets by the hundred thousand: sealed as the desk seals them, brought in by COPY. One graduate has ten."""

from __future__ import annotations

from datetime import datetime, timedelta
from random import Random
from typing import Any, cast
from uuid import UUID

from sqlalchemy import ColumnDefault, Table

from app.corrections import rules
from app.corrections.book import claim_place
from app.corrections.models import Ticket
from app.corrections.rules import Kind, State
from app.db import new_id
from app.dossiers.rules import Section
from app.envelope import DataKey, seal_json
from app.keyring import WrappedKey
from app.office_time import office_date
from app.people.models import Graduate
from app.people.rules import id_check_digit
from app.people.service import Card
from parts import Lantai
from providers.sandbox import cohort_tables as vocabulary

BATCH, EACH = 2000, 10
# of a hundred: a desk has far more behind it than before it
OPEN_STATES = ((State.SUBMITTED, 12), (State.IN_REVIEW, 12), (State.NEEDS_INFO, 4), (State.AWAITING_SECOND, 2))
SHUT_STATES = ((State.APPLIED, 45), (State.RESOLVED, 12), (State.REJECTED, 9), (State.WITHDRAWN, 4))
STATES = [state for state, share in (*OPEN_STATES, *SHUT_STATES) for _ in range(share)]
GRADUATES, KEYS, TICKETS = (cast(Table, m.__table__) for m in (Graduate, WrappedKey, Ticket))
COLUMNS = [c.name for c in TICKETS.columns if c.name != "serial" and c.computed is None]


def _graduate(parts: Lantai, serial: int, college: str) -> tuple[dict[str, Any], DataKey, dict[str, Any]]:
    body = f"110105{1990 + serial % 16}{serial // 16 % 12 + 1:02d}{serial // 192 % 28 + 1:02d}{serial % 1000:03d}"
    card = Card(
        "测试" + vocabulary.SURNAMES[serial % len(vocabulary.SURNAMES)],
        body + id_check_digit(body),
        f"2022{serial:08d}",
        f"139{serial:08d}",
    )
    indexes = parts.people.card_indexes(card.student_number, card.id_number)
    return parts.people.prepare_values(
        card, cohort_year=2026, college=college, major="档案学", level="本科", owner=new_id(), indexes=indexes
    )


def _ticket(
    parts: Lantai, chance: Random, key: DataKey, owner: UUID, college: str, staff: list[UUID], now: datetime
) -> list[Any]:
    state = chance.choice(STATES)
    opened = now - timedelta(minutes=chance.randrange(60 * 24 * (40 if state not in rules.CLOSED else 700)))
    day = office_date(opened)
    decided = opened + timedelta(days=chance.randrange(1, 20)) if state in rules.CLOSED else None
    waiting = state is State.SUBMITTED and chance.random() < 0.8
    row = Ticket(
        id=new_id(),
        graduate_id=owner,
        section=chance.choice((Section.COURSE, Section.AWARD, Section.ENROLMENT)),
        college=college,
        kind=chance.choice(list(Kind)),
        state=state,
        version=1,
        assigned_to=None if waiting else chance.choice(staff),
        opened_at=opened,
        touched_at=decided or opened,
        answer_by=parts.calendar.add(day, 3),
        decide_by=parts.calendar.add(day, 15),
        decided_at=decided,
        clock_started_at=opened,
        stopped_at=opened if state is State.NEEDS_INFO else None,
    )
    row.sealed_claim = seal_json(key, claim_place(row), {"statement": "成绩录入有误，请核对原件。", "changes": {}})
    values = {c.name: getattr(row, c.name) for c in TICKETS.columns}
    # what the model fills on a flush, COPY must be given
    for column in TICKETS.columns:
        if values[column.name] is None and isinstance(column.default, ColumnDefault) and column.default.is_scalar:
            values[column.name] = column.default.arg
    return [values[name] for name in COLUMNS]


def fill_tickets(parts: Lantai, count: int, staff: list[UUID]) -> None:
    """``count`` tickets of a tenth as many graduates, spread over the colleges and the staff."""
    now, chance = parts.clock.now(), Random(count)
    colleges = [c.name for c in vocabulary.COLLEGES]
    for start in range(0, count, BATCH):
        graduates: list[list[Any]] = []
        keys: list[list[Any]] = []
        tickets: list[list[Any]] = []
        names: list[list[str]] = [[], []]
        for serial in range(start, min(start + BATCH, count), EACH):
            college = colleges[serial // EACH % len(colleges)]
            values, key, wrapped = _graduate(parts, serial + 1, college)
            names = [list(values), list(wrapped)]
            graduates.append(list(values.values()))
            keys.append(list(wrapped.values()))
            many = min(EACH, count - serial)
            tickets += [_ticket(parts, chance, key, values["id"], college, staff, now) for _ in range(many)]
        with parts.db.transaction() as session:
            parts.db.copy_in(session, GRADUATES, names[0], graduates)
            parts.db.copy_in(session, KEYS, names[1], keys)
            parts.db.copy_in(session, TICKETS, COLUMNS, tickets)
