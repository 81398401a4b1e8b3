"""Judging one factor: what was shown, against whom it should belong to. Calls providers, never inside a transaction."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from sqlalchemy.dialects.postgresql import insert

from app.db import Database
from app.errors import Conflict, FieldFault, Forbidden, Invalid, Unavailable
from app.people.rules import normalise_phone
from app.people.service import IdentityView, PeopleService
from app.ports import (
    CertifyState,
    Clock,
    FaceCertifier,
    FingerprintCheck,
    PhoneProofRejected,
    Platform,
    PlatformPhone,
)
from auth.activation import ActivationService
from auth.models import UsedProof, Verification, VerificationState
from auth.rules import Factor
from auth.sessions import SessionView
from auth.totp import GraduateTotpService


@dataclass(frozen=True, slots=True)
class Subject:
    """Whom a verification is about: the bound graduate, or what was claimed."""

    graduate_id: UUID | None
    name: str = field(repr=False)
    id_number: str = field(repr=False)
    phone: str = field(repr=False)
    lock: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class FactorProviders:
    certifiers: Mapping[Factor, FaceCertifier]
    phones: Mapping[Platform, PlatformPhone]
    fingerprint: FingerprintCheck | None


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a factor said. ``counts`` is False where the attempt costs no try."""

    passed: bool
    state: VerificationState
    reason: str = ""
    counts: bool = True


PASSED = Judgement(True, VerificationState.PASSED)


def failed(reason: str, *, counts: bool = True) -> Judgement:
    return Judgement(False, VerificationState.FAILED, reason, counts)


class FactorJudge:
    def __init__(
        self,
        db: Database,
        people: PeopleService,
        activation: ActivationService,
        totp: GraduateTotpService,
        providers: FactorProviders,
        clock: Clock,
    ) -> None:
        self._db, self._people, self._activation, self._totp = db, people, activation, totp
        self._providers, self._clock = providers, clock

    def certifier(self, factor: Factor) -> FaceCertifier | None:
        return self._providers.certifiers.get(factor)

    def identity(self, view: SessionView) -> IdentityView:
        if view.actor.identity_id is None:
            raise Forbidden("role_required")
        return self._people.identity(view.actor.identity_id)

    def judge(
        self,
        view: SessionView,
        row: Verification,
        subject: Subject,
        hidden: Mapping[str, Any],
        proof: Mapping[str, str],
    ) -> Judgement:
        if row.factor is Factor.LOCAL_FACE:
            if row.state is not VerificationState.VERIFIED:
                raise Conflict("verification_state", params={"state": row.state.value})
            return PASSED
        if row.factor is Factor.ACTIVATION_CODE:
            ok = self._activation.redeem(_required(proof, "code"), subject.graduate_id)
            return PASSED if ok else failed("code_wrong")
        if row.factor is Factor.TOTP:
            ok = subject.graduate_id is not None and self._totp.verify(subject.graduate_id, _required(proof, "code"))
            return PASSED if ok else failed("code_wrong")
        if row.factor is Factor.PHONE:
            return self._judge_phone(view, subject, _required(proof, "proof"))
        if row.factor is Factor.FINGERPRINT:
            return self._judge_fingerprint(view, hidden, proof)
        return self._judge_platform_face(view, row, subject, hidden)

    def _judge_phone(self, view: SessionView, subject: Subject, proof: str) -> Judgement:
        identity = self.identity(view)
        number = self._providers.phones[identity.platform].phone_number(identity.open_id, proof)
        self._use_up(identity.platform, proof)
        same = bool(subject.phone) and hmac.compare_digest(normalise_phone(number), normalise_phone(subject.phone))
        return PASSED if same else failed("phone_differs")

    def _use_up(self, platform: Platform, proof: str) -> None:
        """Each phone proof once and for ever: Alipay's text names no user and no time. Raises PhoneProofRejected."""
        digest = hashlib.sha256(f"{platform.value}|{proof}".encode()).digest()
        with self._db.transaction() as session:
            made = session.execute(
                insert(UsedProof)
                .values(digest=digest, at=self._clock.now())
                .on_conflict_do_nothing()
                .returning(UsedProof.digest)
            ).scalar()
        if made is None:
            raise PhoneProofRejected

    def _judge_fingerprint(self, view: SessionView, hidden: Mapping[str, Any], proof: Mapping[str, str]) -> Judgement:
        if self._providers.fingerprint is None:
            raise Unavailable("fingerprint_unavailable")
        text = _required(proof, "json_string")
        try:
            raw = json.loads(text).get("raw", "")
        except (ValueError, AttributeError):
            return failed("fingerprint_malformed")
        # WeChat vouches for the signature; that it answers *our* challenge only we can tell
        if not isinstance(raw, str) or not hmac.compare_digest(raw.encode(), str(hidden["challenge"]).encode()):
            return failed("challenge_differs")
        signature = _required(proof, "json_signature")
        ok = self._providers.fingerprint.verify(self.identity(view).open_id, text, signature)
        return PASSED if ok else failed("fingerprint_refused")

    def _judge_platform_face(
        self, view: SessionView, row: Verification, subject: Subject, hidden: Mapping[str, Any]
    ) -> Judgement:
        outcome = self._providers.certifiers[row.factor].result(
            order_no=row.order_no,
            ticket=hidden["ticket"],
            open_id=self.identity(view).open_id,
            name=subject.name,
            id_number=subject.id_number,
        )
        if outcome.state is CertifyState.PASSED:
            return PASSED
        if outcome.state is CertifyState.PENDING:
            return Judgement(False, VerificationState.WAITING, "pending", counts=False)
        counts = outcome.state is CertifyState.MISMATCH
        state = VerificationState.FAILED if counts else VerificationState.RETAKE
        return Judgement(False, state, outcome.state.value, counts)


def _required(proof: Mapping[str, str], name: str) -> str:
    value = proof.get(name, "")
    if not value:
        raise Invalid("invalid_input", faults=[FieldFault(f"/{name}", "required")])
    return value
