"""Outside systems send through the school's catalogue: who is told, who is not, and what the sender learns of it."""

from __future__ import annotations

import hashlib
import json
import threading
import uuid
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select

from app.actors import Actor, ActorKind
from app.events import Event
from app.idempotency import StoredReply
from app.jobs import SendPartnerNotice
from app.ports import SendFault
from app.transfers.states import State
from notifications.catalogue.editions import CATALOGUE_VERSION, EDITIONS
from notifications.catalogue.staff_lines import staff_line_for
from notifications.models import Notice
from notifications.partner_models import PartnerNotice, Progress
from notifications.partner_sending import CAPPED, DAY_S, KEEP, PATIENCE, PER_PERSON
from parts import Lantai
from tests.conftest import ApiClient, Person, World
from tests.fakes import FakeClock
from tests.moving import CODE, ELSEWHERE, desk_pair, lead, opened
from tests.partner_api.conftest import API, Machine

Jobs = Callable[[], None]
FIELDS = {"place": "archive_desk", "until": "2026-06-30"}
KEY = "a-key-0001"
WAYS = ("wechat", "alipay", "email", "sms")


def machine(app: Flask, lantai: Lantai, name: str = "教务系统", *scopes: str, **more: Any) -> Machine:
    client_id, credential = lantai.partners.add(name, [*scopes, "notices:send"], **more)
    return Machine(app.test_client(), Actor(ActorKind.PARTNER, client_id), credential)


@pytest.fixture
def campus(app: Flask, lantai: Lantai) -> Machine:
    return machine(app, lantai)


def asked(number: str = "", graduate: uuid.UUID | None = None, **changes: Any) -> dict[str, Any]:
    named = {"student_number": number} if graduate is None else {"graduate": str(graduate)}
    return {"kind": "ask_visit", "recipient": named, "fields": FIELDS, **changes}


def channels(told: Any) -> dict[str, str]:
    return {c["channel"]: c["state"] for c in told.json["channels"]}


def status(campus: Machine, sent: Any) -> dict[str, str]:
    told = campus.get(f"/notices/{sent.json['id']}")
    assert told.status_code == 200
    return channels(told)


def in_inboxes(lantai: Lantai) -> int:
    with lantai.db.transaction() as session:
        query = select(func.count(Notice.id)).where(Notice.event_type == "partner.notice")
        return session.scalar(query) or 0


# --- who is told ------------------------------------------------------------------------------------------------------


def test_a_graduate_is_told_in_the_schools_words(
    campus: Machine,
    graduate_factory: Callable[..., Person],
    signed_in: Callable[..., ApiClient],
    run_jobs: Jobs,
    world: World,
    lantai: Lantai,
) -> None:
    person = graduate_factory()
    http = signed_in(person, 2)
    run_jobs()
    world.wechat_sender.sent.clear()
    sent = campus.post("/notices", KEY, json=asked(person.card.student_number))
    assert sent.status_code == 202
    assert sent.headers["Location"] == sent.json["links"]["self"]
    assert channels(sent) == {"inbox": "accepted", **dict.fromkeys(WAYS, "waiting")}
    run_jobs()
    assert status(campus, sent)["wechat"] == "sent"
    first = http.get("/notices").json["items"][0]
    assert first["title"] == sent.json["preview"]["title"] == "请到校办理"
    assert first["body"].startswith(sent.json["preview"]["body"])
    assert "咨询：" in first["body"]
    [message] = world.wechat_sender.sent
    assert (message.fields["thing1"], message.fields["phrase2"]) == ("毕业生档案手续", "请到校办理")
    with lantai.db.transaction() as session:
        event = session.scalars(select(Event).where(Event.type == "partner.notice")).one()
        row = session.get_one(PartnerNotice, uuid.UUID(sent.json["id"]))
    assert (event.actor_kind, event.actor_id) == (ActorKind.PARTNER, campus.actor.id)
    assert event.data == {"kind": "ask_visit", **FIELDS}
    assert row.sealed_recipient is None


def test_an_id_from_the_feed_names_a_graduate_too_and_a_failed_push_is_said(
    campus: Machine,
    graduate_factory: Callable[..., Person],
    signed_in: Callable[..., ApiClient],
    run_jobs: Jobs,
    world: World,
    lantai: Lantai,
) -> None:
    person = graduate_factory()
    signed_in(person, 2)
    run_jobs()
    world.wechat_sender.faults = [SendFault.NO_CREDIT]
    sent = campus.post("/notices", KEY, json=asked(graduate=person.id))
    run_jobs()
    assert status(campus, sent)["wechat"] == "failed"
    assert in_inboxes(lantai) == 1
    # a worker that died after its commit does it again
    lantai.partner_sending.work(SendPartnerNotice(uuid.UUID(sent.json["id"])))
    run_jobs()
    assert in_inboxes(lantai) == 1


