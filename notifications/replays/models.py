"""Runs that send again all of what one filter shows, and the messages frozen when one is pressed."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import ForeignKey, Index, Integer, String, text
from sqlalchemy.orm import Mapped, mapped_column

from app.db import Base, EnumText, UtcTime, new_id


class State(StrEnum):
    RUNNING = "running"
    DONE = "done"
    STOPPED = "stopped"


class Outcome(StrEnum):
    """``SETTLED``: it was sent again, is under way or has arrived since the press. ``REFUSED`` has a reason."""

    WAITING = "waiting"
    AGAIN = "again"
    SETTLED = "settled"
    REFUSED = "refused"


class ReplayRun(Base):
    """``cause`` and ``way`` are the filter's, '' for all. ``total`` were frozen; ``double``: also what may arrive
    twice.
    """

    __tablename__ = "replay_run"
    __table_args__ = (
        # two who press at once make one
        Index("uq_replay_run_running", "cause", "way", unique=True, postgresql_where=text("state = 'running'")),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    cause: Mapped[str] = mapped_column(String(20))
    way: Mapped[str] = mapped_column(String(10))
    double: Mapped[bool]
    state: Mapped[State] = mapped_column(EnumText(State, 10))
    total: Mapped[int] = mapped_column(Integer)
    started_by: Mapped[UUID] = mapped_column(ForeignKey("staff_member.id"))
    created_at: Mapped[datetime] = mapped_column(UtcTime)
    sliced_at: Mapped[datetime | None] = mapped_column(UtcTime)
    stopped_by: Mapped[UUID | None] = mapped_column(ForeignKey("staff_member.id"))
    ended_at: Mapped[datetime | None] = mapped_column(UtcTime)


class ReplayItem(Base):
    """``attempt_id`` is a push's or a letter's. ``double``: it may arrive twice, and whoever pressed said so.

    ``notice_id`` without a foreign key: freezing thousands would hold all their notices, and letters wait for theirs.
    """

    __tablename__ = "replay_item"
    __table_args__ = (
        Index("ix_replay_item_waiting", "run_id", "notice_id", postgresql_where=text("outcome = 'waiting'")),
    )

    run_id: Mapped[UUID] = mapped_column(ForeignKey("replay_run.id"), primary_key=True)
    attempt_id: Mapped[UUID] = mapped_column(primary_key=True)
    notice_id: Mapped[UUID]
    double: Mapped[bool]
    outcome: Mapped[Outcome] = mapped_column(EnumText(Outcome, 10))
    reason: Mapped[str] = mapped_column(String(20), default="")
