"""The real worker, forked, killed and stopped in the middle of a call: nothing is lost, and soon it goes on."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator

import pytest
from sqlalchemy import select

from app.actors import SYSTEM
from app.db import new_id
from notifications.webhook_models import WebhookAttempt, WebhookMessage
from notifications.webhook_rules import Attempt, Message
from parts import Lantai
from tests.notifications.bots import Bot, bot, client_of, subscribed
from tests.proof.forked import Forked

EVENTS, SOON_S, RECOVERED_S = 12, 20.0, 30.0


def happened(parts: Lantai, many: int) -> None:
    with parts.db.transaction() as session:
        for _ in range(many):
            parts.log.record(
                session, SYSTEM, "dossier.filed", graduate_id=new_id(), object_kind="dossier", object_id=new_id()
            )


def within(seconds: float, so: Callable[[], bool]) -> float:
    """How long it took."""
    begun = time.monotonic()
    while not so():
        assert time.monotonic() - begun < seconds, "not in time"
        time.sleep(0.05)
    return time.monotonic() - begun


def attempts(parts: Lantai) -> list[Attempt]:
    with parts.db.transaction() as session:
        return list(session.scalars(select(WebhookAttempt.state)))


def delivered(parts: Lantai) -> bool:
    with parts.db.transaction() as session:
        states = list(session.scalars(select(WebhookMessage.state)))
    return len(states) == EVENTS and set(states) == {Message.DELIVERED}


@pytest.fixture
def there() -> Iterator[Bot]:
    with bot() as made:
        yield made


def test_a_killed_worker_loses_nothing_and_another_goes_on_within_thirty_seconds(
    parts: Lantai, there: Bot, begin: Callable[[], Forked]
) -> None:
    subscribed(parts, client_of(parts), there)
    there.wait_s = 0.3
    happened(parts, EVENTS)
    first = begin()
    within(SOON_S, lambda: len(there.seen) >= 3 and there.at_once == 1)
    first.kill()
    assert first.wait() == -signal.SIGKILL
    assert attempts(parts).count(Attempt.SENDING) == 1
    there.wait_s, before = 0.0, len(there.seen)
    begin()
    assert within(RECOVERED_S, lambda: len(there.seen) > before) <= RECOVERED_S
    within(SOON_S, lambda: delivered(parts))
    ids = [r.id for r in there.seen]
    assert (len(set(ids)), len(ids)) == (EVENTS, EVENTS + 1), "only what was under way came twice"
    assert sorted(attempts(parts)) == [Attempt.DELIVERED] * EVENTS + [Attempt.LOST]


def test_a_worker_that_is_told_to_stop_settles_what_it_has_in_hand(
    parts: Lantai, there: Bot, begin: Callable[[], Forked]
) -> None:
    subscribed(parts, client_of(parts), there)
    there.wait_s = 1.0
    happened(parts, 1)
    one = begin()
    within(SOON_S, lambda: there.at_once == 1)
    os.kill(one._pid, signal.SIGTERM)
    assert one.wait() == 0
    assert attempts(parts) == [Attempt.DELIVERED]
