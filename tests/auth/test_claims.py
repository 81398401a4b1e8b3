"""L1: what a claim tells, and what it does not."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import event, func, select

from app.db import Database
from auth.models import Claim
from parts import Lantai
from tests.auth.conftest import begin, claim_of, enter, prove
from tests.conftest import ApiClient, Person, World, make_id_number
from tests.fakes import FakeClock


@contextmanager
def counted(db: Database) -> Iterator[list[str]]:
    """The statements sent meanwhile."""
    seen: list[str] = []

    def note(connection: object, cursor: object, statement: str, *rest: object) -> None:
        seen.append(statement)

    event.listen(db.engine, "before_cursor_execute", note)
    yield seen
    event.remove(db.engine, "before_cursor_execute", note)


MISSES = [
    {"id_number": make_id_number(999)},
    {"student_number": "2099000001"},
    {"name": "别人"},
    {"student_number": "2099000001", "name": "别人", "id_number": make_id_number(998)},
]


def test_hit_and_miss_get_the_same_answer_at_the_same_number_of_queries(
    graduate_factory: Callable[..., Person], api: Callable[[], ApiClient], lantai: Lantai
) -> None:
    person, _ = graduate_factory(), graduate_factory()
    lantai.keys.house()
    shapes, costs = [], []
    for n, changes in enumerate([{}, *MISSES]):
        http = enter(api(), f"open-{n}")
        with counted(lantai.db) as statements:
            reply = http.post("/claims", json=claim_of(person, **changes))
        assert reply.status_code == 202
        assert reply.json["status"] == "pending"
        shapes.append((sorted(reply.json), reply.content_type, len(reply.data)))
        costs.append(statements)
        offered = http.get("/factors").json
        shapes.append(offered)
    assert shapes[0::2] == [shapes[0]] * 5
    assert shapes[1::2] == [shapes[1]] * 5  # nor do the factors offered next tell
    assert costs[1:] == [costs[0]] * 4
    with lantai.db.transaction() as session:
        hits = session.scalar(select(func.count(Claim.id)).where(Claim.graduate_id == person.id))
        assert (hits, session.scalar(select(func.count(Claim.id)))) == (1, 5)


def test_a_miss_shows_only_after_a_real_proof(
    graduate_factory: Callable[..., Person], claimed: Callable[..., ApiClient], world: World
) -> None:
    person = graduate_factory()
    http = claimed(person, name="别人")
    done = prove(http, "wechat_face", "bind", {})
    assert (done.json["state"], done.json["reason"]) == ("failed", "claim_not_matched")
    assert done.json["session"] is None
    # the platform was asked about the person that was typed, not about the one on file
    assert world.wechat_face.asked == [("别人", person.card.id_number)]
    assert http.get("/me").json["bound"] is False


def test_form_is_checked_and_forgiving(graduate_factory: Callable[..., Person], api: Callable[[], ApiClient]) -> None:
    number = next(n for n in (make_id_number(s) for s in range(200, 260)) if n.endswith("X"))
    card = graduate_factory(name="阿依古丽·买买提").card
    http = enter(api(), "open-1")
    lenient = {"student_number": f" {card.student_number} ", "id_number": number.lower(), "name": "阿依古丽•买买提"}
    assert http.post("/claims", json=lenient).status_code == 202
    wrong = number[:-1] + "1"
    bad = http.post("/claims", json={"student_number": "1", "id_number": wrong, "name": "张\u200b三"})
    assert bad.status_code == 422
    assert {(e["pointer"], e["code"]) for e in bad.json["errors"]} == {
        ("/id_number", "id_number_check_digit"),
        ("/name", "name_invisible_character"),
    }
    assert wrong not in bad.text


def test_a_claim_in_other_letters_hits(
    graduate_factory: Callable[..., Person], claimed: Callable[..., ApiClient]
) -> None:
    person = graduate_factory(name="阿依古丽·买买提")
    http = claimed(person, name=" 阿依古丽•买买提 ", id_number=f" {person.card.id_number} ")
    assert prove(http, "wechat_face", "bind", {}).json["state"] == "passed"


def test_twenty_wrong_claims_end_in_429(
    graduate_factory: Callable[..., Person], api: Callable[[], ApiClient], clock: FakeClock
) -> None:
    person = graduate_factory()
    codes = []
    http = enter(api(), "open-1")
    for n in range(20):
        codes.append(http.post("/claims", json=claim_of(person, id_number=make_id_number(500 + n))).status_code)
    assert codes == [202] * 5 + [429] * 15
    last = http.post("/claims", json=claim_of(person))
    assert last.json["code"] == "rate_limited"
    assert 0 < last.json["retry_after"] <= 600
    assert last.headers["Retry-After"] == str(last.json["retry_after"])
    clock.advance(seconds=601)
    assert http.post("/claims", json=claim_of(person)).status_code == 202


def test_one_persons_number_is_guarded_across_accounts(
    graduate_factory: Callable[..., Person], api: Callable[[], ApiClient]
) -> None:
    """Many accounts guessing the student number of one ID number are stopped by the number itself."""
    person = graduate_factory()
    codes = [
        enter(api(), f"open-{n}").post("/claims", json=claim_of(person, student_number=f"20220{n:05d}")).status_code
        for n in range(12)
    ]
    assert codes == [202] * 10 + [429] * 2


def test_a_claim_expires_and_a_bound_account_claims_nobody_else(
    graduate_factory: Callable[..., Person],
    claimed: Callable[..., ApiClient],
    signed_in: Callable[..., ApiClient],
    clock: FakeClock,
) -> None:
    person, other = graduate_factory(), graduate_factory()
    bound = signed_in(person, level=2)
    refused = bound.post("/claims", json=claim_of(other))
    assert (refused.status_code, refused.json["code"]) == (409, "already_bound")
    http = claimed(other, "open-9")
    clock.advance(minutes=16)
    assert http.get("/me").status_code == 200
    clock.advance(minutes=15)
    assert http.get("/factors").json["factors"] == []
    late = begin(http, "activation_code")
    assert late.status_code == 403


@pytest.mark.parametrize("factor", ["wechat_face", "activation_code"])
def test_a_proof_for_one_claim_does_not_bind_to_a_later_claim(
    factor: str,
    graduate_factory: Callable[..., Person],
    claimed: Callable[..., ApiClient],
    school_code: Callable[[Person], str],
    clock: FakeClock,
) -> None:
    """Claim oneself, begin, claim the victim, then hand in one's own honest proof."""
    attacker, victim = graduate_factory(), graduate_factory()
    http = claimed(attacker)
    begun = begin(http, factor)
    clock.advance(seconds=1)
    assert http.post("/claims", json=claim_of(victim)).status_code == 202
    proof = {} if factor == "wechat_face" else {"code": school_code(attacker)}
    done = http.post(f"/verifications/{begun.json['id']}/proof", json=proof)
    assert (done.status_code, done.json["code"]) == (409, "verification_state")
    assert http.get("/me").json["bound"] is False
