"""Showing a factor: begin, submit, finish. Record – call – record: no provider is called inside a transaction."""

from __future__ import annotations

import hmac
import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from app.actors import Purpose
from app.db import Database, new_id
from app.envelope import open_json, seal_json
from app.errors import Conflict, FieldFault, Forbidden, Invalid, NotFound, Unavailable
from app.events import EventLog
from app.jobs import Announce, JobQueue
from app.keyring import Keyring
from app.people.rules import normalise_phone
from app.people.service import IdentityView, PeopleService
from app.ports import (
    CertifyState,
    Clock,
    FaceCertifier,
    FaceFrame,
    FingerprintCheck,
    Platform,
    PlatformPhone,
)
from auth.activation import ActivationService
from auth.claims import ClaimService
from auth.factors import FaceHealth, FactorService
from auth.local_face import LocalFace
from auth.lockouts import Lockouts
from auth.models import Verification, VerificationState
from auth.places import state_place
from auth.rules import FACE_FACTORS, Factor, Proof
from auth.sessions import Issued, SessionService, SessionView
from auth.totp import GraduateTotpService

LIFE = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Subject:
    """Whom a verification is about: the bound graduate, or what was claimed."""

    graduate_id: UUID | None
    name: str = field(repr=False)
    id_number: str = field(repr=False)
    phone: str = field(repr=False)
    lock: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class VerificationView:
    """``client`` is what the mini-program needs to go on (ticket, challenge …); ``reason`` a stable word."""

    id: UUID
    factor: Factor
    purpose: Purpose
    state: VerificationState
    reason: str
    expires_at: datetime
    client: Mapping[str, Any] = field(default_factory=dict, repr=False)
    tries_left: int | None = None
    alternatives: tuple[str, ...] = ()
    issued: Issued | None = field(default=None, repr=False)


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


def _failed(reason: str, *, counts: bool = True) -> Judgement:
    return Judgement(False, VerificationState.FAILED, reason, counts)


