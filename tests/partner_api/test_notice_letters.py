"""An outside system learns of the e-mails and SMS that went out in place of pushes, and what became of its notice."""

from __future__ import annotations

from collections.abc import Callable
from uuid import uuid4

import pytest
from flask import Flask
from sqlalchemy import select

from app.actors import Actor, ActorKind, Purpose, Role
from app.jobs import DeliverByContact, DeliverNotice
from app.ports import SendFault
from notifications.channel_models import ContactAttempt
from notifications.channel_rules import ContactKind
from notifications.models import AttemptState, DeliveryAttempt
from notifications.partner_sending import CHANNELS, PATIENCE, Result, Told, result_of
from parts import Lantai
from tests.conftest import ApiClient, Person, World
from tests.fakes import FakeClock
from tests.notifications.ways import ADDRESSES, code_of
from tests.partner_api.test_notices import KEY, Jobs, asked, machine, status


@pytest.mark.parametrize(
    ("fault", "told", "result"),
    [(None, "sent", "written"), (SendFault.CONFIG, "failed", "failed"), (SendFault.UNKNOWN, "unknown", "unknown")],
)
def test_a_letter_in_place_of_a_push_is_told_of(
    fault: SendFault | None,
    told: str,
    result: str,
    app: Flask,
    graduate_factory: Callable[..., Person],
    signed_in: Callable[..., ApiClient],
    run_jobs: Jobs,
    world: World,
    lantai: Lantai,
    clock: FakeClock,
) -> None:
    campus, person = machine(app, lantai), graduate_factory()
    signed_in(person, 2)
    actor = person.actor(Purpose.MANAGE_ACCOUNT, now=clock.now())
    added = lantai.contacts.add(actor, ContactKind.EMAIL, ADDRESSES[ContactKind.EMAIL])
    lantai.contacts.verify(actor, added.id, code_of(world, ContactKind.EMAIL))
    run_jobs()
    world.wechat_sender.faults, world.mailer.faults = [SendFault.NO_CREDIT], [] if fault is None else [fault]
    sent = campus.post("/notices", KEY, json=asked(graduate=person.id))
    assert sent.json["result"] == "waiting"
    run_jobs()
    clock.advance(seconds=PATIENCE.total_seconds())
    without = {"inbox": "accepted", "wechat": "failed", "alipay": "none", "sms": "none"}
    assert status(campus, sent) == {**without, "email": told}
    assert campus.get(f"/notices/{sent.json['id']}").json["result"] == result


def test_a_letter_that_was_not_needed_in_the_end_is_as_good_as_none(
    app: Flask,
    graduate_factory: Callable[..., Person],
    signed_in: Callable[..., ApiClient],
    run_jobs: Jobs,
    world: World,
    lantai: Lantai,
    clock: FakeClock,
) -> None:
    """Tried twice before the push arrived after all: each try has a row of its own."""
    campus, person = machine(app, lantai), graduate_factory()
    signed_in(person, 2)
    run_jobs()
    world.wechat_sender.faults = [SendFault.CONTENT]
    sent = campus.post("/notices", KEY, json=asked(graduate=person.id))
    run_jobs()
    actor = person.actor(Purpose.MANAGE_ACCOUNT, now=clock.now())
    added = lantai.contacts.add(actor, ContactKind.EMAIL, ADDRESSES[ContactKind.EMAIL])
    lantai.contacts.verify(actor, added.id, code_of(world, ContactKind.EMAIL))
    with lantai.db.transaction() as session:
        push = session.scalars(select(DeliveryAttempt).where(DeliveryAttempt.state == AttemptState.FAILED)).one()
    world.mailer.faults = [SendFault.RETRY, SendFault.RETRY]
    for attempt in (1, 2):
        lantai.contact_delivery.deliver(DeliverByContact(push.notice_id, added.id, attempt))
    clock.advance(seconds=PATIENCE.total_seconds())
    none = {"inbox": "accepted", "alipay": "none", "sms": "none"}
    assert status(campus, sent) == {**none, "wechat": "failed", "email": "waiting"}
    clerk = Actor(ActorKind.STAFF, uuid4(), frozenset({Role.ARCHIVIST}))
    lantai.undelivered.replay(clerk, [push.id], double_known=True)
    lantai.delivery.deliver(DeliverNotice(push.notice_id))
    lantai.contact_delivery.deliver(DeliverByContact(push.notice_id, added.id, 3))
    with lantai.db.transaction() as session:
        tries = session.execute(select(ContactAttempt.state, ContactAttempt.reason).order_by(ContactAttempt.number))
        retry = (AttemptState.RETRY, "retry:scripted")
        assert [(state, reason) for state, reason in tries] == [retry, (AttemptState.FAILED, "arrived")]
    assert status(campus, sent) == {**none, "wechat": "sent", "email": "none"}


def test_the_result_is_the_best_of_all_channels() -> None:
    none = dict.fromkeys((way.value for way in CHANNELS), Told.NONE)
    assert result_of(none) is Result.NONE
    assert result_of(none | {"wechat": Told.FAILED}) is Result.FAILED
    assert result_of(none | {"wechat": Told.FAILED, "alipay": Told.UNKNOWN}) is Result.UNKNOWN
    assert result_of(none | {"wechat": Told.UNKNOWN, "email": Told.WAITING}) is Result.WAITING
    assert result_of(none | {"wechat": Told.WAITING, "sms": Told.SENT}) is Result.WRITTEN
    assert result_of(none | {"alipay": Told.SENT, "sms": Told.SENT}) is Result.SENT
