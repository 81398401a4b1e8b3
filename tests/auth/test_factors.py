"""Factors by request: binding, second factors, lock-outs, consent, and the way without face."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pyotp
import pytest

from app.actors import Actor, Role
from app.errors import Forbidden, Invalid
from app.ports import CertifyOutcome, CertifyState
from parts import Lantai
from tests.auth.conftest import begin, claim_of, enter, factors_of, prove
from tests.conftest import ApiClient, Person, World
from tests.fakes import FakeClock

# --- binding and the second factor ------------------------------------------------------------------------------------


def test_the_ladder_from_stranger_to_reader(
    graduate_factory: Callable[..., Person], api: Callable[[], ApiClient], world: World, clock: FakeClock
) -> None:
    person = graduate_factory()
    world.wechat_phone.numbers["good"] = person.card.phone

    def level() -> int:
        return int(http.get("/me").json["assurance"])

    http = enter(api(), "open-1")
    assert (level(), factors_of(http)) == (0, set())
    assert begin(http, "activation_code").status_code == 403
    http.post("/claims", json=claim_of(person))
    assert (level(), factors_of(http)) == (1, {"wechat_face", "activation_code"})
    for factor in ("phone", "fingerprint", "totp", "local_face", "alipay_certify"):
        refused = begin(http, factor)
        assert (refused.status_code, refused.json["code"]) == (403, "factor_not_offered")
        assert set(refused.json["factors"]) == {"wechat_face", "activation_code"}
    locked_out = http.get("/dossier")
    assert (locked_out.json["code"], locked_out.json["purpose"]) == ("binding_required", "bind")
    assert begin(http, "wechat_face", "view_dossier").json["code"] == "wrong_purpose"
    http.put("/consents/face", json={"granted": True})
    prove(http, "wechat_face", "bind", {})
    assert level() == 2
    assert http.get("/dossier").status_code == 200
    lacking = http.get("/dossier/sections/course")
    assert (lacking.status_code, lacking.json["code"]) == (403, "step_up_required")
    assert (lacking.json["required_level"], lacking.json["current_level"]) == (3, 2)
    assert set(lacking.json["factors"]) == {"activation_code", "phone", "fingerprint"}  # another family only
    again = begin(http, "wechat_face", "view_dossier")
    assert (again.status_code, again.json["code"]) == (403, "factor_not_offered")
    prove(http, "phone", "view_dossier", {"proof": "good"})
    assert level() == 3
    assert http.get("/dossier/sections/course").status_code == 200
    # fresh for 300 seconds and for this purpose alone
    assert http.post("/me/totp").json["purpose"] == "manage_account"
    clock.advance(seconds=300)
    assert http.get("/dossier/sections/course").status_code == 200
    clock.advance(seconds=1)
    assert http.get("/dossier/sections/course").json["code"] == "step_up_required"
    prove(http, "wechat_face", "view_dossier", {})  # either family renews once two were shown
    assert http.get("/dossier/sections/course").status_code == 200


def test_the_platforms_phone_must_be_the_one_on_file(
    graduate_factory: Callable[..., Person], signed_in: Callable[..., ApiClient], world: World
) -> None:
    person = graduate_factory()
    http = signed_in(person, level=2)
    for n, (given, same) in enumerate((("13800139999", False), ("", False), (f"+86 {person.card.phone}", True))):
        world.wechat_phone.numbers[f"phone-{n}"] = given
        done = prove(http, "phone", "view_dossier", {"proof": f"phone-{n}"}).json
        assert (done["state"], done["reason"]) == (("passed", "") if same else ("failed", "phone_differs")), given
    # a proof is good once, whatever the platform says of it a second time
    again = prove(http, "phone", "view_dossier", {"proof": "phone-2"})
    assert (again.status_code, again.json["code"]) == (422, "phone_proof_rejected")


def test_a_graduate_without_a_phone_on_file_is_not_proved_by_an_empty_one(
    graduate_factory: Callable[..., Person], signed_in: Callable[..., ApiClient], world: World, lantai: Lantai
) -> None:
    from_file = graduate_factory()
    key = lantai.keys.of(from_file.id)
    with lantai.db.transaction() as session:
        lantai.people.rewrite_card(session, key, from_file.id, {"phone": ""})
    http = signed_in(from_file, level=2)
    world.wechat_phone.numbers["empty"] = ""
    assert prove(http, "phone", "view_dossier", {"proof": "empty"}).json["reason"] == "phone_differs"
    forged = prove(http, "phone", "view_dossier", {"proof": "never-given"})
    assert (forged.status_code, forged.json["code"]) == (422, "phone_proof_rejected")


def test_the_fingerprint_must_answer_our_challenge(
    graduate_factory: Callable[..., Person], signed_in: Callable[..., ApiClient], world: World
) -> None:
    http = signed_in(graduate_factory(), level=2)
    world.fingerprint.good = {"signed"}

    def show(raw: object, signature: str = "signed", text: str | None = None) -> Any:
        begun = begin(http, "fingerprint", "view_dossier").json
        challenge = begun["client"]["challenge"] if raw is True else raw
        proof = {"json_string": text or json.dumps({"raw": challenge}), "json_signature": signature}
        return http.post(f"/verifications/{begun['id']}/proof", json=proof).json

    assert show("0" * 32)["reason"] == "challenge_differs"
    assert show(["0" * 32])["reason"] == "challenge_differs"
    assert show(True, "unsigned")["reason"] == "fingerprint_refused"
    assert show(True, text="[1]")["reason"] == "fingerprint_malformed"
    challenges = {begin(http, "fingerprint", "view_dossier").json["client"]["challenge"] for _ in range(3)}
    assert len(challenges) == 3
    passed = show(True)
    assert passed["state"] == "passed"


def test_a_proof_is_handed_in_once_and_in_time(
    graduate_factory: Callable[..., Person], signed_in: Callable[..., ApiClient], world: World, clock: FakeClock
) -> None:
    person = graduate_factory()
    http = signed_in(person, level=2)
    world.wechat_phone.numbers["p"] = person.card.phone
    begun = begin(http, "phone", "view_dossier").json["id"]
    path = f"/verifications/{begun}/proof"
    assert http.post(path, json={}).json["errors"][0]["pointer"] == "/proof"
    done = http.post(path, json={"proof": "p"})
    http.token = done.json["session"]["access_token"]
    again = http.post(path, json={"proof": "p"})
    assert (again.status_code, again.json["code"]) == (409, "verification_state")
    late = begin(http, "phone", "view_dossier").json["id"]
    clock.advance(minutes=10)
    out = http.post(f"/verifications/{late}/proof", json={"proof": "p"}).json
    assert (out["state"], out["tries_left"], out["session"]) == ("expired", None, None)
    assert http.get(f"/verifications/{late}").json["state"] == "expired"


# --- platform faces ---------------------------------------------------------------------------------------------------


def test_what_the_platforms_answers_mean(
    graduate_factory: Callable[..., Person], claimed: Callable[..., ApiClient], world: World
) -> None:
    for state, shown, tries in (
        (CertifyState.PENDING, "waiting", None),
        (CertifyState.RETRY, "retake", None),
        (CertifyState.CANCELLED, "retake", None),
        (CertifyState.MANUAL, "retake", None),
        (CertifyState.FAULT, "retake", None),
        (CertifyState.MISMATCH, "failed", 4),
        (CertifyState.PASSED, "passed", None),
    ):
        http = claimed(graduate_factory(), f"open-{state.value}")
        world.wechat_face.outcome = CertifyOutcome(state)
        done = prove(http, "wechat_face", "bind", {}).json
        assert (done["state"], done["tries_left"]) == (shown, tries), state
        assert bool(done["session"]) is (shown == "passed")
        assert done["alternatives"] == (["activation_code"] if shown in ("retake", "failed") else [])


def test_a_platform_that_is_away_leaves_the_other_ways_open(
    graduate_factory: Callable[..., Person],
    claimed: Callable[..., ApiClient],
    world: World,
    school_code: Callable[[Person], str],
) -> None:
    person = graduate_factory()
    http = claimed(person)
    world.wechat_face.away = True
    away = begin(http, "wechat_face")
    assert (away.status_code, away.json["factors"]) == (503, ["activation_code"])
    assert prove(http, "activation_code", "bind", {"code": school_code(person)}).json["state"] == "passed"


def test_face_needs_a_separate_consent_that_can_be_withdrawn(
    graduate_factory: Callable[..., Person], api: Callable[[], ApiClient], clock: FakeClock
) -> None:
    http = enter(api(), "open-1")
    http.post("/claims", json=claim_of(graduate_factory()))
    for granted in (None, True, False, True):
        if granted is not None:
            clock.advance(seconds=1)
            assert http.put("/consents/face", json={"granted": granted}).json == {"kind": "face", "granted": granted}
        assert http.get("/factors").json["face_consent"] is bool(granted)
        reply = begin(http, "wechat_face")
        assert (reply.status_code, reply.json.get("code")) == ((201, None) if granted else (403, "consent_required"))
    assert begin(http, "activation_code").status_code == 201
    assert http.put("/consents/resale", json={"granted": True}).json["code"] == "unknown_consent"


def test_five_wrong_tries_lock_one_factor_and_leave_the_others(
    graduate_factory: Callable[..., Person],
    claimed: Callable[..., ApiClient],
    school_code: Callable[[Person], str],
    world: World,
    clock: FakeClock,
) -> None:
    person = graduate_factory()
    http = claimed(person)
    world.wechat_face.outcome = CertifyOutcome(CertifyState.MISMATCH)
    begun_before = begin(http, "wechat_face").json["id"]
    left = [prove(http, "wechat_face", "bind", {}).json["tries_left"] for _ in range(5)]
    assert left == [4, 3, 2, 1, 0]
    locked = begin(http, "wechat_face")
    assert (locked.status_code, locked.json["code"]) == (429, "locked_out")
    assert 890 < locked.json["retry_after"] <= 901
    assert locked.headers["Retry-After"] == str(locked.json["retry_after"])
    # one begun before the lock does not slip past it
    assert http.post(f"/verifications/{begun_before}/proof", json={}).json["code"] == "locked_out"
    # nor does another account that claims the same person
    other = claimed(person, "open-2")
    assert begin(other, "wechat_face").json["code"] == "locked_out"
    assert begin(http, "activation_code").status_code == 201
    clock.advance(minutes=15, seconds=1)
    assert prove(http, "wechat_face", "bind", {}).json["tries_left"] == 4
    assert prove(http, "activation_code", "bind", {"code": school_code(person)}).json["state"] == "passed"


# --- the school's code ------------------------------------------------------------------------------------------------


def test_a_school_code_works_once_for_its_graduate_while_it_lives(
    graduate_factory: Callable[..., Person],
    claimed: Callable[..., ApiClient],
    school_code: Callable[[Person], str],
    clock: FakeClock,
) -> None:
    person, other = graduate_factory(), graduate_factory()
    voided, code = school_code(person), school_code(person)
    stranger = claimed(other, "open-stranger")
    assert prove(stranger, "activation_code", "bind", {"code": code}).json["reason"] == "code_wrong"
    http = claimed(person)
    assert prove(http, "activation_code", "bind", {"code": voided}).json["reason"] == "code_wrong"
    typed = f" {code.lower().replace('-', ' ')} "
    assert prove(http, "activation_code", "bind", {"code": typed}).json["state"] == "passed"
    second = claimed(person, "open-2")
    assert prove(second, "activation_code", "bind", {"code": code}).json["reason"] == "code_wrong"
    fresh = school_code(person)
    clock.advance(hours=24)
    late = claimed(person, "open-3")
    assert prove(late, "activation_code", "bind", {"code": fresh}).json["reason"] == "code_wrong"


def test_a_code_is_not_spent_when_the_binding_fails(
    graduate_factory: Callable[..., Person],
    claimed: Callable[..., ApiClient],
    school_code: Callable[[Person], str],
) -> None:
    """The account turns out to be bound to another person: nothing of the attempt remains, the code lives on."""
    person, other = graduate_factory(), graduate_factory()
    http = claimed(person, "open-shared")
    code = school_code(person)
    begun = begin(http, "activation_code").json["id"]
    sibling = enter(ApiClient(http.http), "open-shared", serial="2")
    sibling.post("/claims", json=claim_of(other))
    assert prove(sibling, "activation_code", "bind", {"code": school_code(other)}).json["state"] == "passed"
    refused = http.post(f"/verifications/{begun}/proof", json={"code": code})
    assert (refused.status_code, refused.json["code"]) == (409, "already_bound")
    fresh = claimed(person, "open-own")
    assert prove(fresh, "activation_code", "bind", {"code": code}).json["state"] == "passed"


def test_only_the_counter_issues_codes_and_only_after_a_check(
    graduate_factory: Callable[..., Person], lantai: Lantai, counter: Actor
) -> None:
    person = graduate_factory()
    others = set(Role) - {Role.ARCHIVIST, Role.REVIEWER}
    for actor in (*(Actor(counter.kind, counter.id, roles=frozenset({r})) for r in others), person.actor()):
        with pytest.raises(Forbidden):
            lantai.activation.issue(actor, person.id, "id_card", identity_checked=True)
    wrong = (("driving_licence", True, "/document_kind"), ("id_card", False, "/identity_checked"))
    for kind, checked, pointer in wrong:
        with pytest.raises(Invalid) as caught:
            lantai.activation.issue(counter, person.id, kind, identity_checked=checked)
        assert [f.pointer for f in caught.value.faults] == [pointer]


# --- TOTP -------------------------------------------------------------------------------------------------------------


def test_totp_is_enrolled_confirmed_used_once_a_step_and_removed(
    graduate_factory: Callable[..., Person],
    signed_in: Callable[..., ApiClient],
    world: World,
    clock: FakeClock,
    run_jobs: Callable[[], None],
) -> None:
    person = graduate_factory()
    http = signed_in(person, level=2)
    world.wechat_phone.numbers["p"] = person.card.phone
    assert http.post("/me/totp").json["code"] == "step_up_required"
    prove(http, "phone", "manage_account", {"proof": "p"})
    enrolled = http.post("/me/totp")
    assert enrolled.status_code == 201
    totp = pyotp.TOTP(enrolled.json["secret"])
    assert person.card.name not in enrolled.json["uri"]
    assert "totp" not in factors_of(http)  # not in force before it is confirmed
    wrong = str((int(totp.at(clock.now())) + 1) % 10**6).zfill(6)
    assert http.post("/me/totp/confirmation", json={"code": wrong}).json["code"] == "code_wrong"
    assert http.post("/me/totp/confirmation", json={"code": totp.at(clock.now())}).status_code == 204
    assert http.post("/me/totp").json["code"] == "totp_enrolled"
    used = totp.at(clock.now())
    assert prove(http, "totp", "view_dossier", {"code": used}).json["reason"] == "code_wrong"  # the same step again
    clock.advance(seconds=30)
    fresh = totp.at(clock.now())
    assert prove(http, "totp", "view_dossier", {"code": fresh}).json["state"] == "passed"
    assert prove(http, "totp", "view_dossier", {"code": fresh}).json["reason"] == "code_wrong"
    clock.advance(seconds=120)
    stale = totp.at(int(clock.now().timestamp()) - 60)
    assert prove(http, "totp", "view_dossier", {"code": stale}).json["reason"] == "code_wrong"
    assert http.delete("/me/totp").status_code == 204
    assert "totp" not in factors_of(http)
    run_jobs()
    assert [n["title"] for n in http.get("/notices").json["items"]][:2] == ["动态口令已停用", "动态口令已启用"]
