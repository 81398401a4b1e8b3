"""Who is asking: sessions, the graduates' factors and the partners' credentials. Staff stand in wired/staff.py."""

from __future__ import annotations

import secrets
from typing import TypedDict

from app.governance.training import TrainingService
from app.ports import Platform
from app.settings import Settings
from auth.accounts import AccountService
from auth.activation import ActivationService
from auth.claims import ClaimService
from auth.factors import FacePolicy, FactorService
from auth.judging import FactorJudge, FactorProviders
from auth.local_face import LocalFace
from auth.lockouts import Lockouts
from auth.login import LoginService
from auth.machine_keys import MachineKeys
from auth.partners import PartnerService
from auth.rules import Factor
from auth.sessions import SessionService
from auth.totp import GraduateTotpService
from auth.verifications import VerificationService
from providers.faces.challenge import issue_challenge
from wired.ground import Ground


class AccessParts(TypedDict):
    sessions: SessionService
    lockouts: Lockouts
    logins: LoginService
    claims: ClaimService
    factors: FactorService
    verifications: VerificationService
    activation: ActivationService
    totp: GraduateTotpService
    accounts: AccountService
    partners: PartnerService
    machine_keys: MachineKeys


def wire_access(ground: Ground, training: TrainingService) -> AccessParts:
    db, keys, log, queue, clock = ground.db, ground.keys, ground.log, ground.queue, ground.clock
    people, pepper, outside, settings = ground.people, ground.pepper, ground.outside, ground.settings
    sessions = SessionService(db, pepper, log, clock, training)
    lockouts = Lockouts(db, pepper, clock)
    activation = ActivationService(db, pepper, log, clock)
    claims = ClaimService(db, keys, people, outside.limits, log, clock)
    factors = FactorService(db, _face_policy(settings), outside.cache, log, clock)
    totp = GraduateTotpService(db, keys, people, queue, log, clock, settings.school_name)
    certifiers = {Factor(name): certifier for name, certifier in outside.certifiers.items()}
    partners = PartnerService(db, outside.limits, pepper, log, clock)
    providers = FactorProviders(certifiers, outside.phones, outside.fingerprint)
    return {
        "sessions": sessions,
        "lockouts": lockouts,
        "logins": LoginService(db, people, sessions, outside.logins, outside.limits, pepper, log, clock),
        "claims": claims,
        "factors": factors,
        "verifications": VerificationService(
            db,
            keys,
            people,
            sessions,
            claims,
            factors,
            lockouts,
            FactorJudge(db, people, activation, totp, providers, clock),
            _local_face(ground),
            outside.limits,
            queue,
            log,
            clock,
        ),
        "activation": activation,
        "totp": totp,
        "accounts": AccountService(db, people, sessions, activation, queue, log, clock),
        "partners": partners,
        "machine_keys": MachineKeys(db, keys, partners, outside.limits, outside.nonces, log, clock),
    }


def _local_face(ground: Ground) -> LocalFace:
    return LocalFace(
        ground.db,
        ground.outside.frames,
        lambda: issue_challenge(secrets.SystemRandom()),
        ground.queue,
        ground.log,
        ground.clock,
        max_frames=ground.settings.clip_max_frames,
        max_frame_bytes=ground.settings.frame_max_bytes,
    )


def _face_policy(settings: Settings) -> FacePolicy:
    return FacePolicy(
        settings.face_enabled,
        {
            Platform.WECHAT: settings.wechat_verifiers,
            Platform.ALIPAY: settings.alipay_verifiers,
            Platform.CAMPUS_TERMINAL: settings.terminal_verifiers,
        },
    )
