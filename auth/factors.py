"""Which factors a person may use here and now, and whether the face worker can take work."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.actors import Actor
from app.db import Database, new_id
from app.errors import Forbidden, Invalid
from app.events import EventLog
from app.ports import Cache, Clock, Platform
from auth import rules
from auth.models import Consent, GraduateTotp, Verification, VerificationState
from auth.rules import FACTORS, Factor, Situation
from auth.sessions import SessionView

FACE_HEARTBEAT = "face-worker-alive"
SLOW_AFTER = timedelta(seconds=20)
CONSENT_TEXT_VERSION = "2026-1"
CONSENT_KINDS = ("face",)


class FaceHealth(StrEnum):
    OK = "ok"
    SLOW = "slow"
    DOWN = "down"
    OFF = "off"


@dataclass(frozen=True, slots=True)
class FacePolicy:
    """Operator's configuration: which verifiers serve which channel (2-domain §6)."""

    enabled: bool
    verifiers: Mapping[Platform, Sequence[str]]


class FactorService:
    def __init__(self, db: Database, policy: FacePolicy, cache: Cache, log: EventLog, clock: Clock) -> None:
        self._db, self._policy, self._cache, self._log, self._clock = db, policy, cache, log, clock

    def offered(self, view: SessionView) -> tuple[Factor, ...]:
        """Factors open to this session now."""
        if view.platform is None:
            return ()
        has_totp = False
        if view.bound:
            with self._db.transaction() as session:
                has_totp = self._has_totp(session, view)
        situation = Situation(
            platform=view.platform,
            bound=view.bound,
            claimed=view.claim_id is not None,
            face_verifiers=self._policy.verifiers.get(view.platform, ()),
            face_enabled=self._policy.enabled,
            has_totp=has_totp,
            shown=frozenset(FACTORS[p.factor].family for p in view.proofs),
        )
        return rules.available(situation)

    @staticmethod
    def _has_totp(session: Session, view: SessionView) -> bool:
        found = session.scalar(select(GraduateTotp.confirmed_at).where(GraduateTotp.graduate_id == view.actor.id))
        return found is not None

    def require(self, view: SessionView, factor: Factor) -> None:
        """Raises Forbidden("factor_not_offered") with the open ones; local face on WeChat ends here."""
        if factor not in self.offered(view):
            raise Forbidden("factor_not_offered", extra={"factors": self.alternatives(view, factor)})

    def alternatives(self, view: SessionView, tried: Factor) -> list[str]:
        return [f.value for f in self.offered(view) if f is not tried]

    # --- the face worker's state --------------------------------------------------------------------------------------

    def face_health(self) -> FaceHealth:
        """From the worker's heartbeat and the age of the oldest waiting clip."""
        if not self._policy.enabled:
            return FaceHealth.OFF
        if self._cache.get(FACE_HEARTBEAT) is None:
            return FaceHealth.DOWN
        with self._db.transaction() as session:
            oldest = session.scalar(
                select(func.min(Verification.queued_at)).where(
                    Verification.state == VerificationState.QUEUED, Verification.expires_at > self._clock.now()
                )
            )
        late = oldest is not None and self._clock.now() - oldest > SLOW_AFTER
        return FaceHealth.SLOW if late else FaceHealth.OK

    # --- consent ------------------------------------------------------------------------------------------------------

    def set_consent(self, actor: Actor, kind: str, *, granted: bool) -> None:
        """Separate, withdrawable consent (人脸识别技术应用安全管理办法). Every change is a row."""
        if kind not in CONSENT_KINDS:
            raise Invalid("unknown_consent")
        if actor.identity_id is None:
            raise Forbidden("role_required")
        with self._db.transaction() as session:
            row = Consent(
                id=new_id(),
                identity_id=actor.identity_id,
                kind=kind,
                text_version=CONSENT_TEXT_VERSION,
                granted=granted,
                at=self._clock.now(),
            )
            session.add(row)
            self._log.record(
                session,
                actor,
                "consent.given" if granted else "consent.withdrawn",
                object_kind="consent",
                object_id=row.id,
                data={"kind": kind, "text_version": CONSENT_TEXT_VERSION},
            )

    def has_consent(self, actor: Actor, kind: str) -> bool:
        with self._db.transaction() as session:
            newest = session.scalar(
                select(Consent)
                .where(Consent.identity_id == actor.identity_id, Consent.kind == kind)
                .order_by(Consent.at.desc())
                .limit(1)
            )
        return newest is not None and newest.granted and newest.text_version == CONSENT_TEXT_VERSION
