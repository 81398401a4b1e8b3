"""The ledger of credits: whatever happens in whatever order, its sum is the balance."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select, text

from app.actors import SYSTEM, Actor, ActorKind
from app.db import new_id
from app.people.models import PlatformIdentity
from app.ports import Platform
from notifications.catalogue.text import Importance, Template
from notifications.channel_models import CreditEntry
from notifications.channel_rules import CreditCause, Standing, may_push
from notifications.inbox import SubscriptionService
from notifications.models import AttemptState, DeliveryAttempt, Notice, Subscription
from parts import Lantai
from tests.conftest import ApiClient, Person

ONE, OTHER = Template.TICKET_DECIDED, Template.TRANSFER_STEP
IDS = {t: f"wechat-{t.value}" for t in Template}
ATTEMPTS = 4
happening = st.one_of(
    st.tuples(st.sampled_from(["accept", "reject", "refuse"]), st.integers(0, 60)),
    st.tuples(st.sampled_from(["sent", "sent_event", "exhausted"]), st.integers(0, ATTEMPTS - 1)),
)


@pytest.fixture
def account(
    graduate_factory: Callable[..., Person], signed_in: Callable[..., ApiClient], lantai: Lantai
) -> tuple[UUID, list[UUID]]:
    """A graduate's WeChat account, and some attempts to send to it."""
    person = graduate_factory()
    signed_in(person, 2)
    with lantai.db.transaction() as session:
        identity = session.scalars(select(PlatformIdentity.id)).one()
        event = lantai.log.record(session, SYSTEM, "ticket.decided", graduate_id=person.id, data={"state": "applied"})
        notice = Notice(
            id=new_id(),
            graduate_id=person.id,
            event_id=event,
            event_type="ticket.decided",
            data={"state": "applied"},
            catalogue_version="2026-1",
            object_kind="",
            created_at=lantai.clock.now(),
        )
        session.add(notice)
        session.flush()
        attempts = [
            DeliveryAttempt(
                id=new_id(),
                notice_id=notice.id,
                identity_id=identity,
                number=n + 1,
                state=AttemptState.SENT,
                created_at=lantai.clock.now(),
            )
            for n in range(ATTEMPTS)
        ]
        session.add_all(attempts)
        return identity, [a.id for a in attempts]


def happen(lantai: Lantai, account: tuple[UUID, list[UUID]], what: str, value: int) -> None:
    identity, attempts = account
    start, subscriptions = lantai.clock.now(), lantai.subscriptions
    with lantai.db.transaction() as session:
        at = start + timedelta(seconds=value)
        if what in ("accept", "reject"):
            subscriptions.popup(session, identity, IDS[ONE], accepted=what == "accept", at=at)
        elif what == "refuse":
            subscriptions.refused(session, identity, IDS[ONE], at=at)
        else:
            subscriptions.spent(session, identity, ONE, attempts[value], CreditCause(what))


def standing(lantai: Lantai, template: Template = ONE) -> tuple[int, int, list[int]]:
    """(balance, sum of the ledger, its changes in order)."""
    with lantai.db.transaction() as session:
        balance = session.scalar(select(Subscription.credits).where(Subscription.template == template)) or 0
        changes = session.scalars(
            select(CreditEntry.change).where(CreditEntry.template == template).order_by(CreditEntry.serial)
        ).all()
        total = session.scalar(
            select(func.coalesce(func.sum(CreditEntry.change), 0)).where(CreditEntry.template == template)
        )
    return balance, int(total or 0), list(changes)


@given(history=st.lists(happening, max_size=25))
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
def test_the_sum_of_the_ledger_is_the_balance(
    history: list[tuple[str, int]], lantai: Lantai, account: tuple[UUID, list[UUID]]
) -> None:
    with lantai.db.transaction() as session:
        session.execute(text("delete from credit_entry"))
        session.execute(text("delete from subscription"))
    for what, value in history:
        happen(lantai, account, what, value)
        balance, total, changes = standing(lantai)
        assert balance == total
        assert balance >= 0
        assert 0 not in changes
    spent = [value for what, value in history if what in ("sent", "sent_event")]
    taken = [c for c in standing(lantai)[2] if c < 0]
    refusals = sum(what in ("refuse", "exhausted") for what, _ in history)
    assert len(taken) <= len(set(spent)) + refusals  # an attempt takes one credit at most


