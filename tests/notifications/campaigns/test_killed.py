"""The real worker, forked, killed in the middle of a campaign; paused and resumed from another process."""

from __future__ import annotations

import signal
import time
from collections import Counter
from collections.abc import Callable

import pytest
from sqlalchemy import select

from app.actors import SYSTEM
from app.db import Database
from notifications.campaigns.rules import State, Told
from notifications.models import Notice
from parts import Lantai
from tests.moving import desk_pair
from tests.notifications.campaigns.cohorts import cohort, recipients, running, told
from tests.proof.forked import Forked

PEOPLE, SOON_S, RECOVERED_S = 60, 20.0, 30.0


def within(seconds: float, so: Callable[[], bool]) -> float:
    """How long it took."""
    began = time.monotonic()
    while not so():
        assert time.monotonic() - began < seconds, "not in time"
        time.sleep(0.02)
    return time.monotonic() - began


def test_a_killed_worker_tells_nobody_twice_and_another_goes_on(parts: Lantai, begin: Callable[[], Forked]) -> None:
    people = cohort(parts, PEOPLE)
    campaign = running(parts, desk_pair(parts))
    first = begin()
    within(SOON_S, lambda: 0 < len(told(parts)) < PEOPLE)
    first.kill()
    assert first.wait() == -signal.SIGKILL
    reached = len(told(parts))
    assert 0 < reached < PEOPLE
    assert recipients(parts, campaign) == {Told.TOLD: reached, Told.WAITING: PEOPLE - reached}
    begin()
    assert within(RECOVERED_S, lambda: len(told(parts)) > reached) <= RECOVERED_S
    within(SOON_S, lambda: parts.campaign_reading.campaign(SYSTEM, campaign).state is State.DONE)
    assert Counter(told(parts)) == Counter(people)


def test_a_worker_killed_before_its_commit_has_told_nobody(
    parts: Lantai, begin: Callable[[], Forked], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stopped inside the slice's transaction, after its notices were written: PostgreSQL takes them back."""
    cohort(parts, PEOPLE)
    campaign = running(parts, desk_pair(parts))
    kind = type(parts.campaign_sending)
    mark = kind._mark_told

    def hanging(*args: object, **kwargs: object) -> None:
        time.sleep(60)

    monkeypatch.setattr(kind, "_mark_told", hanging)
    first = begin()
    within(SOON_S, lambda: _writes(parts.db))
    first.kill()
    assert first.wait() == -signal.SIGKILL
    assert told(parts) == []
    assert recipients(parts, campaign) == {Told.WAITING: PEOPLE}
    monkeypatch.setattr(kind, "_mark_told", mark)
    begin()
    within(RECOVERED_S, lambda: len(told(parts)) == PEOPLE)


def _writes(db: Database) -> bool:
    """Whether somebody has written notices that are not committed."""
    query = (
        "select exists (select 1 from pg_locks l join pg_stat_activity a using (pid) where l.relation ="
        " 'notice'::regclass and l.mode = 'RowExclusiveLock' and a.state = 'idle in transaction')"
    )
    with db.engine.connect() as connection:
        return bool(connection.exec_driver_sql(query).scalar())


def test_a_pause_from_another_process_takes_effect_at_once(parts: Lantai, begin: Callable[[], Forked]) -> None:
    people = cohort(parts, PEOPLE)
    campaign = running(parts, desk_pair(parts))
    begin()
    begin()
    within(SOON_S, lambda: 0 < len(told(parts)) < PEOPLE)
    parts.campaigns.pause(SYSTEM, campaign)
    held = len(told(parts))
    assert held < PEOPLE
    time.sleep(2.0)
    assert len(told(parts)) == held
    parts.campaigns.resume(SYSTEM, campaign)
    within(SOON_S, lambda: parts.campaign_reading.campaign(SYSTEM, campaign).state is State.DONE)
    assert list(told(parts)) == people
    with parts.db.transaction() as session:
        moments = sorted(session.scalars(select(Notice.created_at)))
    fullest = max(sum(1 for m in moments if 0 <= (m - start).total_seconds() < 1.0) for start in moments)
    most = 2 * parts.settings.campaign_per_second  # a full bucket and what flows in meanwhile
    assert fullest <= most, f"{fullest} in one second by two workers"
