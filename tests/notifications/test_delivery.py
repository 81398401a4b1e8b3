"""Notices: the inbox written once, a push per account, and what each failure leads to."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, text

from app.actors import SYSTEM
from app.errors import Unavailable
from app.jobs import Announce, DeliverNotice
from app.people.models import PlatformIdentity
from app.ports import OutboundMessage, Platform, SendFault
from notifications.catalogue.text import Promise, Template
from notifications.catalogue.words import notice_for
from notifications.delivery import BACKOFF, MAX_ATTEMPTS
from notifications.fault_actions import next_day
from notifications.models import AttemptState, DeliveryAttempt, Notice, Subscription
from notifications.turns import LEASE
from parts import Lantai
from tests.conftest import Person, World
from tests.fakes import FakeClock, FakeSender

ONCE, SURE = "ticket.decided", "account.totp_enrolled"


def attempts(lantai: Lantai, job: DeliverNotice) -> list[tuple[str, str]]:
    with lantai.db.transaction() as session:
        rows = session.scalars(
            select(DeliveryAttempt).where(DeliveryAttempt.notice_id == job.notice_id).order_by(DeliveryAttempt.number)
        ).all()
    return [(r.state.value, r.reason) for r in rows]


def waiting(lantai: Lantai) -> list[tuple[str, dict[str, Any], Any]]:
    """Jobs not yet done, as they stand in the queue's table."""
    with lantai.db.transaction() as session:
        rows = session.execute(
            text("select task_name, args, scheduled_at from procrastinate_jobs where status = 'todo' order by id")
        )
        return [(r[0], r[1], r[2]) for r in rows]


def test_an_event_is_announced_once_however_often_the_job_runs(
    lantai: Lantai, person: Person, run_jobs: Callable[[], None], world: World
) -> None:
    with lantai.db.transaction() as session:
        event = lantai.log.record(session, SYSTEM, ONCE, graduate_id=person.id, data={"state": "applied"})
        silent = lantai.log.record(session, SYSTEM, "dossier.section_read", graduate_id=person.id)
    pushes = {lantai.announcing.announce(Announce(event)) for _ in range(3)}
    assert lantai.announcing.announce(Announce(silent)) is None
    assert lantai.announcing.announce(Announce(uuid.uuid4())) is None
    with lantai.db.transaction() as session:
        (notice,) = session.scalars(select(Notice.id).where(Notice.event_id.in_([event, silent])))
        for _ in range(2):
            lantai.queue.enqueue(session, Announce(event))
    assert pushes == {DeliverNotice(notice)}
    run_jobs()
    assert len(world.wechat_sender.sent) == 1


def test_a_push_names_nobody_and_goes_once(
    lantai: Lantai, person: Person, tell: Callable[[str], DeliverNotice], world: World
) -> None:
    job = tell(ONCE)
    for _ in range(3):
        lantai.delivery.deliver(job)
    (message,) = world.wechat_sender.sent
    assert message.fields["phrase2"] == "已更正"
    card = person.card
    assert not [v for v in (card.name, card.id_number, card.student_number, card.phone) if v in str(message)]
    assert attempts(lantai, job) == [("sent", "")]
    assert waiting(lantai)[1:] == []


@pytest.mark.parametrize(
    ("fault", "kind", "state", "again"),
    [
        (SendFault.RETRY, ONCE, "retry", True),
        (SendFault.LATER, ONCE, "retry", True),
        (SendFault.RECIPIENT, ONCE, "failed", False),
        (SendFault.NO_CREDIT, ONCE, "failed", False),
        (SendFault.CONTENT, ONCE, "failed", False),
        (SendFault.CONFIG, ONCE, "failed", False),
        (SendFault.UNKNOWN, ONCE, "unknown", False),
        (SendFault.UNKNOWN, SURE, "retry", True),
        (SendFault.NO_CREDIT, SURE, "failed", False),
    ],
)
def test_what_each_fault_leads_to(
    fault: SendFault,
    kind: str,
    state: str,
    again: bool,
    lantai: Lantai,
    person: Person,
    tell: Callable[[str], DeliverNotice],
    world: World,
    clock: FakeClock,
) -> None:
    job = tell(kind)
    with lantai.db.transaction() as session:
        session.execute(text("delete from procrastinate_jobs"))
        identity = session.scalars(select(PlatformIdentity)).one()
        notice = notice_for(kind, {"state": "applied"})
        assert notice is not None
        session.add(
            Subscription(
                identity_id=identity.id, template=notice.template, accepted=True, credits=3, updated_at=clock.now()
            )
        )
    world.wechat_sender.faults = [fault]
    lantai.delivery.deliver(job)
    assert attempts(lantai, job) == [(state, f"{fault.value}:scripted")]
    queued = waiting(lantai)
    if again:
        # a new job, due later: a waiting one would hold up whatever stands behind it
        ((name, args, at),) = queued
        assert (name, args) == ("notifications.deliver", {"notice_id": str(job.notice_id), "attempt": 2, "bulk": False})
        assert at == (next_day(clock.now()) if fault is SendFault.LATER else clock.now() + BACKOFF[0])
        lantai.delivery.deliver(DeliverNotice(job.notice_id, 2))
        assert len(attempts(lantai, job)) == 1  # a second job does not hurry it
        night = timedelta(hours=8 if fault is SendFault.LATER else 0)  # a day of the platform's begins at midnight
        clock.advance(seconds=(at + night - clock.now()).total_seconds())
        lantai.delivery.deliver(DeliverNotice(job.notice_id, 2))
        assert attempts(lantai, job)[-1] == ("sent", "")
    else:
        assert queued == []
        lantai.delivery.deliver(job)
        assert len(attempts(lantai, job)) == 1  # settled for good
    with lantai.db.transaction() as session:
        credits = session.scalars(select(Subscription.credits)).one()
        reachable = session.scalars(select(PlatformIdentity.unreachable_at)).one() is None
    assert credits == (0 if fault is SendFault.NO_CREDIT else 2 if again else 3)
    assert reachable is (fault is not SendFault.RECIPIENT)
    assert bool(world.alerts.lines) is (fault in (SendFault.CONFIG, SendFault.CONTENT, SendFault.LATER))
    assert all(person.card.name not in line for line in world.alerts.lines)


