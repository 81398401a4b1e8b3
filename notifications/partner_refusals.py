"""Requests of outside systems that were refused at once: they leave no row, so they are counted, by hour and code.

Counted in Redis, since a client that is refused for its rate may be refused a thousand times a second, and copied into
PostgreSQL by a beat: one row for a client, an hour and a code, however often it asks.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import delete, func, select
from sqlalchemy.dialects.postgresql import insert

from app.db import Database
from app.machine_ports import Tally
from app.ports import Clock
from notifications.partner_models import PartnerRefusal

HOUR = timedelta(hours=1)
SHOWN = timedelta(hours=24)
KEEP = timedelta(days=90)
LEFT = 3
"""So many hours before the present one are copied again: for so long no worker may be there to do it."""
KEPT_S = (LEFT + 2) * 3600
ANSWERS = frozenset({404, 410})
"""What is not there was answered, not refused."""


@dataclass(frozen=True, slots=True)
class RefusedHour:
    """Requests of a system that were refused in the hour from ``begins`` on, by code, the most frequent first."""

    begins: datetime
    codes: Sequence[tuple[str, int]]

    @property
    def refused(self) -> int:
        return sum(count for _, count in self.codes)


class PartnerRefusals:
    def __init__(self, db: Database, tally: Tally, clock: Clock) -> None:
        self._db, self._tally, self._clock = db, tally, clock

    def note(self, client_id: UUID, status: int, code: str) -> None:
        """One answer to a client that has shown who it is. Never raises."""
        if 400 <= status < 500 and status not in ANSWERS:
            self._tally.count(_bucket(self._hour()), f"{client_id}|{code}", KEPT_S)

    def copy(self) -> int:
        """Into the database what was counted in the last hours; how many rows. What Redis says of an hour only grows,
        so the greater number is the newer one, whoever copies at the same time. Where Redis began anew within an hour,
        that hour's number is what it said before or says since, whichever is more.
        """
        rows = [row for back in range(LEFT + 1) for row in self._counted(self._hour() - back * HOUR)]
        if not rows:
            return 0
        # in one order, so that two who copy at once wait for each other instead of standing in each other's way
        rows.sort(key=lambda row: (row["hour"], row["client_id"], row["code"]))
        adding = insert(PartnerRefusal).values(rows)
        newer = adding.on_conflict_do_update(
            index_elements=["hour", "client_id", "code"],
            set_={"count": adding.excluded.count},
            where=PartnerRefusal.count < adding.excluded.count,
        )
        with self._db.transaction() as session:
            session.execute(newer)
        return len(rows)

    def _counted(self, hour: datetime) -> Iterator[dict[str, Any]]:
        for name, count in self._tally.counted(_bucket(hour)).items():
            client, _, code = name.partition("|")
            yield {"hour": hour, "client_id": UUID(client), "code": code, "count": count}

    def lately(self) -> Mapping[UUID, Sequence[RefusedHour]]:
        """By client: the hours of the last 24 in which it was refused anything, the latest first."""
        query = select(PartnerRefusal).where(PartnerRefusal.hour >= self._hour() - SHOWN)
        query = query.order_by(PartnerRefusal.hour.desc(), PartnerRefusal.count.desc(), PartnerRefusal.code)
        found: dict[UUID, dict[datetime, list[tuple[str, int]]]] = defaultdict(lambda: defaultdict(list))
        with self._db.transaction() as session:
            for row in session.scalars(query):
                found[row.client_id][row.hour].append((row.code, row.count))
        return {client: [RefusedHour(*each) for each in hours.items()] for client, hours in found.items()}

    def last_day(self) -> Mapping[str, int]:
        """Of all clients together, by code."""
        query = select(PartnerRefusal.code, func.sum(PartnerRefusal.count)).group_by(PartnerRefusal.code)
        with self._db.transaction() as session:
            rows = session.execute(query.where(PartnerRefusal.hour > self._hour() - SHOWN))
            return {code: int(count) for code, count in rows}

    def sweep(self) -> int:
        """Forget what is older than KEEP; how many rows."""
        with self._db.transaction() as session:
            done = session.execute(delete(PartnerRefusal).where(PartnerRefusal.hour < self._clock.now() - KEEP))
            return int(getattr(done, "rowcount", 0))

    def _hour(self) -> datetime:
        """Whole hours of the world's time are whole hours in Beijing."""
        return self._clock.now().replace(minute=0, second=0, microsecond=0)


def _bucket(hour: datetime) -> str:
    return f"partner-refused:{hour:%Y%m%d%H}"