def test_each_happening_is_a_row_with_its_cause(lantai: Lantai, account: tuple[UUID, list[UUID]]) -> None:
    for what, value in (
        ("accept", 0),
        ("accept", 1),
        ("accept", 2),
        ("sent", 0),
        ("sent_event", 0),
        ("sent_event", 1),
        ("exhausted", 2),
        ("accept", 3),
        ("refuse", 4),
    ):
        happen(lantai, account, what, value)
    with lantai.db.transaction() as session:
        rows = session.execute(select(CreditEntry.cause, CreditEntry.change).order_by(CreditEntry.serial)).all()
    assert [(r[0].value, r[1]) for r in rows] == [
        ("accepted", 1),
        ("accepted", 1),
        ("accepted", 1),
        ("sent", -1),
        ("sent_event", -1),
        ("exhausted", -1),
        ("accepted", 1),
        ("refused", -1),
    ]
    assert standing(lantai)[:2] == (0, 0)


def test_long_term_templates_have_no_credits(lantai: Lantai, account: tuple[UUID, list[UUID]]) -> None:
    ids = {"wechat": dict(IDS)}
    service = SubscriptionService(lantai.db, ids, lantai.clock, [(Platform.WECHAT, OTHER)], [Platform.WECHAT])
    identity, attempts = account
    with lantai.db.transaction() as session:
        service.popup(session, identity, IDS[OTHER], accepted=True, at=lantai.clock.now())
        service.spent(session, identity, OTHER, attempts[0])
        known = service.standings(session, [identity])[identity, OTHER]
    assert (known.accepted, known.credits, known.long_term) == (True, 0, True)
    with lantai.db.transaction() as session:
        service.spent(session, identity, OTHER, attempts[1], CreditCause.EXHAUSTED)
        known = service.standings(session, [identity])[identity, OTHER]
    assert known.accepted is False
    assert standing(lantai, OTHER) == (0, 0, [])


@pytest.mark.parametrize(
    ("platform", "told"), [(Platform.ALIPAY, [Platform.WECHAT]), (Platform.WECHAT, [])], ids=["Alipay", "no pushes"]
)
def test_where_nobody_tells_of_agreements_none_are_counted(
    platform: Platform, told: list[Platform], lantai: Lantai, account: tuple[UUID, list[UUID]]
) -> None:
    """WeChat's long-term templates say nothing about Alipay's."""
    service = SubscriptionService(lantai.db, {}, lantai.clock, [(Platform.WECHAT, OTHER)], told)
    identity, attempts = account
    with lantai.db.transaction() as session:
        session.get_one(PlatformIdentity, identity).platform = platform
    actor = Actor(ActorKind.GRADUATE, new_id(), identity_id=identity)
    service.record_choice(actor, ONE.value, accepted=True)
    with lantai.db.transaction() as session:
        service.spent(session, identity, ONE, attempts[0])
        known = service.standings(session, [identity])[identity, ONE]
    assert (known, may_push(Importance.ORDINARY, known)) == (Standing(True, None), True)
    viewed = {v.template: v for v in service.list(actor, platform.value)}
    assert (viewed[ONE].credits, viewed[ONE].words) == (0, "已订阅")
    assert viewed[OTHER].long_term is (platform is Platform.WECHAT)
    with lantai.db.transaction() as session:
        service.spent(session, identity, ONE, attempts[1], CreditCause.EXHAUSTED)
        known = service.standings(session, [identity])[identity, ONE]
    assert (known.accepted, may_push(Importance.ORDINARY, known)) == (False, False)
    assert standing(lantai)[:2] == (0, 0)


def test_the_graduate_reads_how_many_are_left(
    graduate_factory: Callable[..., Person], signed_in: Callable[..., ApiClient], lantai: Lantai
) -> None:
    http = signed_in(graduate_factory(), 2)
    with lantai.db.transaction() as session:
        identity = session.scalars(select(PlatformIdentity.id)).one()
        for n in range(2):
            at = lantai.clock.now() + timedelta(seconds=n)
            lantai.subscriptions.popup(session, identity, IDS[ONE], accepted=True, at=at)
    found = {i["template"]: i for i in http.get("/subscriptions").json["items"]}
    assert (found["ticket_decided"]["credits"], found["ticket_decided"]["words"]) == (2, "还可接收约 2 条")
    assert found["transfer_step"]["words"] == "未订阅，通知只在站内显示"
    assert found["ticket_decided"]["long_term"] is False
