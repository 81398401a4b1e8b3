"""The real worker, forked, killed in the middle of a run: nothing is sent again twice, and another goes on."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable

import pytest

from app.db import Database
from notifications.replays.models import State
from notifications.sending_again import SendingAgain
from notifications.undelivered import UndeliveredFilter
from parts import Lantai
from tests.moving import desk_pair
from tests.notifications.campaigns.test_killed import within
from tests.notifications.replays.outage import outage, outcomes, replayed
from tests.proof.forked import Forked

MESSAGES, SOON_S, RECOVERED_S = 60, 20.0, 30.0
BUSY = UndeliveredFilter("retry")


def test_a_killed_worker_sends_nothing_twice_and_another_goes_on(parts: Lantai, begin: Callable[[], Forked]) -> None:
    outage(parts, MESSAGES)
    someone = desk_pair(parts).first
    run, _ = parts.replays.start(someone, BUSY, double_known=False)
    first = begin()
    within(SOON_S, lambda: 0 < len(replayed(parts)) < MESSAGES)
    first.kill()
    assert first.wait() == -signal.SIGKILL
    reached = len(replayed(parts))
    assert 0 < reached < MESSAGES
    assert outcomes(parts, run) == {"again": reached, "waiting": MESSAGES - reached}
    begin()
    begin()
    within(RECOVERED_S, lambda: len(replayed(parts)) > reached)
    within(SOON_S, lambda: parts.replays.view(someone, run).state is State.DONE)
    assert outcomes(parts, run) == {"again": MESSAGES}
    assert len(set(replayed(parts))) == len(replayed(parts)) == MESSAGES


def test_a_worker_killed_before_its_commit_has_sent_nothing(
    parts: Lantai, begin: Callable[[], Forked], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stopped inside the slice's transaction, after it wrote: PostgreSQL takes all of it back, jobs too."""
    outage(parts, MESSAGES)
    someone = desk_pair(parts).first
    run, _ = parts.replays.start(someone, BUSY, double_known=False)
    send = SendingAgain.send

    def hanging(self: SendingAgain, *args: object, **kwargs: object) -> None:
        send(self, *args, **kwargs)  # type: ignore[arg-type]
        time.sleep(60)

    monkeypatch.setattr(SendingAgain, "send", hanging)
    first = begin()
    within(SOON_S, lambda: _writes(parts.db))
    first.kill()
    assert first.wait() == -signal.SIGKILL
    assert (replayed(parts), outcomes(parts, run)) == ([], {"waiting": MESSAGES})
    monkeypatch.setattr(SendingAgain, "send", send)
    begin()
    within(RECOVERED_S, lambda: len(replayed(parts)) == MESSAGES)
    assert len(set(replayed(parts))) == MESSAGES


def _writes(db: Database) -> bool:
    """Whether somebody has put jobs into the queue that are not committed."""
    query = (
        "select exists (select 1 from pg_locks l join pg_stat_activity a using (pid) where l.relation ="
        " 'event'::regclass and l.mode = 'RowExclusiveLock' and a.state = 'idle in transaction')"
    )
    with db.engine.connect() as connection:
        return bool(connection.exec_driver_sql(query).scalar())