# --- who is not -------------------------------------------------------------------------------------------------------


def test_nobody_learns_whether_there_is_such_a_person(
    campus: Machine, graduate_factory: Callable[..., Person], run_jobs: Jobs, clock: FakeClock, lantai: Lantai
) -> None:
    """One with no account and two that do not exist are answered for alike, at once and later."""
    person = graduate_factory()
    named = [asked(person.card.student_number), asked("2099999999"), asked(graduate=uuid.uuid4())]
    sent = [campus.post("/notices", f"a-key-{n:04d}", json=said) for n, said in enumerate(named)]
    shapes = [{k: v for k, v in s.json.items() if k not in ("id", "links")} for s in sent]
    assert [s.status_code for s in sent] == [202, 202, 202]
    assert shapes[0] == shapes[1] == shapes[2]
    run_jobs()
    assert in_inboxes(lantai) == 1
    for wait in (0.0, PATIENCE.total_seconds()):
        clock.advance(seconds=wait)
        told = [status(campus, s) for s in sent]
        assert told[0] == told[1] == told[2]
    assert told[0] == {"inbox": "accepted", **dict.fromkeys(WAYS, "none")}


@pytest.mark.parametrize("begins_s", [0, -600])
def test_in_quiet_hours_nobody_is_given_up_before_they_end(
    campus: Machine,
    graduate_factory: Callable[..., Person],
    signed_in: Callable[..., ApiClient],
    run_jobs: Jobs,
    clock: FakeClock,
    begins_s: int,
) -> None:
    """From 22:00, or just before, to 08:00 in Beijing: one who can be reached and one who does not exist look alike."""
    person = graduate_factory()
    signed_in(person, 2)
    run_jobs()
    clock.advance(hours=13, seconds=begins_s)
    named = [asked("2099999999")] + ([asked(person.card.student_number)] if begins_s == 0 else [])
    sent = [campus.post("/notices", f"a-key-{n:04d}", json=said) for n, said in enumerate(named)]
    run_jobs()
    for seconds in (60, 9 * 3600):
        clock.advance(seconds=seconds)
        assert {tuple(status(campus, s).items()) for s in sent} == {
            (("inbox", "accepted"), *((way, "waiting") for way in WAYS))
        }
    clock.advance(seconds=3600 + PATIENCE.total_seconds() - begins_s)
    assert status(campus, sent[0])["wechat"] == "none"


