"""What tests of the ways notices take share: events by importance, choices, the queue, letters."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from sqlalchemy import select, text

from app.job_worker import payload
from app.jobs import DeliverByContact, DeliverNotice
from notifications.channel_models import ContactAttempt, NoticePreference
from notifications.channel_rules import ContactKind
from notifications.models import AttemptState
from parts import Lantai
from tests.conftest import Person, World

URGENT, IMPORTANT, ORDINARY = "account.totp_enrolled", "ticket.decided", "transfer.moved"
DATA: dict[str, dict[str, Any]] = {IMPORTANT: {"state": "applied"}, ORDINARY: {"state": "sealed"}}
EMAIL, PHONE = ContactKind.EMAIL, ContactKind.PHONE
ADDRESSES = {EMAIL: "graduate@example.edu.cn", PHONE: "13912345678"}
Tell = Callable[[str], DeliverNotice]


def code_of(world: World, kind: ContactKind) -> str:
    """The last code sent by that way."""
    words = world.mailer.sent[-1][2] if kind is EMAIL else world.sms.sent[-1][2]["code"]
    found = re.search(r"(?<![0-9])[0-9]{6}(?![0-9])", words)
    assert found is not None
    return found.group()


def choose(lantai: Lantai, person: Person, *off: str, quiet: bool = True) -> None:
    with lantai.db.transaction() as session:
        session.merge(
            NoticePreference(
                graduate_id=person.id,
                version=1,
                quiet=quiet,
                quiet_begins="22:00",
                quiet_ends="08:00",
                off=list(off),
                updated_at=lantai.clock.now(),
            )
        )


def queued(lantai: Lantai) -> list[tuple[str, Any]]:
    with lantai.db.transaction() as session:
        rows = session.execute(text("select task_name, scheduled_at from procrastinate_jobs where status = 'todo'"))
        return [(r[0], r[1]) for r in rows]


def work_off(lantai: Lantai) -> None:
    """The letters that are queued, as the worker would, and what follows from them. What only waits stays queued no
    more: it would come again without end.
    """
    done = list[Any]()
    while True:
        with lantai.db.transaction() as session:
            found = session.execute(
                text(
                    "delete from procrastinate_jobs where id = (select min(id) from procrastinate_jobs"
                    " where task_name = 'notifications.deliver_by_contact') returning args"
                )
            ).scalar()
        if found is None:
            return
        if found in done:
            continue
        done.append(found)
        lantai.contact_delivery.deliver(payload(DeliverByContact, found))


def letters(lantai: Lantai) -> list[tuple[ContactKind, AttemptState]]:
    with lantai.db.transaction() as session:
        rows = session.scalars(select(ContactAttempt).order_by(ContactAttempt.created_at, ContactAttempt.number))
        return [(r.kind, r.state) for r in rows]
