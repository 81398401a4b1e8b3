"""What the server makes of passkeys without any browser: garbage, foreign ceremonies, late ones, and last factors."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.actors import SYSTEM, Actor, ActorKind, Role
from app.db import new_id
from app.errors import Conflict, DomainError, Invalid, NotFound, StepUpRequired, Unauthenticated
from app.people.models import StaffMember
from app.settings import Settings
from auth.ceremonies import Ceremonies, RelyingParty
from auth.passkeys import PasskeyService
from auth.staff_models import CeremonyKind, StaffPasskey
from parts import Lantai
from tests.fakes import FakeClock

PARTY = RelyingParty("localhost", "http://localhost:8000", "兰台")


@pytest.fixture
def ceremonies(lantai: Lantai) -> Ceremonies:
    return Ceremonies(lantai.db, lantai.clock, PARTY)


@pytest.fixture
def service(lantai: Lantai, ceremonies: Ceremonies) -> PasskeyService:
    return PasskeyService(lantai.db, ceremonies, lantai.sessions, lantai.outside.limits, lantai.log, lantai.clock)


@pytest.fixture
def member(lantai: Lantai, clock: FakeClock) -> Callable[..., Actor]:
    def make(name: str, *passkeys: str, password: bool = True) -> Actor:
        made = lantai.staff.add(SYSTEM, name, name, [Role.ARCHIVIST])
        with lantai.db.transaction() as session:
            if not password:
                session.get_one(StaffMember, made.staff_id).password_hash = ""
            for each in passkeys:
                session.add(
                    StaffPasskey(
                        id=new_id(),
                        staff_id=made.staff_id,
                        name=each,
                        credential_id=each,
                        public_key="AAAA",
                        sign_count=0,
                        transports=[],
                        backed_up=False,
                        created_at=clock.now(),
                    )
                )
            issued = lantai.sessions.open_staff(session, made.staff_id, factor="passkey")
        return lantai.sessions.resolve(issued.token).actor

    return make


def test_options_ask_for_verification_and_for_any_passkey_of_the_house(service: PasskeyService) -> None:
    told = service.begin_sign_in("10.0.0.1").options
    assert (told["userVerification"], told["rpId"], told.get("allowCredentials", [])) == ("required", "localhost", [])


def test_registration_asks_for_a_discoverable_verified_one(
    service: PasskeyService, member: Callable[..., Actor]
) -> None:
    told = service.begin_registration(member("lin", "AAAB")).options
    chosen = told["authenticatorSelection"]
    assert (chosen["residentKey"], chosen["userVerification"]) == ("required", "required")
    assert [c["id"] for c in told["excludeCredentials"]] == ["AAAB"]


def test_a_challenge_is_good_once_shortly_and_for_its_own(ceremonies: Ceremonies, clock: FakeClock) -> None:
    mine, other = uuid4(), uuid4()
    for kind, bound in ((CeremonyKind.SIGN_IN, mine), (CeremonyKind.STEP_UP, other), (CeremonyKind.STEP_UP, None)):
        begun = ceremonies.begin_get(CeremonyKind.STEP_UP, mine)
        with pytest.raises(Invalid):
            ceremonies.spend(kind, bound, begun.ceremony_id)
    begun = ceremonies.begin_get(CeremonyKind.STEP_UP, mine)
    assert len(ceremonies.spend(CeremonyKind.STEP_UP, mine, begun.ceremony_id)) == 32
    with pytest.raises(Invalid):
        ceremonies.spend(CeremonyKind.STEP_UP, mine, begun.ceremony_id)
    begun = ceremonies.begin_get(CeremonyKind.STEP_UP, mine)
    clock.advance(seconds=121)
    with pytest.raises(Invalid):
        ceremonies.spend(CeremonyKind.STEP_UP, mine, begun.ceremony_id)


PARTS = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(max_size=30)
    | st.sampled_from(["AAAA", "public-key", "webauthn.get"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "id",
                    "rawId",
                    "type",
                    "response",
                    "clientDataJSON",
                    "authenticatorData",
                    "signature",
                    "attestationObject",
                ]
            ),
            inner,
            max_size=8,
        )
    ),
    max_leaves=12,
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(told=PARTS)
def test_garbage_is_refused_and_never_an_accident(told: object, ceremonies: Ceremonies) -> None:
    shaped = told if isinstance(told, dict) else {"id": "AAAA", "rawId": "AAAA", "type": "public-key", "response": told}
    passkey = StaffPasskey(staff_id=uuid4(), public_key="AAAA", sign_count=0)
    for answer in (json.dumps(shaped), json.dumps({**shaped, "response": shaped}), json.dumps(told)):
        for check in (
            lambda words: ceremonies.created(b"x" * 32, words),
            lambda words: ceremonies.asserted(b"x" * 32, words, passkey),
        ):
            with pytest.raises(Invalid):
                check(answer)


@pytest.mark.parametrize("answer", ["", "[", "null", "[" * 5000, "x" * 30_000, '{"response": 1}'])
def test_what_is_no_answer_signs_nobody_in(answer: str, service: PasskeyService) -> None:
    begun = service.begin_sign_in("10.0.0.1")
    with pytest.raises(Unauthenticated):
        service.sign_in(begun.ceremony_id, answer, "10.0.0.1")


def test_the_last_way_in_is_not_removed(
    service: PasskeyService, member: Callable[..., Actor], lantai: Lantai, clock: FakeClock
) -> None:
    alone = member("lin", "AAAA", "BBBB", password=False)
    first, second = service.list_own(alone)
    service.remove(alone, first.id)
    with pytest.raises(Conflict) as caught:
        service.remove(alone, second.id)
    assert caught.value.code == "last_factor"
    with_password = member("zhou", "CCCC")
    other = service.list_own(with_password)[0].id
    with pytest.raises(NotFound):
        service.remove(alone, other)
    with pytest.raises(NotFound):
        service.rename(alone, other, "x")
    service.rename(with_password, other, "  新  名称 ")
    assert service.list_own(with_password)[0].name == "新 名称"
    clock.advance(seconds=301)
    with pytest.raises(StepUpRequired):
        service.remove(with_password, other)
    with pytest.raises(StepUpRequired):
        service.begin_registration(with_password)


def test_passkeys_alone_leave_no_password_to_guess(member: Callable[..., Actor], lantai: Lantai) -> None:
    member("lin", "AAAA", password=False)
    for password in ("", "x" * 12):
        with pytest.raises(Unauthenticated):
            lantai.staff.sign_in("lin", password, "000000", "10.0.0.1")


def test_without_a_fitting_address_there_are_none(lantai: Lantai, member: Callable[..., Actor]) -> None:
    assert Settings(public_url="http://127.0.0.1:8000").passkey_origin == lantai.passkeys.origin == ""
    with pytest.raises(DomainError) as caught:
        lantai.passkeys.begin_sign_in("10.0.0.1")
    assert caught.value.code == "passkeys_off"
    nobody = replace(member("lin"), session_id=None, kind=ActorKind.STAFF)
    assert lantai.passkeys.list_own(nobody) == []
