from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import product
from uuid import UUID

import pytest

from app.actors import FRESHNESS, Actor, ActorKind, Assurance, Purpose, StepUp
from app.ports import Platform
from auth.rules import (
    DELAYS,
    FACE_FACTORS,
    FACTORS,
    Factor,
    Family,
    Proof,
    Situation,
    assurance,
    available,
    delay_after,
    step_ups,
)

T0 = datetime(2026, 6, 1, tzinfo=UTC)


def proof(factor: Factor, purpose: Purpose = Purpose.VIEW_DOSSIER, seconds: int = 0) -> Proof:
    return Proof(factor, purpose, T0 + timedelta(seconds=seconds))


def situation(platform: Platform, *, bound: bool, claimed: bool = True, **changes: object) -> Situation:
    values: dict[str, object] = {
        "face_verifiers": [f.value for f in FACE_FACTORS],
        "face_enabled": True,
        "has_totp": True,
        **changes,
    }
    return Situation(platform, bound, claimed, **values)  # type: ignore[arg-type]


@pytest.mark.parametrize("proofs", [(), (proof(Factor.PHONE),), (proof(Factor.PHONE), proof(Factor.TOTP))])
def test_nobody_climbs_above_a_claim_without_being_bound(proofs: tuple[Proof, ...]) -> None:
    assert assurance(bound=False, claimed=False, proofs=proofs) is Assurance.L0_SESSION
    assert assurance(bound=False, claimed=True, proofs=proofs) is Assurance.L1_CLAIMED


def test_levels_of_a_bound_account_count_families_not_factors() -> None:
    def level(*factors: Factor) -> Assurance:
        return assurance(bound=True, claimed=False, proofs=[proof(f) for f in factors])

    assert level() is Assurance.L0_SESSION
    for one in Factor:
        assert level(one) is level(one, one) is Assurance.L2_PROOFED
    for one, two in product(Factor, Factor):
        same = FACTORS[one].family is FACTORS[two].family
        assert level(one, two) is (Assurance.L2_PROOFED if same else Assurance.L3_STEPPED_UP)
    assert level(Factor.WECHAT_FACE, Factor.LOCAL_FACE, Factor.ALIPAY_CERTIFY) is Assurance.L2_PROOFED


def test_a_step_up_needs_another_family_and_keeps_its_purpose_and_time() -> None:
    assert step_ups([proof(Factor.WECHAT_FACE), proof(Factor.LOCAL_FACE, seconds=5)]) == ()
    found = {
        s.purpose: s.at for s in step_ups([proof(Factor.LOCAL_FACE, Purpose.BIND), proof(Factor.PHONE, seconds=9)])
    }
    assert found == {Purpose.VIEW_DOSSIER: T0 + timedelta(seconds=9)}
    # what is shown later, for another purpose, lends nothing backwards
    later = step_ups([proof(Factor.PHONE, Purpose.MANAGE_ACCOUNT), proof(Factor.TOTP, Purpose.VIEW_DOSSIER, seconds=5)])
    assert later == (StepUp(Purpose.VIEW_DOSSIER, T0 + timedelta(seconds=5)),)
    # the newest proof for a purpose counts
    again = [proof(Factor.PHONE), proof(Factor.TOTP, seconds=20), proof(Factor.PHONE, seconds=40)]
    assert step_ups(again) == (StepUp(Purpose.VIEW_DOSSIER, T0 + timedelta(seconds=40)),)


def test_a_step_up_is_fresh_for_three_hundred_seconds_and_for_its_purpose_alone() -> None:
    assert timedelta(seconds=300) == FRESHNESS
    actor = Actor(ActorKind.GRADUATE, UUID(int=1), step_ups=(StepUp(Purpose.VIEW_DOSSIER, T0),))
    for seconds, fresh in ((-1, False), (0, True), (300, True), (300.001, False), (86400, False)):
        assert actor.stepped_up_for(Purpose.VIEW_DOSSIER, T0 + timedelta(seconds=seconds)) is fresh
    assert not any(actor.stepped_up_for(p, T0) for p in Purpose if p is not Purpose.VIEW_DOSSIER)


@pytest.mark.parametrize(("platform", "bound"), list(product(Platform, (True, False))))
def test_only_binding_factors_bind_and_only_those_of_the_channel_are_offered(platform: Platform, bound: bool) -> None:
    offered = available(situation(platform, bound=bound))
    assert offered
    for factor in offered:
        assert platform in FACTORS[factor].platforms
        assert bound or FACTORS[factor].binds
    assert available(situation(platform, bound=False, claimed=False)) == ()


@pytest.mark.parametrize(("platform", "bound", "enabled"), list(product(Platform, (True, False), (True, False))))
def test_there_is_always_a_way_without_face(platform: Platform, bound: bool, enabled: bool) -> None:
    offered = available(situation(platform, bound=bound, face_enabled=enabled, has_totp=False))
    assert set(offered) - FACE_FACTORS
    if not enabled:
        assert not set(offered) & FACE_FACTORS


def test_after_one_family_another_is_offered() -> None:
    for family in Family:
        offered = available(situation(Platform.WECHAT, bound=True, shown=frozenset({family})))
        assert family not in {FACTORS[f].family for f in offered}
    both = available(situation(Platform.WECHAT, bound=True, shown=frozenset({Family.FACE, Family.PHONE})))
    assert {Factor.WECHAT_FACE, Factor.PHONE} <= set(both)  # a session with two may renew either
    assert Factor.TOTP not in available(situation(Platform.WECHAT, bound=True, has_totp=False))


def test_waits_grow_after_every_fifth_failure() -> None:
    waits = {n: delay_after(n) for n in range(0, 31)}
    assert [n for n, wait in waits.items() if wait] == [5, 10, 15, 20, 25, 30]
    assert [waits[n] for n in (5, 10, 15, 20, 30)] == [DELAYS[0], DELAYS[1], DELAYS[2], DELAYS[2], DELAYS[2]]
    assert (timedelta(minutes=15), timedelta(hours=1), timedelta(hours=24)) == DELAYS