class VerificationService:
    def __init__(
        self,
        db: Database,
        keys: Keyring,
        people: PeopleService,
        sessions: SessionService,
        claims: ClaimService,
        factors: FactorService,
        lockouts: Lockouts,
        activation: ActivationService,
        totp: GraduateTotpService,
        local_face: LocalFace,
        providers: FactorProviders,
        queue: JobQueue,
        log: EventLog,
        clock: Clock,
    ) -> None:
        self._db, self._keys, self._people, self._sessions = db, keys, people, sessions
        self._claims, self._factors, self._lockouts = claims, factors, lockouts
        self._activation, self._totp, self._local_face = activation, totp, local_face
        self._providers, self._queue, self._log, self._clock = providers, queue, log, clock

    # --- public -------------------------------------------------------------------------------------------------------

    def begin(self, view: SessionView, factor: Factor, purpose: Purpose) -> VerificationView:
        """Raises Forbidden (factor_not_offered, consent_required, wrong_purpose), RateLimited, Unavailable."""
        if (purpose is Purpose.BIND) == view.bound:
            raise Forbidden("wrong_purpose", extra={"purpose": Purpose.BIND.value})
        self._factors.require(view, factor)
        subject = self._subject(view)
        self._lockouts.check(factor.value, subject.lock)
        if factor in FACE_FACTORS and not self._factors.has_consent(view.actor, "face"):
            raise Forbidden("consent_required", extra={"consent": "face"})
        if factor is Factor.LOCAL_FACE:
            self._require_face_worker(view)
        now = self._clock.now()
        life = self._local_face.life if factor is Factor.LOCAL_FACE else LIFE
        row = Verification(
            id=new_id(),
            session_id=view.id,
            graduate_id=subject.graduate_id,
            factor=factor,
            purpose=purpose,
            state=VerificationState.WAITING,
            order_no=secrets.token_hex(16),
            created_at=now,
            expires_at=now + life,
        )
        house = self._keys.house()
        client, hidden = self._opening(view, factor, subject, row.order_no)
        hidden["lock"] = subject.lock  # the worker counts failures against the same subject, on hit and miss alike
        hidden["claim"] = str(view.claim_id)
        row.sealed_state = seal_json(house, state_place(row.id), hidden)
        with self._db.transaction() as session:
            session.add(row)
            self._log.record(
                session,
                view.actor,
                "verification.begun",
                object_kind="verification",
                object_id=row.id,
                data={"factor": factor.value, "purpose": purpose.value},
            )
        return self._view(row, client=client)

    def status(self, view: SessionView, verification_id: UUID) -> VerificationView:
        row = self._own(view, verification_id)
        if row.state in (VerificationState.WAITING, VerificationState.QUEUED) and self._clock.now() >= row.expires_at:
            return self._finish(view, row, Judgement(False, VerificationState.EXPIRED, "expired", counts=False))
        alternatives = tuple(self._factors.alternatives(view, row.factor)) if row.finished_at else ()
        return self._view(row, alternatives=alternatives)

    def submit_frames(self, view: SessionView, verification_id: UUID, frames: Sequence[FaceFrame]) -> VerificationView:
        """Hand a local-face clip to the worker. Raises Conflict out of turn, Unavailable with Redis away."""
        row = self._own(view, verification_id)
        if row.factor is not Factor.LOCAL_FACE or row.state is not VerificationState.WAITING:
            raise Conflict("verification_state")
        if self._clock.now() >= row.expires_at:
            return self._finish(view, row, Judgement(False, VerificationState.EXPIRED, "expired", counts=False))
        hidden = open_json(self._keys.house(), state_place(row.id), row.sealed_state)
        self._local_face.hand_over(view.actor, row.id, hidden, frames)
        return self._view(self._own(view, verification_id))

    def submit(self, view: SessionView, verification_id: UUID, proof: Mapping[str, str]) -> VerificationView:
        """Judge the factor. On a pass the session is bound or stepped up and a new token issued."""
        row = self._own(view, verification_id)
        if row.state not in (VerificationState.WAITING, VerificationState.VERIFIED):
            raise Conflict("verification_state", params={"state": row.state.value})
        if self._clock.now() >= row.expires_at:
            return self._finish(view, row, Judgement(False, VerificationState.EXPIRED, "expired", counts=False))
        subject = self._subject(view)
        hidden = open_json(self._keys.house(), state_place(row.id), row.sealed_state)
        if hidden["claim"] != str(view.claim_id):
            # shown for one claimed person, a factor says nothing about another one claimed since
            raise Conflict("verification_state", params={"state": row.state.value})
        self._lockouts.check(row.factor.value, subject.lock)
        if row.factor in (Factor.ACTIVATION_CODE, Factor.TOTP):
            # no provider is asked, so the code is spent and the account bound in one transaction, or neither
            with self._db.transaction():
                return self._finish(view, row, self._judge(view, row, subject, hidden, proof))
        judgement = self._judge(view, row, subject, hidden, proof)
        if judgement.state is VerificationState.WAITING:
            return self._view(row)
        return self._finish(view, row, judgement)

    # --- opening ------------------------------------------------------------------------------------------------------

    def _opening(
        self, view: SessionView, factor: Factor, subject: Subject, order_no: str
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """(for the client, for our eyes only)."""
        if factor is Factor.LOCAL_FACE:
            return self._local_face.challenge()
        if factor is Factor.FINGERPRINT:
            challenge = secrets.token_hex(16)
            return {"challenge": challenge}, {"challenge": challenge}
        certifier = self._providers.certifiers.get(factor)
        if certifier is None:
            return {}, {}
        identity = self._identity(view)
        try:
            ticket = certifier.begin(
                order_no=order_no, open_id=identity.open_id, name=subject.name, id_number=subject.id_number
            )
        except Unavailable as error:
            error.extra["factors"] = self._factors.alternatives(view, factor)
            raise
        return dict(ticket.client_params), {"ticket": ticket.ticket}

    def _require_face_worker(self, view: SessionView) -> None:
        health = self._factors.face_health()
        if health is not FaceHealth.OK:
            factors = self._factors.alternatives(view, Factor.LOCAL_FACE)
            raise Unavailable("face_unavailable", extra={"health": health.value, "factors": factors})

    # --- judging ------------------------------------------------------------------------------------------------------

    def _judge(
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
            return PASSED if ok else _failed("code_wrong")
        if row.factor is Factor.TOTP:
            ok = subject.graduate_id is not None and self._totp.verify(subject.graduate_id, _required(proof, "code"))
            return PASSED if ok else _failed("code_wrong")
        if row.factor is Factor.PHONE:
            return self._judge_phone(view, subject, _required(proof, "proof"))
        if row.factor is Factor.FINGERPRINT:
            return self._judge_fingerprint(view, hidden, proof)
        return self._judge_platform_face(view, row, subject, hidden)

    def _judge_phone(self, view: SessionView, subject: Subject, proof: str) -> Judgement:
        identity = self._identity(view)
        number = self._providers.phones[identity.platform].phone_number(identity.open_id, proof)
        same = bool(subject.phone) and hmac.compare_digest(normalise_phone(number), normalise_phone(subject.phone))
        return PASSED if same else _failed("phone_differs")

    def _judge_fingerprint(self, view: SessionView, hidden: Mapping[str, Any], proof: Mapping[str, str]) -> Judgement:
        if self._providers.fingerprint is None:
            raise Unavailable("fingerprint_unavailable")
        text = _required(proof, "json_string")
        try:
            raw = json.loads(text).get("raw", "")
        except (ValueError, AttributeError):
            return _failed("fingerprint_malformed")
        # WeChat vouches for the signature; that it answers *our* challenge only we can tell
        if not isinstance(raw, str) or not hmac.compare_digest(raw.encode(), str(hidden["challenge"]).encode()):
            return _failed("challenge_differs")
        signature = _required(proof, "json_signature")
        ok = self._providers.fingerprint.verify(self._identity(view).open_id, text, signature)
        return PASSED if ok else _failed("fingerprint_refused")

    def _judge_platform_face(
        self, view: SessionView, row: Verification, subject: Subject, hidden: Mapping[str, Any]
    ) -> Judgement:
        outcome = self._providers.certifiers[row.factor].result(
            order_no=row.order_no,
            ticket=hidden["ticket"],
            open_id=self._identity(view).open_id,
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

    # --- finishing ----------------------------------------------------------------------------------------------------

    def _finish(self, view: SessionView, row: Verification, judgement: Judgement) -> VerificationView:
        """Settle the row once; a second finisher gets Conflict."""
        subject = self._subject(view)
        if judgement.passed and subject.graduate_id is None:
            # only now, after a real proof, may the person learn that no graduate fits the claim
            judgement = _failed("claim_not_matched")
        issued, tries_left = None, None
        with self._db.transaction() as session:
            held = session.get_one(Verification, row.id, with_for_update=True)
            session.refresh(held)
            if held.finished_at is not None:
                raise Conflict("verification_state", params={"state": held.state.value})
            held.state, held.reason, held.finished_at = judgement.state, judgement.reason, self._clock.now()
            if judgement.passed and subject.graduate_id is not None:
                issued = self._grant(session, view, held, subject.graduate_id)
                self._lockouts.clear(session, held.factor.value, subject.lock)
            elif judgement.counts:
                tries_left = self._lockouts.fail(session, held.factor.value, subject.lock)
            self._log.record(
                session,
                view.actor,
                "verification.passed" if judgement.passed else "verification.failed",
                graduate_id=subject.graduate_id if judgement.passed else None,
                object_kind="verification",
                object_id=held.id,
                data={"factor": held.factor.value, "purpose": held.purpose.value, "reason": judgement.reason},
            )
        alternatives = () if judgement.passed else tuple(self._factors.alternatives(view, held.factor))
        return self._view(held, alternatives=alternatives, issued=issued, tries_left=tries_left)

    def _grant(self, session: Session, view: SessionView, row: Verification, graduate_id: UUID) -> Issued:
        if not view.bound and view.actor.identity_id is not None:
            again = self._people.bind(session, view.actor.identity_id, graduate_id)
            event_id = self._log.record(
                session,
                view.actor,
                "account.rebound" if again else "account.bound",
                graduate_id=graduate_id,
                object_kind="identity",
                object_id=view.actor.identity_id,
                data={"factor": row.factor.value},
            )
            self._queue.enqueue(session, Announce(event_id))
        proof = Proof(row.factor, row.purpose, self._clock.now())
        return self._sessions.add_proof(session, view.id, proof, graduate_id)

    # --- inside -------------------------------------------------------------------------------------------------------

    def _subject(self, view: SessionView) -> Subject:
        if view.bound:
            card = self._people.graduate(view.actor.id).card
            lock = self._people.id_number_index(card.id_number).hex()
            return Subject(view.actor.id, card.name, card.id_number, card.phone, lock)
        if view.claim_id is None:
            raise Forbidden("claim_required")
        person = self._claims.person(view.claim_id)
        lock = self._people.id_number_index(person.id_number).hex()
        return Subject(person.graduate_id, person.name, person.id_number, "", lock)

    def _identity(self, view: SessionView) -> IdentityView:
        if view.actor.identity_id is None:
            raise Forbidden("role_required")
        return self._people.identity(view.actor.identity_id)

    def _own(self, view: SessionView, verification_id: UUID) -> Verification:
        with self._db.transaction() as session:
            row = session.get(Verification, verification_id)
        if row is None or row.session_id != view.id:
            raise NotFound("verification_not_found")
        return row

    @staticmethod
    def _view(
        row: Verification,
        *,
        client: Mapping[str, Any] | None = None,
        alternatives: tuple[str, ...] = (),
        issued: Issued | None = None,
        tries_left: int | None = None,
    ) -> VerificationView:
        return VerificationView(
            row.id,
            row.factor,
            row.purpose,
            row.state,
            row.reason,
            row.expires_at,
            client or {},
            tries_left,
            alternatives,
            issued,
        )


def _required(proof: Mapping[str, str], name: str) -> str:
    value = proof.get(name, "")
    if not value:
        raise Invalid("invalid_input", faults=[FieldFault(f"/{name}", "required")])
    return value
