"""Showing a factor: begin, submit, finish. Record – call – record: no provider is called inside a transaction."""

from __future__ import annotations

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
from app.errors import Conflict, Forbidden, NotFound, Unavailable
from app.events import EventLog
from app.jobs import Announce, JobQueue
from app.keyring import Keyring
from app.people.service import PeopleService
from app.ports import (
    Clock,
    FaceFrame,
    RateLimiter,
)
from auth.claims import ClaimService
from auth.factors import FaceHealth, FactorService
from auth.judging import FactorJudge, Judgement, Subject, failed
from auth.local_face import LocalFace
from auth.lockouts import Lockouts
from auth.models import Verification, VerificationState
from auth.places import state_place
from auth.rules import FACE_FACTORS, Factor, Proof
from auth.sessions import Issued, SessionService, SessionView

LIFE = timedelta(minutes=10)


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
        judge: FactorJudge,
        local_face: LocalFace,
        limits: RateLimiter,
        queue: JobQueue,
        log: EventLog,
        clock: Clock,
    ) -> None:
        self._db, self._keys, self._people, self._sessions = db, keys, people, sessions
        self._claims, self._factors, self._lockouts = claims, factors, lockouts
        self._judge, self._local_face = judge, local_face
        self._limits = limits
        self._queue, self._log, self._clock = queue, log, clock

    # --- public -------------------------------------------------------------------------------------------------------

    def begin(self, view: SessionView, factor: Factor, purpose: Purpose) -> VerificationView:
        """Raises Forbidden (factor_not_offered, consent_required, wrong_purpose), RateLimited, Unavailable."""
        if (purpose is Purpose.BIND) == view.bound:
            raise Forbidden("wrong_purpose", extra={"purpose": Purpose.BIND.value})
        self._factors.require(view, factor)
        subject = self._subject(view)
        self._lockouts.check(factor.value, subject.lock)
        # every beginning may be a call on the school's account with the platform
        self._limits.hit("verify-begin", str(view.actor.identity_id), limit=20, window_s=600)
        self._limits.hit("verify-subject", subject.lock, limit=40, window_s=3600)
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
        if not self._factors.has_consent(view.actor, "face"):
            raise Forbidden("consent_required", extra={"consent": "face"})
        self._limits.hit("face-clips", str(view.actor.identity_id), limit=12, window_s=600)
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
                return self._finish(view, row, self._judge.judge(view, row, subject, hidden, proof))
        judgement = self._judge.judge(view, row, subject, hidden, proof)
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
        certifier = self._judge.certifier(factor)
        if certifier is None:
            return {}, {}
        identity = self._judge.identity(view)
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

    # --- finishing ----------------------------------------------------------------------------------------------------

    def _finish(self, view: SessionView, row: Verification, judgement: Judgement) -> VerificationView:
        """Settle the row once; a second finisher gets Conflict."""
        subject = self._subject(view)
        if judgement.passed and subject.graduate_id is None:
            # only now, after a real proof, may the person learn that no graduate fits the claim
            judgement = failed("claim_not_matched")
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
            # a key of its own: strangers who fail with this person's ID number must not lock the owner out
            lock = f"bound:{view.actor.id}"
            return Subject(view.actor.id, card.name, card.id_number, card.phone, lock)
        if view.claim_id is None:
            raise Forbidden("claim_required")
        person = self._claims.person(view.claim_id)
        lock = self._people.id_number_index(person.id_number).hex()
        return Subject(person.graduate_id, person.name, person.id_number, "", lock)

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
