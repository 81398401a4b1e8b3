"""Check-codes: no two alike, nothing to guess, and the question is answered alike for all who ask."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import event, select, text
from sqlalchemy.exc import IntegrityError

from app.actors import SYSTEM
from app.errors import RateLimited, Unavailable
from app.jobs import Announce
from notifications.announcing import Announcer
from notifications.channels import Channels
from notifications.check_codes import ALPHABET, LENGTH, TRIES, CheckCodes, MessageWriter, OwnMessage, plain
from notifications.models import Notice
from parts import Lantai
from tests.conftest import ApiClient, Person, World


@pytest.fixture
def person(graduate_factory: Callable[..., Person]) -> Person:
    return graduate_factory("欧阳文静")


@pytest.fixture
def code(lantai: Lantai, person: Person) -> str:
    """Of one notice about a correction."""
    with lantai.db.transaction() as session:
        told = lantai.log.record(session, SYSTEM, "ticket.decided", graduate_id=person.id, data={"state": "rejected"})
    lantai.announcing.announce(Announce(told))
    (view,), _ = lantai.inbox.notices(person.actor(), before=None, limit=1)
    assert view.check_code is not None
    return view.check_code


def test_codes_look_like_chance_and_need_the_key() -> None:
    codes, other = CheckCodes(b"k" * 32), CheckCodes(b"o" * 32)
    ids = [uuid.uuid4() for _ in range(4000)]
    made = [codes.of(i) for i in ids]
    assert len(set(made)) == len(made)
    assert {len(c) for c in made} == {LENGTH}
    assert {sign for c in made for sign in c} == set(ALPHABET)
    assert not set(ALPHABET) & set("01ILOU")
    assert made == [codes.of(i) for i in ids]
    assert not [i for i, c in zip(ids, made, strict=True) if other.of(i) == c or other.hash_of(c) == codes.hash_of(c)]
    first = [c[0] for c in made]
    assert all(70 < first.count(sign) < 210 for sign in ALPHABET)  # 133 on average


def test_what_fingers_and_input_methods_do_to_a_code_does_not_matter() -> None:
    assert plain("abcd-2345") == plain(" ABCD 2345 ") == plain("ＡＢＣＤ２３４５") == "ABCD2345"
    assert plain("核验码") == plain("\x00\ud800") == ""


def test_a_code_tells_kind_and_day_and_nothing_else(lantai: Lantai, code: str) -> None:
    asked = lantai.message_checks.ask(f" {code[:4].lower()}-{code[4:]} ", "10.0.0.1")
    assert asked == OwnMessage("档案更正申请", date(2026, 6, 1))


def test_the_database_holds_no_code(lantai: Lantai, code: str) -> None:
    with lantai.db.transaction() as session:
        row = session.execute(text("select to_jsonb(n)::text from notice n")).scalar_one()
        kept = session.scalars(select(Notice.check_hash)).one()
    assert code not in row
    assert kept is not None
    assert len(kept) == 16
    assert code.encode() not in kept


def test_right_wrong_and_malformed_codes_take_the_same_way(lantai: Lantai, code: str) -> None:
    seen: list[list[str]] = []
    for typed in (code, "ABCDEFGH", "", "x" * 4000, "\x00'; --", "核验码"):
        said: list[str] = []
        listen: Any = lambda c, cursor, statement, *rest, said=said: said.append(statement)  # noqa: E731
        event.listen(lantai.db.engine, "before_cursor_execute", listen)
        try:
            lantai.message_checks.ask(typed, "10.0.0.2")
        finally:
            event.remove(lantai.db.engine, "before_cursor_execute", listen)
        seen.append(said)
    assert all(said == seen[0] for said in seen)
    assert len(seen[0]) == 1


def test_who_guesses_is_stopped(lantai: Lantai, code: str) -> None:
    for _ in range(TRIES):
        lantai.message_checks.ask("ABCDEFGH", "10.0.0.3")
    with pytest.raises(RateLimited):
        lantai.message_checks.ask(code, "10.0.0.3")
    assert lantai.message_checks.ask(code, "10.0.0.4") is not None


def test_over_the_api(client: FlaskClient, code: str, caplog: pytest.LogCaptureFixture) -> None:
    def ask(body: object) -> Any:
        return client.post("/api/v1/message-checks", json=body)

    yes = ask({"code": code})
    assert (yes.status_code, yes.json) == (200, {"genuine": True, "about": "档案更正申请", "day": "2026-06-01"})
    no = ask({"code": "ABCDEFGH"})
    assert (no.status_code, no.json) == (200, {"genuine": False, "about": None, "day": None})
    for wrong in ({}, {"code": ""}, {"code": "x" * 41}, {"code": 7}, {"code": code, "name": "x"}):
        assert ask(wrong).status_code == 422
    assert client.get(f"/api/v1/message-checks/{code}").status_code == 404
    while (reply := ask({"code": "ABCDEFGH"})).status_code == 200:
        pass
    assert (reply.status_code, reply.json["code"]) == (429, "rate_limited")
    assert int(reply.headers["Retry-After"]) > 0
    assert code not in caplog.text


def test_the_api_tells_when_to_ask_again(client: FlaskClient, lantai: Lantai, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: object) -> None:
        raise Unavailable("database_unavailable")

    monkeypatch.setattr(lantai.message_checks, "ask", away)
    reply = client.post("/api/v1/message-checks", json={"code": "ABCDEFGH"})
    assert (reply.status_code, reply.headers["Retry-After"]) == (503, "5")


def test_the_push_and_the_inbox_show_the_same_code(
    person: Person,
    signed_in: Callable[..., ApiClient],
    lantai: Lantai,
    run_jobs: Callable[[], None],
    world: World,
) -> None:
    http = signed_in(person, 2)
    run_jobs()
    with lantai.db.transaction() as session:
        told = lantai.log.record(session, SYSTEM, "completeness.reminded", graduate_id=person.id)
    lantai.announcing.tell(Announce(told))
    run_jobs()
    shown = http.get("/notices").json["items"][0]
    assert shown["title"] == "档案材料待补齐"
    assert shown["check_code"] in world.wechat_sender.sent[-1].fields["thing4"]
    assert lantai.message_checks.ask(shown["check_code"], "10.0.0.5") == OwnMessage(
        "毕业生档案材料", lantai.clock.now().date()
    )


def test_a_message_from_before_has_no_code(lantai: Lantai, person: Person, code: str) -> None:
    with lantai.db.transaction() as session:
        session.execute(text("update notice set check_hash = null"))
    rows, _ = lantai.inbox.notices(person.actor(), before=None, limit=1)
    assert rows[0].check_code is None
    assert lantai.message_checks.ask(code, "10.0.0.6") is None


class Colliding(MessageWriter):
    """Draws the same code for every notice."""

    def hash_of(self, notice_id: uuid.UUID) -> bytes:
        return b"\x07" * 16


def test_two_notices_never_share_a_code(lantai: Lantai, person: Person) -> None:
    """The second is not written, the job fails loudly, and its next try has another id and so another code."""
    channels = Channels({}, {}, Colliding("兰台大学", CheckCodes(bytes(32))))
    telling = Announcer(lantai.db, channels, lantai.staff_lines, lantai.delivery.deliver, lantai.clock)
    with lantai.db.transaction() as session:
        first, second = (lantai.log.record(session, SYSTEM, "chat.answered", graduate_id=person.id) for _ in range(2))
    telling.announce(Announce(first))
    with pytest.raises(IntegrityError, match="uq_notice_check_hash"):
        telling.announce(Announce(second))
    lantai.announcing.announce(Announce(second))
    with lantai.db.transaction() as session:
        kept = session.scalars(select(Notice.check_hash)).all()
    assert len(set(kept)) == 2