def test_a_new_edition_of_the_words_does_not_tell_who_exists(
    campus: Machine,
    graduate_factory: Callable[..., Person],
    run_jobs: Jobs,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    named = [asked(graduate_factory().card.student_number), asked("2099999999")]
    sent = [campus.post("/notices", f"a-key-{n:04d}", json=said) for n, said in enumerate(named)]
    run_jobs()
    newest = EDITIONS[CATALOGUE_VERSION]
    key = "partner.notice.ask_visit"
    later = {**newest, key: replace(newest[key], body="请在 {until} 前到{place}。")}
    monkeypatch.setattr("notifications.catalogue.editions.EDITIONS", {**EDITIONS, "2099-1": later})
    for module in ("notifications.partner_sending", "notifications.catalogue.editions"):
        monkeypatch.setattr(f"{module}.CATALOGUE_VERSION", "2099-1")
    shown = [campus.get(f"/notices/{s.json['id']}").json["preview"] for s in sent]
    assert shown == [s.json["preview"] for s in sent]
    after = campus.post("/notices", "a-key-0003", json=asked("2099999998"))
    assert after.json["preview"]["body"].startswith("请在 ")


def test_a_receiver_reaches_those_whose_dossier_is_on_its_way_to_it(
    app: Flask, lantai: Lantai, graduate_factory: Callable[..., Person], run_jobs: Jobs
) -> None:
    office = machine(app, lantai, "人才服务中心", "dossiers:receive", receiver_code=CODE)
    elsewhere = machine(app, lantai, "邻市人才服务中心", "dossiers:receive", receiver_code=ELSEWHERE)
    pair, person, other = desk_pair(lantai), graduate_factory(), graduate_factory()
    view = lead(lantai, pair, opened(lantai, pair.first, person.id), State.SEALED)
    number = person.card.student_number

    def told(by: Machine, key: str, said: dict[str, Any]) -> int:
        before = in_inboxes(lantai)
        assert by.post("/notices", key, json=said).status_code == 202
        run_jobs()
        return in_inboxes(lantai) - before

    assert told(office, "before-it-left", asked(number)) == 0
    lead(lantai, pair, view, State.IN_TRANSIT)
    assert told(office, "under-way-1", asked(number)) == 1
    assert told(office, "under-way-2", asked(graduate=person.id)) == 1
    assert told(elsewhere, "not-to-them", asked(number)) == 0
    assert told(office, "another-one", asked(other.card.student_number)) == 0
    office.post("/notices", "then-closed", json=asked(number))
    lantai.partners.disable("人才服务中心")
    run_jobs()
    assert in_inboxes(lantai) == 2


def test_anothers_notice_is_as_good_as_absent(app: Flask, lantai: Lantai, campus: Machine) -> None:
    sent = campus.post("/notices", KEY, json=asked("2022000001"))
    other = machine(app, lantai, "别的系统")
    replies = [other.get(f"/notices/{n}") for n in (sent.json["id"], uuid.uuid4())]
    assert [r.status_code for r in replies] == [404, 404]
    foreign, absent = ({k: v for k, v in r.json.items() if k != "request_id"} for r in replies)
    assert foreign == absent


# --- bad input, retries, limits ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"kind": "anything"}, "/kind"),
        ({"recipient": {}}, "/recipient"),
        ({"recipient": {"student_number": "1", "graduate": str(uuid.uuid4())}}, "/recipient"),
        ({"recipient": {"student_number": 1}}, "/recipient/student_number"),
        ({"recipient": {"name": "张三"}}, "/recipient/name"),
        ({"fields": {**FIELDS, "text": "点击 http://x.example"}}, "/fields/text"),
        ({"fields": {**FIELDS, "place": "x" * 41}}, "/fields/place"),
        ({"fields": {"place": "archive_desk"}}, "/fields/until"),
        ({"text": "您好"}, "/text"),
    ],
)
def test_what_is_wrong_is_named(campus: Machine, changes: dict[str, Any], pointer: str) -> None:
    reply = campus.post("/notices", KEY, json=asked("2022000001", **changes))
    assert (reply.status_code, reply.json["errors"][0]["pointer"]) == (422, pointer), reply.json


def test_a_retry_finds_the_first_and_another_body_is_refused(
    campus: Machine, graduate_factory: Callable[..., Person], run_jobs: Jobs, lantai: Lantai
) -> None:
    number = graduate_factory().card.student_number
    first = campus.post("/notices", KEY, json=asked(number))
    again = campus.post("/notices", KEY, json=asked(number))
    assert (again.status_code, again.json, again.headers["Idempotent-Replayed"]) == (202, first.json, "true")
    assert again.headers["Location"] == first.headers["Location"]
    other = campus.post("/notices", KEY, json=asked("2022000002"))
    assert (other.status_code, other.json["code"]) == (422, "idempotency_key_reused")
    assert campus.post("/notices", "", json=asked(number)).json["code"] == "idempotency_key_required"
    run_jobs()
    assert in_inboxes(lantai) == 1


def test_a_stored_request_cannot_be_guessed(campus: Machine, lantai: Lantai) -> None:
    body = json.dumps(asked("2022000001")).encode()
    assert campus.post("/notices", KEY, data=body, content_type="application/json").status_code == 202
    guess = hashlib.sha256(f"{API}/notices|".encode() + body)
    with lantai.db.transaction() as session:
        kept = session.scalars(select(StoredReply.request_digest)).one()
    assert kept != guess.digest()
    assert kept == lantai.idempotency._index.of("stored_reply", "request_digest", guess.hexdigest())


