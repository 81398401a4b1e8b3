"""Tokens: how they live, how they are replaced, and every way they end."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from sqlalchemy import select

from app.actors import Actor
from app.events import Event
from auth.models import LoginSession
from parts import Lantai
from tests.auth.conftest import begin, claim_of, enter, prove
from tests.conftest import ApiClient, Person, World
from tests.fakes import FakeClock


def works(http: ApiClient) -> bool:
    reply = http.get("/me")
    assert reply.status_code in (200, 401)
    return bool(reply.status_code == 200)


def test_every_step_up_brings_a_new_token_and_kills_the_old(
    graduate_factory: Callable[..., Person], claimed: Callable[..., ApiClient], world: World
) -> None:
    person = graduate_factory()
    http = claimed(person)
    world.wechat_phone.numbers["p"] = person.card.phone
    tokens = [http.token]
    for factor, purpose, proof in (
        ("wechat_face", "bind", {}),
        ("phone", "view_dossier", {"proof": "p"}),
        ("wechat_face", "correct", {}),
    ):
        assert prove(http, factor, purpose, proof).json["state"] == "passed"
        tokens.append(http.token)
    assert len(set(tokens)) == 4
    assert [works(ApiClient(http.http, t)) for t in tokens] == [False, False, False, True]


def test_a_failed_proof_leaves_the_token(
    graduate_factory: Callable[..., Person], claimed: Callable[..., ApiClient]
) -> None:
    http = claimed(graduate_factory())
    before = http.token
    assert prove(http, "activation_code", "bind", {"code": "WRONG-WRONG"}).json["state"] == "failed"
    assert http.token == before
    assert works(http)


def test_tokens_are_stored_hashed_and_unknown_ones_are_refused(
    graduate_factory: Callable[..., Person], signed_in: Callable[..., ApiClient], lantai: Lantai
) -> None:
    http = signed_in(graduate_factory())
    with lantai.db.transaction() as session:
        stored = session.scalars(select(LoginSession.token_hash)).all()
    assert all(http.token.encode() not in h and len(h) == 32 for h in stored)
    for token in ("", "x", http.token + "x", http.token[:-1], "é", stored[0].hex()):
        assert not works(ApiClient(http.http, token))
    basic = http.http.get("/api/v1/me", headers={"Authorization": f"Basic {http.token}"})
    assert basic.status_code == 401


@pytest.mark.parametrize(("platform", "idle_s", "whole_s"), [("wechat", 1800, 43_200), ("campus_terminal", 300, 1800)])
def test_idle_and_absolute_limits(
    platform: str,
    idle_s: int,
    whole_s: int,
    api: Callable[[], ApiClient],
    lantai: Lantai,
    clock: FakeClock,
) -> None:
    def fresh() -> ApiClient:
        if platform == "wechat":
            return enter(api(), "open-1", serial=str(clock.now().timestamp()))
        http = api()
        _, credential = lantai.logins.add_terminal(f"terminal-{clock.now().timestamp()}")
        http.token = http.post("/sessions", json={"platform": platform, "code": credential}).json["access_token"]
        return http

    http = fresh()
    clock.advance(seconds=idle_s)
    assert works(http)
    clock.advance(seconds=idle_s + 1)
    assert http.get("/me").json["code"] == "session_expired"
    http, lived = fresh(), 0
    while lived + idle_s < whole_s:
        clock.advance(seconds=idle_s)
        lived += idle_s
        assert works(http)
    clock.advance(seconds=whole_s - lived)
    assert not works(http)


def test_ending_one_session_and_all_of_them(
    graduate_factory: Callable[..., Person], signed_in: Callable[..., ApiClient], api: Callable[[], ApiClient]
) -> None:
    person = graduate_factory()
    one = signed_in(person)
    open_id = f"open-{person.id.hex[:8]}-1"
    two, three = enter(api(), open_id, serial="b"), enter(api(), open_id, serial="c")
    listed = one.get("/sessions").json["items"]
    assert [s["current"] for s in listed].count(True) == 1
    assert len(listed) == 3
    victim = next(s["id"] for s in two.get("/sessions").json["items"] if s["current"])
    assert one.delete(f"/sessions/{victim}").status_code == 204
    assert (works(one), works(two), works(three)) == (True, False, True)
    assert three.delete("/sessions/current").status_code == 204
    assert (works(one), works(three)) == (True, False)
    four = enter(api(), open_id, serial="d")
    assert four.delete("/sessions").json == {"ended": 2}
    assert (works(one), works(four)) == (False, False)


def test_an_unbound_account_is_dead_and_stays_dead_when_it_comes_back(
    graduate_factory: Callable[..., Person],
    signed_in: Callable[..., ApiClient],
    claimed: Callable[..., ApiClient],
    api: Callable[[], ApiClient],
    world: World,
    run_jobs: Callable[[], None],
) -> None:
    """A stolen phone: its old token must not revive when the thief logs in again after the unbinding."""
    person = graduate_factory()
    thief = signed_in(person)
    owner = claimed(person, "open-alipay", "alipay")
    assert prove(owner, "alipay_certify", "bind", {}).json["state"] == "passed"
    bound = owner.get("/me/identities").json["items"]
    stolen = next(i["id"] for i in bound if not i["current"])
    refused = owner.delete(f"/me/identities/{stolen}")
    assert (refused.status_code, refused.json["purpose"]) == (403, "manage_account")
    world.alipay_phone.numbers["owner's"] = person.card.phone
    assert prove(owner, "phone", "manage_account", {"proof": "owner's"}).json["state"] == "passed"
    assert owner.delete(f"/me/identities/{stolen}").status_code == 204
    assert not works(thief)
    again = enter(api(), f"open-{person.id.hex[:8]}-1", serial="again")
    assert again.get("/me").json["bound"] is False
    assert not works(thief)
    assert thief.get("/dossier").status_code == 401
    run_jobs()
    assert owner.get("/notices").json["items"][0]["title"] == "账号已解除绑定"
    told = [m.open_id for m in world.wechat_sender.sent]
    assert told[-1] == f"open-{person.id.hex[:8]}-1", "the parted account hears of it too"
    assert len(owner.get("/me/identities").json["items"]) == 1


def test_a_parted_account_that_binds_again_does_not_revive_its_old_sessions(
    graduate_factory: Callable[..., Person], claimed: Callable[..., ApiClient], clock: FakeClock
) -> None:
    person = graduate_factory()
    old = claimed(person, "open-own")
    assert prove(old, "wechat_face", "bind", {}).json["state"] == "passed"
    own = old.get("/me/identities").json["items"][0]["id"]
    assert old.delete(f"/me/identities/{own}").status_code == 204
    clock.advance(seconds=1)
    new = enter(ApiClient(old.http), "open-own", serial="2")
    new.post("/claims", json=claim_of(person))
    assert prove(new, "wechat_face", "bind", {}).json["state"] == "passed"
    assert (works(new), works(old)) == (True, False)


def test_a_session_ends_with_its_binding_even_where_nobody_revoked_it(
    graduate_factory: Callable[..., Person], claimed: Callable[..., ApiClient], lantai: Lantai
) -> None:
    person = graduate_factory()
    http = claimed(person, "open-own")
    assert prove(http, "wechat_face", "bind", {}).json["state"] == "passed"
    (identity,) = lantai.people.identities_of(person.id)
    with lantai.db.transaction() as session:
        lantai.people.unbind(session, identity.id)
    assert not works(http)
    enter(ApiClient(http.http), "open-own", serial="2")  # the account is back, as a stranger
    assert not works(http)


def test_unbinding_somebody_elses_account_is_not_found(
    graduate_factory: Callable[..., Person], signed_in: Callable[..., ApiClient]
) -> None:
    one, two = signed_in(graduate_factory(), 2), signed_in(graduate_factory(), 2)
    foreign = two.get("/me/identities").json["items"][0]["id"]
    assert one.delete(f"/me/identities/{foreign}").status_code == 404
    assert works(two)


def test_one_account_belongs_to_one_person(
    graduate_factory: Callable[..., Person], claimed: Callable[..., ApiClient], api: Callable[[], ApiClient]
) -> None:
    """An older session of an account that was bound meanwhile cannot carry the account over to another dossier."""
    one, two = graduate_factory(), graduate_factory()
    first = claimed(one, "open-shared")
    second = enter(api(), "open-shared", serial="2")
    second.post("/claims", json=claim_of(two))
    assert prove(first, "wechat_face", "bind", {}).json["state"] == "passed"
    late = prove(second, "wechat_face", "bind", {})
    assert (late.status_code, late.json["code"]) == (409, "already_bound")
    assert works(first)
    assert first.get("/me").json["card"]["name"] == one.card.masked().name


def test_the_old_account_hears_of_a_new_one_and_changes_wait_a_day(
    graduate_factory: Callable[..., Person],
    signed_in: Callable[..., ApiClient],
    claimed: Callable[..., ApiClient],
    world: World,
    clock: FakeClock,
    run_jobs: Callable[[], None],
) -> None:
    person = graduate_factory()
    old = signed_in(person)
    run_jobs()
    world.wechat_sender.sent.clear()
    new = claimed(person, "open-new")
    prove(new, "wechat_face", "bind", {})
    run_jobs()
    assert f"open-{person.id.hex[:8]}-1" in {m.open_id for m in world.wechat_sender.sent}
    assert old.get("/notices").json["items"][0]["title"] == "新账号绑定提醒"
    ask = {"json": {"kind": "other", "statement": "请核对"}, "headers": {"Idempotency-Key": "held-key-1"}}
    held = new.post("/corrections", **ask)
    assert (held.status_code, held.json["code"]) == (409, "changes_held")
    assert old.get("/me").json["changes_held_until"] is not None
    clock.advance(hours=24)
    later = enter(ApiClient(new.http), "open-new", serial="later")
    prove(later, "wechat_face", "manage_account", {})
    assert later.post("/corrections", **ask).status_code == 201


def test_a_second_platform_does_not_hold_changes(
    graduate_factory: Callable[..., Person], signed_in: Callable[..., ApiClient], claimed: Callable[..., ApiClient]
) -> None:
    person = graduate_factory()
    signed_in(person)
    alipay = claimed(person, "open-a", "alipay")
    prove(alipay, "alipay_certify", "bind", {})
    assert alipay.get("/me").json["changes_held_until"] is None


def test_after_a_lost_phone_only_the_counters_code_leads_back(
    graduate_factory: Callable[..., Person],
    signed_in: Callable[..., ApiClient],
    claimed: Callable[..., ApiClient],
    counter: Actor,
    lantai: Lantai,
) -> None:
    person = graduate_factory()
    lost = signed_in(person)
    code = lantai.accounts.lost_phone(counter, person.id, "id_card", identity_checked=True).code
    assert not works(lost)
    assert lantai.people.identities_of(person.id) == []
    new = claimed(person, "open-new-phone")
    assert prove(new, "activation_code", "bind", {"code": code}).json["state"] == "passed"
    assert new.get("/me").json["bound"] is True
    with lantai.db.transaction() as session:
        told = session.scalars(select(Event.type).where(Event.graduate_id == person.id).order_by(Event.id)).all()
    assert "account.phone_lost" in told


def test_platform_codes_that_are_wrong_used_or_of_a_platform_away(
    api: Callable[[], ApiClient], world: World, rebuilt: Callable[..., Callable[[], ApiClient]]
) -> None:
    http = api()
    ask = {"platform": "wechat", "code": "code-for:o1"}
    assert http.post("/sessions", json=ask).status_code == 201
    for code in ("code-for:o1", "nonsense"):
        reply = http.post("/sessions", json={**ask, "code": code})
        assert (reply.status_code, reply.json["code"]) == (422, "login_code_rejected")
    terminal = http.post("/sessions", json={"platform": "campus_terminal", "code": "guess"})
    assert terminal.json["code"] == "login_code_rejected"
    world.wechat.away = True
    away = http.post("/sessions", json={**ask, "code": "code-for:o2"})
    assert (away.status_code, away.json["code"]) == (503, "platform_unavailable")
    without = rebuilt({"logins": {}})()
    assert without.post("/sessions", json=ask).json["code"] == "platform_not_offered"


def test_begun_factors_die_with_another_session(
    graduate_factory: Callable[..., Person], claimed: Callable[..., ApiClient], api: Callable[[], ApiClient]
) -> None:
    """A verification belongs to the session that began it, even within one account."""
    person = graduate_factory()
    http = claimed(person)
    begun = begin(http, "wechat_face").json["id"]
    beside = enter(api(), "open-1", serial="2")
    for reply in (beside.get(f"/verifications/{begun}"), beside.post(f"/verifications/{begun}/proof", json={})):
        assert (reply.status_code, reply.json["code"]) == (404, "verification_not_found")