def test_retries_end(lantai: Lantai, tell: Callable[[str], DeliverNotice], world: World, clock: FakeClock) -> None:
    job = tell(ONCE)
    with lantai.db.transaction() as session:
        session.execute(text("delete from procrastinate_jobs"))
    world.wechat_sender.faults = [SendFault.RETRY] * (MAX_ATTEMPTS + 3)
    for pause in (*BACKOFF, BACKOFF[-1]):
        lantai.delivery.deliver(job)
        clock.advance(seconds=pause.total_seconds())
    assert len(waiting(lantai)) == MAX_ATTEMPTS - 1
    # the last one is not left as if it were still tried: staff find it among what was not delivered
    assert attempts(lantai, job) == [*[("retry", "retry:scripted")] * (MAX_ATTEMPTS - 1), ("failed", "retry:scripted")]


class Killed(BaseException):
    """As if the worker were gone: nothing after it runs."""


class DyingSender(FakeSender):
    """The message leaves, and the worker dies before it hears the answer."""

    def send(self, message: OutboundMessage) -> str:
        super().send(message)
        raise Killed


@pytest.mark.parametrize(("kind", "sent"), [(ONCE, 1), (SURE, 2)])
def test_a_crash_between_the_call_and_its_answer(
    kind: str, sent: int, lantai: Lantai, tell: Callable[[str], DeliverNotice], world: World, clock: FakeClock
) -> None:
    """At most once: left open as unknown. At least once: sent again. Neither before the worker can only be dead."""
    promise = notice_for(kind, {"state": "applied"})
    assert promise is not None
    assert promise.promise is (Promise.AT_MOST_ONCE if sent == 1 else Promise.AT_LEAST_ONCE)
    job = tell(kind)
    dying = DyingSender()
    senders: Any = lantai.outside.senders
    senders[Platform.WECHAT] = dying
    with pytest.raises(Killed):
        lantai.delivery.deliver(job)
    assert attempts(lantai, job) == [("sending", "")]  # the trace was there before the call
    senders[Platform.WECHAT] = world.wechat_sender
    lantai.delivery.deliver(job)
    assert attempts(lantai, job) == [("sending", "")]
    assert waiting(lantai)[-1][2] == clock.now() + LEASE
    clock.advance(seconds=LEASE.total_seconds())
    with lantai.db.transaction() as session:
        session.execute(text("delete from send_turn"))  # the database's clock has not moved
    lantai.delivery.deliver(job)
    assert attempts(lantai, job) == [("unknown", "worker_lost"), *[("sent", "")] * (sent - 1)]
    assert len(dying.sent) + len(world.wechat_sender.sent) == sent
    lantai.delivery.deliver(job)
    assert len(attempts(lantai, job)) == sent


def test_a_change_and_its_job_stand_or_fall_together(lantai: Lantai, person: Person) -> None:
    before = waiting(lantai)

    def fail() -> None:
        with lantai.db.transaction() as session:
            event = lantai.log.record(session, SYSTEM, ONCE, graduate_id=person.id, data={"state": "applied"})
            lantai.queue.enqueue(session, Announce(event))
            assert [j[0] for j in waiting(lantai)][-1] == "notifications.announce"  # inside, it is there
            raise Unavailable

    with pytest.raises(Unavailable):
        fail()
    assert waiting(lantai) == before


def test_job_arguments_are_ids_only(lantai: Lantai, tell: Callable[[str], DeliverNotice], world: World) -> None:
    world.wechat_sender.faults = [SendFault.RETRY]
    lantai.delivery.deliver(tell(ONCE))
    with lantai.db.transaction() as session:
        kept = session.scalars(text("select args from procrastinate_jobs")).all()
        assert kept
        for args in kept:
            for name, value in args.items():
                assert name.endswith("_id") or isinstance(value, int)
                assert not name.endswith("_id") or uuid.UUID(value)


def test_every_notice_fits_the_platforms_value_rules() -> None:
    kinds = [
        *(("ticket.decided", s) for s in ("applied", "resolved", "rejected")),
        ("ticket.asked", "needs_info"),
        *((f"ticket.{k}", "submitted") for k in ("appealed", "reopened", "merged")),
        *(("transfer.moved", s) for s in ("draft", "sealed", "delivered_unconfirmed", "received", "returned")),
        *((f"account.{k}", "") for k in ("bound", "rebound", "unbound", "totp_enrolled", "totp_removed")),
    ]
    for kind, state in kinds:
        notice = notice_for(kind, {"state": state})
        assert notice is not None, kind
        assert len(notice.phrase) <= 5
        assert len(notice.hint) <= 20
        assert notice.template in Template
    assert notice_for("dossier.section_read", {}) is None


def test_an_unreachable_or_unbound_account_is_not_written_to(
    lantai: Lantai, person: Person, tell: Callable[[str], DeliverNotice], world: World
) -> None:
    job = tell(ONCE)
    world.wechat_sender.faults = [SendFault.RECIPIENT]
    lantai.delivery.deliver(job)
    lantai.delivery.deliver(tell(SURE))
    assert world.wechat_sender.sent == []
    assert AttemptState.FAILED.value == attempts(lantai, job)[0][0]
