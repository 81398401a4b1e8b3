"""Races that do happen: the calls are let go only when all of them wait for the same row."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from uuid import UUID

from sqlalchemy import func, select, text

from app.corrections.models import Ticket
from app.errors import DomainError
from app.events import Event
from parts import Lantai

PATIENCE_S, LOOK_S = 2.5, 0.01


def raced(lantai: Lantai, ticket_id: UUID, *calls: Callable[[], object]) -> list[object]:
    """Results in the order of the calls, or the domain's codes of what was refused."""
    found: list[object] = [None] * len(calls)

    def run(place: int) -> None:
        try:
            found[place] = calls[place]()
        except DomainError as error:
            found[place] = error.code

    threads = [threading.Thread(target=run, args=(n,)) for n in range(len(calls))]
    with lantai.db.transaction() as session:
        session.execute(select(Ticket.id).where(Ticket.id == ticket_id).with_for_update())
        for thread in threads:
            thread.start()
        waiting_for_a_lock(lantai, len(calls))
    for thread in threads:
        thread.join()
    return found


def waiting_for_a_lock(lantai: Lantai, many: int) -> None:
    """Until so many connections wait for the row that the caller holds."""
    ends = time.monotonic() + PATIENCE_S
    while _waiting(lantai) < many:
        assert time.monotonic() < ends, "the calls do not meet at the row"
        time.sleep(LOOK_S)


def _waiting(lantai: Lantai) -> int:
    """Connections to this database that wait for a lock."""
    query = "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'"
    with lantai.db.engine.connect() as connection:
        return int(connection.scalar(text(query)) or 0)


def steps(lantai: Lantai, ticket_id: UUID, step: str) -> int:
    with lantai.db.transaction() as session:
        query = select(func.count(Event.id)).where(Event.object_id == ticket_id, Event.type == step)
        return session.scalar(query) or 0
