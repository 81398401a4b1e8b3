"""Opaque sessions. PostgreSQL is asked on every request: a revocation acts on the next one in every worker.

Read without a cache on purpose: one look-up by a unique index costs less than a stale cache could cost a graduate.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Protocol
from uuid import UUID

from sqlalchemy import ColumnElement, Row, bindparam, false, select, update
from sqlalchemy.orm import Session

from app.actors import Actor, ActorKind, Assurance, Purpose, Role
from app.db import Database, new_id
from app.errors import NotFound, Unauthenticated
from app.events import EventLog
from app.people.models import IdentityState, PlatformIdentity, StaffMember
from app.people.service import IdentityView
from app.ports import Clock, Platform
from auth import rules
from auth.models import Claim, LoginSession
from auth.rules import Factor, Proof

SEEN_STEP = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class Lifetime:
    idle: timedelta
    absolute: timedelta


LIFETIMES = {
    ActorKind.GRADUATE: Lifetime(timedelta(minutes=30), timedelta(hours=12)),
    ActorKind.STAFF: Lifetime(timedelta(minutes=15), timedelta(hours=8)),
}
TERMINAL_LIFETIME = Lifetime(timedelta(minutes=5), timedelta(minutes=30))


@dataclass(frozen=True, slots=True)
class Issued:
    """A token is shown once, here."""

    session_id: UUID
    token: str = field(repr=False)
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class SessionView:
    """What a guard needs to know beyond the actor."""

    id: UUID
    actor: Actor
    kind: ActorKind
    platform: Platform | None
    bound: bool
    claim_id: UUID | None
    proofs: Sequence[Proof]
    created_at: datetime
    seen_at: datetime
    expires_at: datetime


# columns, not entities, and built once: this runs on every request
_SESSION = (
    select(
        *LoginSession.__table__.c,
        PlatformIdentity.state.label("identity_state"),
        PlatformIdentity.graduate_id,
        StaffMember.roles.label("staff_roles"),
        StaffMember.disabled_at.label("staff_disabled_at"),
    )
    .outerjoin(PlatformIdentity, PlatformIdentity.id == LoginSession.identity_id)
    .outerjoin(StaffMember, StaffMember.id == LoginSession.subject_id)
    .where(LoginSession.token_hash == bindparam("token"))
)
_CLAIM = (
    select(Claim.id)
    .where(Claim.session_id == bindparam("session"), Claim.expires_at > bindparam("now"))
    .order_by(Claim.created_at.desc())
    .limit(1)
)


def _lifetime(kind: ActorKind, platform: Platform | None) -> Lifetime:
    return TERMINAL_LIFETIME if platform is Platform.CAMPUS_TERMINAL else LIFETIMES[kind]


def read_proofs(rows: Sequence[dict[str, Any]]) -> tuple[Proof, ...]:
    return tuple(Proof(Factor(r["factor"]), Purpose(r["purpose"]), datetime.fromisoformat(r["at"])) for r in rows)


class RoleConditions(Protocol):
    """What a role of staff may depend on beyond the account: see app/governance/training.py."""

    def asked(self) -> ColumnElement[bool]:
        """Whether anything is asked of any role now; a part of the session's own look-up, so that it costs no other."""
        ...

    def held_back(self, staff_id: UUID, roles: Iterable[Role]) -> frozenset[Role]:
        """Roles that do not take effect now."""
        ...


