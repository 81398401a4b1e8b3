"""How the office's machinery does, counted in PostgreSQL when asked: queues, workers, schema, connections.

All times are the database's own: by its clock jobs fall due and workers beat.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import timedelta
from enum import StrEnum

from sqlalchemy import text

from app.db import Database, limit_waiting
from app.operations.rules import QueueFigures

PATIENCE_S = 2.0  # for each statement: whoever watches must not weigh on what is watched

# A job without a time of its own is due since it was deferred. Numbers are drawn in that order, so only the first one's
# event is looked up; a retried job has a time.
_QUEUES = text("""
    with counted as (
        select queue_name,
            count(*) filter (where status = 'todo') as waiting,
            count(*) filter (where status = 'todo' and (scheduled_at is null or scheduled_at <= now())) as due,
            count(*) filter (where status = 'doing') as doing,
            count(*) filter (where status = 'failed') as failed,
            min(scheduled_at) filter (where status = 'todo' and scheduled_at <= now()) as since,
            min(id) filter (where status = 'todo' and scheduled_at is null) as first
        from procrastinate_jobs group by queue_name
    )
    select queue_name, waiting, due, doing, failed,
        coalesce(extract(epoch from now() - least(since, (
            select min(at) from procrastinate_events where job_id = first and type = 'deferred'
        ))), 0)
    from counted
""")
_WORKERS = text("select count(*) from procrastinate_workers where last_heartbeat > now() - :within")
_CONNECTIONS = text("""
    select replace(coalesce(state, 'unknown'), ' ', '_'), count(*) from pg_stat_activity
    where datname = current_database() and usename = current_user group by 1
""")


class Schema(StrEnum):
    """``ahead``: a newer release has migrated already, as while releases change over."""

    OK = "ok"
    BEHIND = "behind"
    AHEAD = "ahead"


class OperationsFigures:
    def __init__(self, db: Database, queues: Collection[str], newest_schema: str, beaten_within: timedelta) -> None:
        """``queues`` are named even where they are empty; ``newest_schema`` is the last migration this code brings."""
        self._db, self._queues, self._newest, self._within = db, sorted(queues), newest_schema, beaten_within

    def queues(self) -> list[QueueFigures]:
        """Raises Unavailable, as all others here."""
        with self._db.transaction() as session:
            limit_waiting(session, PATIENCE_S)
            rows = session.execute(_QUEUES).all()
        found = {row[0]: QueueFigures(row[0], row[1], row[2], row[3], row[4], float(row[5])) for row in rows}
        return [found.get(name, QueueFigures(name)) for name in sorted({*self._queues, *found})]

    def workers(self) -> int:
        """Loops that take jobs and have beaten lately: a worker has two, a face worker one."""
        with self._db.transaction() as session:
            limit_waiting(session, PATIENCE_S)
            if session.scalar(text("select to_regclass('procrastinate_workers')")) is None:
                return 0
            return int(session.scalar(_WORKERS, {"within": self._within}) or 0)

    def schema(self) -> Schema:
        with self._db.transaction() as session:
            limit_waiting(session, PATIENCE_S)
            if session.scalar(text("select to_regclass('alembic_version')")) is None:
                return Schema.BEHIND
            at = str(session.scalar(text("select version_num from alembic_version")) or "")
        if at == self._newest:
            return Schema.OK
        return Schema.BEHIND if at < self._newest else Schema.AHEAD

    def connections(self) -> Mapping[str, int]:
        """Of the application's role to this database, of all processes on all machines, by state."""
        with self._db.transaction() as session:
            limit_waiting(session, PATIENCE_S)
            return dict(session.execute(_CONNECTIONS).all())

    def most_connections(self) -> int:
        """The server takes no more from anybody."""
        with self._db.transaction() as session:
            return int(session.scalar(text("select current_setting('max_connections')")) or 0)