def test_of_many_at_once_with_one_key_one_is_sent(
    campus: Machine, app: Flask, graduate_factory: Callable[..., Person], run_jobs: Jobs, lantai: Lantai
) -> None:
    body, replies = asked(graduate_factory().card.student_number), list[Any]()

    def send() -> None:
        replies.append(Machine(app.test_client(), campus.actor, campus.credential).post("/notices", KEY, json=body))

    threads = [threading.Thread(target=send) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {r.status_code for r in replies} <= {202, 409}
    assert len({r.json["id"] for r in replies if r.status_code == 202}) == 1
    run_jobs()
    assert in_inboxes(lantai) == 1


def test_nobody_is_written_to_without_end(campus: Machine, clock: FakeClock) -> None:
    for n in range(PER_PERSON):
        assert campus.post("/notices", f"a-key-{n:04d}", json=asked("2022000001")).status_code == 202
    assert campus.post("/notices", "a-key-0000", json=asked("2022000001")).headers["Idempotent-Replayed"] == "true"
    # another way of writing the same number is the same person
    more = campus.post("/notices", "a-key-more", json=asked(" 2022000001 "))
    assert (more.status_code, more.json["code"]) == (429, "rate_limited")
    assert campus.post("/notices", "a-key-else", json=asked("2022000002")).status_code == 202


def test_a_number_and_an_id_are_one_person(
    campus: Machine, graduate_factory: Callable[..., Person], run_jobs: Jobs, clock: FakeClock, lantai: Lantai
) -> None:
    person = graduate_factory()
    named = (asked(person.card.student_number), asked(graduate=person.id))
    for n in range(PER_PERSON - 2):
        for which, said in enumerate(named):
            assert campus.post("/notices", f"a-key-{which}-{n:04d}", json=said).status_code == 202
    run_jobs()
    assert in_inboxes(lantai) == PER_PERSON
    clock.advance(seconds=DAY_S)
    campus.post("/notices", "a-key-morrow", json=named[1])
    run_jobs()
    assert in_inboxes(lantai) == PER_PERSON + 1


def test_a_client_has_its_measure_and_staff_hear_of_it_once(
    campus: Machine, app: Flask, lantai: Lantai, clock: FakeClock, run_jobs: Jobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("notifications.partner_sending.PER_CLIENT", 3)

    def send(key: str, number: int, by: Machine = campus) -> Any:
        return by.post("/notices", key, json=asked(f"2099{number:06d}"))

    def told() -> int:
        with lantai.db.transaction() as session:
            query = select(func.count(Event.id)).where(Event.type == CAPPED, Event.object_id == campus.actor.id)
            return session.scalar(query) or 0

    assert [send(f"a-key-{n:04d}", n).status_code for n in range(2)] == [202, 202]
    assert told() == 0
    assert [send(f"a-key-{n:04d}", n).status_code for n in range(2, 5)] == [202, 429, 429]
    assert send("a-key-0000", 0).headers["Idempotent-Replayed"] == "true"
    assert send("another-0001", 9, machine(app, lantai, "别的系统")).status_code == 202
    run_jobs()
    assert told() == 1
    clock.advance(seconds=DAY_S)
    assert [send(f"b-key-{n:04d}", n).status_code for n in range(3)] == [202, 202, 202]
    assert told() == 2
    line = staff_line_for(CAPPED, {})
    assert line is not None
    assert "接入系统" in line


def test_the_record_is_kept_for_a_season(campus: Machine, clock: FakeClock, lantai: Lantai) -> None:
    sent = campus.post("/notices", KEY, json=asked("2022000001"))
    assert lantai.partner_sending.sweep() == 0
    clock.advance(seconds=KEEP.total_seconds() + 1)
    assert lantai.partner_sending.sweep() == 1
    assert campus.get(f"/notices/{sent.json['id']}").status_code == 404


# --- what there is, and the sandbox -----------------------------------------------------------------------------------


def test_the_kinds_are_told_to_everybody(app: Flask) -> None:
    reply: Any = app.test_client().get("/partner/api/v1/notice-kinds")
    assert [k["kind"] for k in reply.json["items"]] == ["ask_visit", "materials_missing", "appointment"]
    assert reply.json["items"][0]["fields"]["required"] == ["place", "until"]
    assert reply.json["words"]["transcript"] == "成绩单"


def test_the_sandbox_tells_nobody(
    app: Flask, lantai: Lantai, graduate_factory: Callable[..., Person], run_jobs: Jobs
) -> None:
    person = graduate_factory()
    box = machine(app, lantai, "测试系统", sandbox=True)
    sent = box.post("/notices", KEY, json=asked(person.card.student_number))
    assert (sent.status_code, sent.headers["Lantai-Sandbox"], sent.json["simulated"]) == (202, "true", True)
    assert set(channels(sent).values()) == {"simulated"}
    assert sent.json["preview"]["body"].startswith("请于 2026年6月30日前")
    run_jobs()
    assert in_inboxes(lantai) == 0
    assert set(status(box, sent).values()) == {"simulated"}
    with lantai.db.transaction() as session:
        row = session.get_one(PartnerNotice, uuid.UUID(sent.json["id"]))
        assert (row.state, row.sealed_recipient) == (Progress.SIMULATED, None)
    assert box.post("/notices", "a-key-0002", json=asked("1", fields={})).status_code == 422
