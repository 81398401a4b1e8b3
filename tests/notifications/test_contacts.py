"""Contacts: an address is used once its code was shown; codes end; what is kept and told."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest
from sqlalchemy import select, text

from app.actors import Actor, Purpose
from app.errors import Conflict, DomainError, Invalid, NotFound, RateLimited, StepUpRequired, Unavailable
from app.ports import SendFault
from notifications.channel_models import NoticeContact
from notifications.channel_rules import ContactKind
from notifications.contacts import MOST_TRIES, PER_PERSON, ContactView, masked, normalise
from parts import Lantai
from tests.conftest import ApiClient, Person, World
from tests.fakes import FakeClock
from tests.notifications.ways import EMAIL, PHONE, code_of


@pytest.fixture
def actor(graduate_factory: Callable[..., Person], lantai: Lantai) -> Actor:
    return graduate_factory().actor(Purpose.MANAGE_ACCOUNT, now=lantai.clock.now())


@pytest.mark.parametrize(
    ("kind", "written", "kept", "shown"),
    [
        (EMAIL, "Li.Ming+a@Example.EDU.cn", "Li.Ming+a@example.edu.cn", "L***@example.edu.cn"),
        (PHONE, "+86 138-0013-8000", "13800138000", "138****8000"),
    ],
)
def test_addresses_in_normal_form_and_masked(kind: ContactKind, written: str, kept: str, shown: str) -> None:
    assert normalise(kind, written) == kept
    assert masked(kind, kept) == shown


@pytest.mark.parametrize(
    "written",
    [
        "nobody",
        "a@b",
        "a b@example.cn",
        "a@example.cn\r\nBcc: b@example.cn",
        "a@example.cn,b@example.cn",
        '"a"@example.cn',
        "a@[127.0.0.1]",
        "李@example.cn",
        "a..b@example.cn",
        f"{'a' * 65}@example.cn",
        "a@" + "b" * 64 + ".cn",
        "<a@example.cn>",
    ],
)
def test_what_is_no_address(written: str) -> None:
    with pytest.raises(Invalid) as refused:
        normalise(EMAIL, written)
    assert refused.value.faults[0].code == "email_malformed"
    with pytest.raises(Invalid):
        normalise(PHONE, written)


@pytest.mark.parametrize(("kind", "address"), [(EMAIL, "a@example.edu.cn"), (PHONE, "13800138000")])
def test_an_address_counts_once_its_code_was_shown(
    kind: ContactKind, address: str, actor: Actor, lantai: Lantai, world: World
) -> None:
    added = lantai.contacts.add(actor, kind, address)
    assert (added.verified_at, added.shown) == (None, masked(kind, address))
    assert [c.verified_at for c in lantai.contacts.list(actor)] == [None]
    verified = lantai.contacts.verify(actor, added.id, code_of(world, kind))
    assert verified.verified_at == lantai.clock.now()
    with pytest.raises(Conflict) as over:  # single use
        lantai.contacts.verify(actor, added.id, code_of(world, kind))
    assert over.value.code == "contact_code_over"
    with lantai.db.transaction() as session:
        types = session.scalars(text("select type from event where type like 'account.contact%'")).all()
        raw = session.execute(text("select row_to_json(c)::text from notice_contact c")).scalar_one()
        jobs = session.execute(text("select args::text from procrastinate_jobs")).scalars().all()
    assert types == ["account.contact_added"]
    assert all(address not in part for part in (raw, *jobs))


def test_a_new_address_replaces_the_old_one_when_it_is_verified(actor: Actor, lantai: Lantai, world: World) -> None:
    first = lantai.contacts.add(actor, EMAIL, "a@example.cn")
    lantai.contacts.verify(actor, first.id, code_of(world, EMAIL))
    second = lantai.contacts.add(actor, EMAIL, "b@example.cn")
    assert [c.id for c in lantai.contacts.list(actor) if c.verified_at] == [first.id]
    lantai.contacts.verify(actor, second.id, code_of(world, EMAIL))
    assert [c.id for c in lantai.contacts.list(actor)] == [second.id]


def test_wrong_codes_end_and_so_does_time(actor: Actor, lantai: Lantai, world: World, clock: FakeClock) -> None:
    added = lantai.contacts.add(actor, EMAIL, "a@example.cn")
    right = code_of(world, EMAIL)
    wrong = f"{(int(right) + 1) % 10**6:06d}"
    for _ in range(MOST_TRIES):
        with pytest.raises(Invalid) as refused:
            lantai.contacts.verify(actor, added.id, wrong)
        assert refused.value.code == "contact_code_wrong"
    with pytest.raises(Conflict):
        lantai.contacts.verify(actor, added.id, right)
    late = lantai.contacts.add(actor, EMAIL, "a@example.cn")
    code = code_of(world, EMAIL)
    with lantai.db.transaction() as session:
        session.get_one(NoticeContact, late.id).code_expires_at = clock.now()
    with pytest.raises(Conflict):
        lantai.contacts.verify(actor, late.id, code)


def test_codes_are_limited_by_person_and_by_address(
    actor: Actor, graduate_factory: Callable[..., Person], lantai: Lantai, world: World
) -> None:
    for n in range(PER_PERSON):
        lantai.contacts.add(actor, EMAIL, f"a{n}@example.cn")
    with pytest.raises(RateLimited):
        lantai.contacts.add(actor, EMAIL, "more@example.cn")
    refused = 0
    for _ in range(5):  # nobody floods somebody else's address by way of several accounts
        other = graduate_factory().actor(Purpose.MANAGE_ACCOUNT, now=lantai.clock.now())
        try:
            lantai.contacts.add(other, EMAIL, "Victim@example.cn")
        except RateLimited:
            refused += 1
    assert refused == 2
    assert len([m for m in world.mailer.sent if m[0] == "Victim@example.cn"]) == 3


def test_one_mailbox_however_it_is_written_is_limited_as_one(
    graduate_factory: Callable[..., Person], lantai: Lantai
) -> None:
    for written in ("li.ming@example.cn", "Li.Ming@example.cn", "LI.MING@example.cn"):
        person = graduate_factory().actor(Purpose.MANAGE_ACCOUNT, now=lantai.clock.now())
        lantai.contacts.add(person, EMAIL, written)
    person = graduate_factory().actor(Purpose.MANAGE_ACCOUNT, now=lantai.clock.now())
    with pytest.raises(RateLimited):
        lantai.contacts.add(person, EMAIL, "li.minG@example.cn")


def test_of_two_addresses_at_once_the_later_waits_for_its_code(actor: Actor, lantai: Lantai, world: World) -> None:
    added, failed = list[ContactView](), list[Exception]()

    def add() -> None:
        try:
            added.append(lantai.contacts.add(actor, EMAIL, "second@example.cn"))
        except Exception as error:
            failed.append(error)

    other = threading.Thread(target=add)
    with lantai.db.transaction() as session:
        lantai.contacts.add(actor, EMAIL, "first@example.cn")
        session.flush()
        other.start()
        time.sleep(0.5)  # the other stands at the row that is not committed yet
        assert other.is_alive()
    other.join()
    assert failed == []
    assert [c.id for c in lantai.contacts.list(actor)] == [added[0].id]
    lantai.contacts.verify(actor, added[0].id, code_of(world, EMAIL))
    assert lantai.contacts.list(actor)[0].shown == "s***@example.cn"


def test_nothing_without_a_step_up_and_nothing_of_others(
    actor: Actor, graduate_factory: Callable[..., Person], lantai: Lantai
) -> None:
    plain = graduate_factory().actor()
    with pytest.raises(StepUpRequired):
        lantai.contacts.add(plain, EMAIL, "a@example.cn")
    mine = lantai.contacts.add(actor, EMAIL, "a@example.cn")
    other = graduate_factory().actor(Purpose.MANAGE_ACCOUNT, now=lantai.clock.now())
    for deed in (
        lambda: lantai.contacts.verify(other, mine.id, "000000"),
        lambda: lantai.contacts.remove(other, mine.id),
    ):
        with pytest.raises(NotFound):
            deed()
    assert lantai.contacts.list(other) == []


@pytest.mark.parametrize("fault", [SendFault.RETRY, SendFault.RECIPIENT, SendFault.CONFIG])
def test_a_code_that_was_not_sent_says_so_without_the_address(
    fault: SendFault, actor: Actor, lantai: Lantai, world: World
) -> None:
    world.mailer.faults = [fault]
    with pytest.raises(Unavailable) as refused:
        lantai.contacts.add(actor, EMAIL, "secret@example.cn")
    error: DomainError | BaseException | None = refused.value
    assert refused.value.code == "contact_code_not_sent"
    assert "secret" not in repr(error)
    assert refused.value.__cause__ is None


def test_removing_takes_the_address_with_it(actor: Actor, lantai: Lantai, world: World) -> None:
    added = lantai.contacts.add(actor, PHONE, "13800138000")
    lantai.contacts.verify(actor, added.id, code_of(world, PHONE))
    lantai.contacts.remove(actor, added.id)
    with lantai.db.transaction() as session:
        assert session.scalars(select(NoticeContact)).all() == []


def test_over_http(graduate_factory: Callable[..., Person], signed_in: Callable[..., ApiClient], world: World) -> None:
    http = signed_in(graduate_factory(), 3, "manage_account")
    made = http.post("/me/contacts", json={"kind": "email", "address": "a@example.cn"})
    assert made.status_code == 201, made.json
    assert made.json["shown"] == "a***@example.cn"
    where = f"/me/contacts/{made.json['id']}"
    assert http.post(f"{where}/verification", json={"code": "12345"}).status_code == 422
    done = http.post(f"{where}/verification", json={"code": code_of(world, EMAIL)})
    assert done.json["verified_at"] is not None
    assert len(http.get("/me/contacts").json["items"]) == 1
    assert http.delete(where).status_code == 204
    gone = http.delete(where)
    assert (gone.status_code, gone.json["code"]) == (404, "contact_not_found")
    bad = http.post("/me/contacts", json={"kind": "phone", "address": "12345"})
    assert (bad.status_code, bad.json["code"]) == (422, "contact_malformed")