class SessionService:
    def __init__(
        self, db: Database, pepper: bytes, log: EventLog, clock: Clock, conditions: RoleConditions | None = None
    ) -> None:
        self._db, self._pepper, self._log, self._clock = db, pepper, log, clock
        self._conditions = conditions
        asked = conditions.asked() if conditions is not None else false()
        self._statement = _SESSION.add_columns(asked.label("conditions_asked"))

    def _hash(self, token: str) -> bytes:
        return hmac.digest(self._pepper, b"session" + token.encode(), "sha256")

    # --- opening ------------------------------------------------------------------------------------------------------

    def open_graduate(self, session: Session, identity: IdentityView) -> Issued:
        """A session of a platform account; its subject is the graduate once the account is bound."""
        bound = identity.state is IdentityState.BOUND and identity.graduate_id is not None
        subject = identity.graduate_id if bound and identity.graduate_id else identity.id
        return self._open(
            session, ActorKind.GRADUATE, subject, identity_id=identity.id, platform=identity.platform, bound=bound
        )

    def open_staff(self, session: Session, staff_id: UUID, *, factor: str = "", device: str = "") -> Issued:
        """``factor`` is what was shown to get here: it is fresh from now on. ``device`` is for the owner's own list."""
        issued = self._open(session, ActorKind.STAFF, staff_id, identity_id=None, platform=None, bound=True)
        row = session.get_one(LoginSession, issued.session_id)
        row.device = device[:60]
        if factor:
            row.factor, row.factor_at = factor, self._clock.now()
        return issued

    def _open(
        self,
        session: Session,
        kind: ActorKind,
        subject: UUID,
        *,
        identity_id: UUID | None,
        platform: Platform | None,
        bound: bool,
    ) -> Issued:
        token, now = secrets.token_urlsafe(32), self._clock.now()
        row = LoginSession(
            id=new_id(),
            token_hash=self._hash(token),
            kind=kind,
            subject_id=subject,
            identity_id=identity_id,
            platform=platform,
            bound=bound,
            proofs=[],
            created_at=now,
            seen_at=now,
            expires_at=now + _lifetime(kind, platform).absolute,
        )
        session.add(row)
        session.flush()
        return Issued(row.id, token, row.expires_at)

    # --- asking -------------------------------------------------------------------------------------------------------

    def resolve(self, token: str, request_id: str = "", *, passive: bool = False) -> SessionView:
        """Raises Unauthenticated (session_required, session_expired). ``passive``: a page asks by itself, which must
        not keep a session awake that nobody uses.
        """
        now = self._clock.now()
        row = self._db.look_up(self._statement, {"token": self._hash(token)})
        if row is None:
            raise Unauthenticated("session_required")
        idle = _lifetime(row.kind, row.platform).idle
        ended = row.revoked_at is not None or now >= row.expires_at or now - row.seen_at > idle
        # a bound session dies with the binding, and a staff session with the account
        if row.kind is ActorKind.STAFF:
            ended = ended or row.staff_roles is None or row.staff_disabled_at is not None
        elif row.bound:
            ended = ended or row.identity_state is not IdentityState.BOUND or row.graduate_id != row.subject_id
        if ended:
            raise Unauthenticated("session_expired")
        if now - row.seen_at > SEEN_STEP and not passive:
            with self._db.transaction() as session:
                session.execute(update(LoginSession).where(LoginSession.id == row.id).values(seen_at=now))
        claim = None
        if row.kind is ActorKind.GRADUATE and not row.bound:
            claim = self._db.look_up(_CLAIM, {"session": row.id, "now": now})
        return self._view(row, claim.id if claim is not None else None, request_id)

    def _effective_roles(self, row: Row[Any]) -> frozenset[Role]:
        """The account's roles but for those that wait for a certificate; asked anew on every request."""
        if row.kind is not ActorKind.STAFF or not row.staff_roles:
            return frozenset()
        roles = frozenset(Role(r) for r in row.staff_roles)
        if self._conditions is None or not row.conditions_asked:
            return roles
        return roles - self._conditions.held_back(row.subject_id, roles)

    def _view(self, row: Row[Any], claim_id: UUID | None, request_id: str) -> SessionView:
        proofs = read_proofs(row.proofs)
        graduate = row.kind is ActorKind.GRADUATE
        actor = Actor(
            kind=row.kind,
            id=row.subject_id,
            roles=self._effective_roles(row),
            assurance=rules.assurance(bound=row.bound, claimed=claim_id is not None, proofs=proofs)
            if graduate
            else Assurance.L3_STEPPED_UP,
            session_id=row.id,
            identity_id=row.identity_id,
            step_ups=rules.step_ups(proofs) if graduate and row.bound else (),
            request_id=request_id,
            factor_at=None if graduate else row.factor_at,
        )
        return SessionView(
            row.id,
            actor,
            row.kind,
            row.platform,
            row.bound,
            claim_id,
            proofs,
            row.created_at,
            row.seen_at,
            row.expires_at,
        )

    # --- stepping up --------------------------------------------------------------------------------------------------

    def add_proof(self, session: Session, session_id: UUID, proof: Proof, graduate_id: UUID) -> Issued:
        """Record a factor shown, bind the session to the graduate and issue a new token; the old one is dead."""
        row = session.get_one(LoginSession, session_id, with_for_update=True)
        if row.revoked_at is not None:
            raise Unauthenticated("session_expired")
        token = secrets.token_urlsafe(32)
        row.token_hash = self._hash(token)
        row.subject_id, row.bound = graduate_id, True
        row.proofs = [
            *row.proofs,
            {"factor": proof.factor.value, "purpose": proof.purpose.value, "at": proof.at.isoformat()},
        ]
        row.seen_at = self._clock.now()
        return Issued(row.id, token, row.expires_at)

    def show_factor(self, session: Session, actor: Actor, factor: str) -> datetime:
        """Note a factor that staff showed anew; gives when. Raises Unauthenticated('session_expired')."""
        row = session.get(LoginSession, actor.session_id, with_for_update=True) if actor.session_id else None
        if row is None or row.revoked_at is not None or row.subject_id != actor.id:
            raise Unauthenticated("session_expired")
        row.factor, row.factor_at = factor, self._clock.now()
        self._log.record(
            session, actor, "staff.stepped_up", object_kind="session", object_id=row.id, data={"factor": factor}
        )
        return row.factor_at

    # --- ending -------------------------------------------------------------------------------------------------------

    def revoke(self, actor: Actor, session_id: UUID | None = None) -> None:
        """End one's own session. Raises NotFound for another's."""
        wanted = session_id or actor.session_id
        with self._db.transaction() as session:
            row = session.scalar(
                select(LoginSession).where(LoginSession.id == wanted, LoginSession.subject_id == actor.id)
            )
            if row is None:
                raise NotFound("session_not_found")
            row.revoked_at = row.revoked_at or self._clock.now()
            self._log.record(
                session,
                actor,
                "session.ended",
                graduate_id=self._graduate(actor),
                object_kind="session",
                object_id=row.id,
            )

    def revoke_all(self, session: Session, actor: Actor, subject_id: UUID, *, but: UUID | None = None) -> int:
        """Log a person out everywhere (``but`` names a session that stays); gives how many sessions ended."""
        now = self._clock.now()
        living = LoginSession.subject_id == subject_id, LoginSession.revoked_at.is_(None)
        ending = update(LoginSession).where(*living)
        if but is not None:
            ending = ending.where(LoginSession.id != but)
        result = session.execute(ending.values(revoked_at=now))
        self._log.record(session, actor, "session.all_ended", graduate_id=self._graduate(actor))
        return int(getattr(result, "rowcount", 0))

    def revoke_account(self, session: Session, identity_id: UUID) -> None:
        """End every session of one platform account."""
        session.execute(
            update(LoginSession)
            .where(LoginSession.identity_id == identity_id, LoginSession.revoked_at.is_(None))
            .values(revoked_at=self._clock.now())
        )

    def revoke_everywhere(self, actor: Actor) -> int:
        with self._db.transaction() as session:
            return self.revoke_all(session, actor, actor.id)

    def list_own(self, actor: Actor) -> list[tuple[UUID, Platform | None, datetime, datetime, bool]]:
        """(id, platform, created, last seen, is this one) of the living sessions, newest first."""
        now = self._clock.now()
        with self._db.transaction() as session:
            rows = session.scalars(
                select(LoginSession)
                .where(
                    LoginSession.subject_id == actor.id,
                    LoginSession.revoked_at.is_(None),
                    LoginSession.expires_at > now,
                )
                .order_by(LoginSession.created_at.desc())
                .limit(100)
            ).all()
        alive = [r for r in rows if now - r.seen_at <= _lifetime(r.kind, r.platform).idle]
        return [(r.id, r.platform, r.created_at, r.seen_at, r.id == actor.session_id) for r in alive]

    @staticmethod
    def _graduate(actor: Actor) -> UUID | None:
        return actor.id if actor.kind is ActorKind.GRADUATE else None
