"""Alembic's entry. The database URL comes from the caller (commands/database.py), never from a file."""

from __future__ import annotations

from alembic import context
from sqlalchemy import create_engine, pool

from app.db import Base
from migrations.tables import ALL_MODELS

assert ALL_MODELS  # importing them is what fills the metadata

QUEUE_PREFIX = "procrastinate_"


def include_object(thing: object, name: str | None, kind: str, reflected: bool, compare_to: object) -> bool:  # noqa: ARG001
    """The job queue's tables come from its own published schema, not from our models."""
    table = getattr(thing, "table", None)
    return not ((name or "").startswith(QUEUE_PREFIX) or getattr(table, "name", "").startswith(QUEUE_PREFIX))


def run() -> None:
    url = context.config.attributes["url"]
    # a migration that has to wait for a lock gives up instead of stopping the house
    limits = {"options": "-c lock_timeout=5s -c statement_timeout=10min"}
    engine = create_engine(url, poolclass=pool.NullPool, hide_parameters=True, connect_args=limits)
    with engine.connect() as connection:
        context.configure(
            connection=connection,
            target_metadata=Base.metadata,
            include_object=include_object,
            compare_type=True,
            compare_server_default=False,
            transaction_per_migration=True,
        )
        with context.begin_transaction():
            context.run_migrations()
    engine.dispose()


run()
