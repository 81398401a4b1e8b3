"""Factors, their families and the assurance ladder, as data. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from app.actors import Assurance, Purpose, StepUp
from app.ports import Platform


class Factor(StrEnum):
    WECHAT_FACE = "wechat_face"
    ALIPAY_CERTIFY = "alipay_certify"
    LOCAL_FACE = "local_face"
    ACTIVATION_CODE = "activation_code"
    FINGERPRINT = "fingerprint"
    PHONE = "phone"
    TOTP = "totp"


class Family(StrEnum):
    """Two factors of one family are not two factors."""

    FACE = "face"
    COUNTER = "counter"
    DEVICE = "device"
    PHONE = "phone"
    TOTP = "totp"


@dataclass(frozen=True, slots=True)
class FactorRule:
    """``binds``: good enough to join an account to a graduate for the first time (4-trust, L2)."""

    family: Family
    binds: bool
    label: str
    platforms: frozenset[Platform]


_ALL = frozenset(Platform)
FACTORS: Mapping[Factor, FactorRule] = {
    Factor.WECHAT_FACE: FactorRule(Family.FACE, True, "微信人脸核身", frozenset({Platform.WECHAT})),
    Factor.ALIPAY_CERTIFY: FactorRule(Family.FACE, True, "支付宝身份验证", frozenset({Platform.ALIPAY})),
    Factor.LOCAL_FACE: FactorRule(Family.FACE, True, "人脸识别", _ALL),
    Factor.ACTIVATION_CODE: FactorRule(Family.COUNTER, True, "学校激活码", _ALL),
    Factor.FINGERPRINT: FactorRule(Family.DEVICE, False, "手机指纹", frozenset({Platform.WECHAT})),
    Factor.PHONE: FactorRule(Family.PHONE, False, "平台手机号", frozenset({Platform.WECHAT, Platform.ALIPAY})),
    Factor.TOTP: FactorRule(Family.TOTP, False, "动态口令", _ALL),
}
FACE_FACTORS = frozenset(f for f, r in FACTORS.items() if r.family is Family.FACE)

TRIES_BEFORE_DELAY = 5
DELAYS = (timedelta(minutes=15), timedelta(hours=1), timedelta(hours=24))


def delay_after(failures: int) -> timedelta | None:
    """How long to wait after this many failures in a row; None while tries are left."""
    if failures < TRIES_BEFORE_DELAY or failures % TRIES_BEFORE_DELAY:
        return None
    return DELAYS[min(failures // TRIES_BEFORE_DELAY, len(DELAYS)) - 1]


@dataclass(frozen=True, slots=True)
class Proof:
    """One factor shown in a session."""

    factor: Factor
    purpose: Purpose
    at: datetime


def assurance(*, bound: bool, claimed: bool, proofs: Iterable[Proof]) -> Assurance:
    families = {FACTORS[p.factor].family for p in proofs}
    if not bound:
        return Assurance.L1_CLAIMED if claimed else Assurance.L0_SESSION
    if not families:
        return Assurance.L0_SESSION
    return Assurance.L3_STEPPED_UP if len(families) > 1 else Assurance.L2_PROOFED


def step_ups(proofs: Sequence[Proof]) -> tuple[StepUp, ...]:
    """A proof counts for its purpose if one of another family stood before it in the session: what is shown later for
    another purpose lends nothing backwards.
    """
    latest: dict[Purpose, datetime] = {}
    before: set[Family] = set()
    for p in proofs:
        family = FACTORS[p.factor].family
        if before - {family}:
            latest[p.purpose] = max(p.at, latest.get(p.purpose, p.at))
        before.add(family)
    return tuple(StepUp(purpose, at) for purpose, at in latest.items())


@dataclass(frozen=True, slots=True)
class Situation:
    """What decides which factors a person may use next."""

    platform: Platform
    bound: bool
    claimed: bool
    face_verifiers: Sequence[str]
    face_enabled: bool
    has_totp: bool
    shown: frozenset[Family] = frozenset()


def available(situation: Situation) -> tuple[Factor, ...]:
    """Factors to offer, the convenient ones first. Without face there is always another."""
    if not situation.bound and not situation.claimed:
        return ()
    found = []
    for factor, rule in FACTORS.items():
        if situation.platform not in rule.platforms:
            continue
        if factor in FACE_FACTORS and (not situation.face_enabled or factor.value not in situation.face_verifiers):
            continue
        if not situation.bound and not rule.binds:
            continue
        if factor is Factor.TOTP and not situation.has_totp:
            continue
        if situation.bound and rule.family in situation.shown and len(situation.shown) == 1:
            continue
        found.append(factor)
    return tuple(found)


class Scope(StrEnum):
    """What a partner client may do, each for itself."""

    PUSH_DOSSIERS = "dossiers:push"
    RECEIVE_DOSSIERS = "dossiers:receive"
    SUBSCRIBE = "events:subscribe"
    SEND_NOTICES = "notices:send"


SCOPE_LABELS: Mapping[Scope, str] = {
    Scope.PUSH_DOSSIERS: "推送毕业生档案数据",
    Scope.RECEIVE_DOSSIERS: "接收转往本单位的电子档案包",
    Scope.SUBSCRIBE: "订阅事件（接收单位只能看到转往本单位的）",
    Scope.SEND_NOTICES: "按学校的通知目录通知毕业生（接收单位只能通知档案转往本单位的）",
}
SANDBOX_SCOPES = frozenset({Scope.PUSH_DOSSIERS, Scope.SEND_NOTICES})
"""What a client of the sandbox may have: nothing by which it would read what is real."""
