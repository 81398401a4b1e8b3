"""One-time links of staff: an invitation makes an account, a replacement gives one new ways to sign in.

A link's code is shown once and kept as an HMAC; it travels in the fragment of the address, which browsers send to
nobody, and is redeemed by POST only.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

import pyotp
from sqlalchemy import and_, or_, select
from sqlalchemy.orm import Session, aliased

from app.actors import Actor, ActorKind, Role
from app.db import Database, new_id
from app.envelope import open_json, seal_json
from app.errors import Conflict, FieldFault, Forbidden, Invalid, NotFound
from app.events import EventLog
from app.keyring import Keyring
from app.people.models import StaffMember
from app.ports import Clock, RateLimiter
from auth.places import staff_link_place
from auth.staff_models import LinkKind, StaffLink

LINK_LIFE = timedelta(hours=72)
MAX_LABEL = 40
# long enough for an administrator's leave: an account opened meanwhile is still on their first page
SEEN_FOR = timedelta(days=30)


class LinkState(StrEnum):
    OPEN = "open"
    USED = "used"
    REVOKED = "revoked"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class IssuedLink:
    """``code`` is shown once, here."""

    id: UUID
    kind: LinkKind
    label: str
    code: str = field(repr=False)
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class LinkView:
    id: UUID
    label: str
    roles: frozenset[Role]
    state: LinkState
    created_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class OpenedAccount:
    """An account somebody else opened. ``invited_by`` is empty for the command line; ``same_person`` names the other
    accounts it was said to share its natural person with.
    """

    id: UUID
    display_name: str
    username: str
    roles: frozenset[Role]
    opened_at: datetime
    invited_by: str
    same_person: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Offer:
    """What the holder of a code sees. ``username`` is empty where they choose one."""

    id: UUID
    kind: LinkKind
    label: str
    roles: frozenset[Role]
    username: str
    display_name: str
    totp_secret: str = field(repr=False)
    totp_uri: str = field(repr=False)


def _require_admin(actor: Actor) -> None:
    if actor.kind is not ActorKind.SYSTEM and not actor.has_role(Role.ADMINISTRATOR):
        raise Forbidden("role_required")


def wanted_roles(roles: Iterable[Role]) -> list[str]:
    """Raises Invalid at /roles when none is named."""
    wanted = sorted({Role(r).value for r in roles})
    if not wanted:
        raise Invalid("invalid_input", faults=[FieldFault("/roles", "required")])
    return wanted


class StaffLinks:
    def __init__(
        self,
        db: Database,
        keys: Keyring,
        limits: RateLimiter,
        pepper: bytes,
        log: EventLog,
        clock: Clock,
        issuer: str,
    ) -> None:
        self._db, self._keys, self._limits, self._pepper = db, keys, limits, pepper
        self._log, self._clock, self._issuer = log, clock, issuer

    # --- administrators -----------------------------------------------------------------------------------------------

    def invite(self, actor: Actor, label: str, roles: Iterable[Role], *, same_person_as: str = "") -> IssuedLink:
        """``label`` is whom the administrator expects. Raises Forbidden, Invalid by field."""
        _require_admin(actor)
        label, wanted = " ".join(label.split()), wanted_roles(roles)
        if not 1 <= len(label) <= MAX_LABEL or not label.isprintable():
            raise Invalid("invalid_input", faults=[FieldFault("/label", "required" if not label else "too_long")])
        with self._db.transaction() as session:
            person = self._person(session, same_person_as)
            return self.issue(session, actor, LinkKind.INVITATION, label, wanted, person, None)

    def renew(self, actor: Actor, link_id: UUID) -> IssuedLink:
        """A new code for an unused invitation; the old one is void. Raises NotFound, Conflict('link_used')."""
        _require_admin(actor)
        with self._db.transaction() as session:
            row = self._invitation(session, link_id)
            row.revoked_at = row.revoked_at or self._clock.now()
            return self.issue(session, actor, row.kind, row.label, row.roles, row.person_key, None)

    def revoke(self, actor: Actor, link_id: UUID) -> None:
        """Raises NotFound, Conflict('link_used')."""
        _require_admin(actor)
        with self._db.transaction() as session:
            row = self._invitation(session, link_id)
            row.revoked_at = row.revoked_at or self._clock.now()
            self._log.record(session, actor, "staff.link_revoked", object_kind="staff_link", object_id=row.id)

    def invitations(self, actor: Actor) -> list[LinkView]:
        """The newest thirty that nobody withdrew."""
        _require_admin(actor)
        query = select(StaffLink).where(StaffLink.kind == LinkKind.INVITATION, StaffLink.revoked_at.is_(None))
        with self._db.transaction() as session:
            rows = session.scalars(query.order_by(StaffLink.created_at.desc(), StaffLink.id).limit(30))
            return [
                LinkView(
                    r.id,
                    r.label,
                    frozenset(Role(x) for x in r.roles),
                    self.state_of(r),
                    r.created_at,
                    r.expires_at,
                )
                for r in rows
            ]

    def opened_by_others(self, actor: Actor) -> list[OpenedAccount]:
        """Lately and newest first, so that no administrator opens an account unseen by the others."""
        _require_admin(actor)
        inviter = aliased(StaffMember)
        query = (
            select(StaffMember, inviter.display_name)
            .outerjoin(StaffLink, and_(StaffLink.staff_id == StaffMember.id, StaffLink.kind == LinkKind.INVITATION))
            .outerjoin(inviter, inviter.id == StaffLink.created_by)
            .where(
                StaffMember.created_at >= self._clock.now() - SEEN_FOR,
                StaffMember.id != actor.id,
                or_(StaffLink.created_by.is_(None), StaffLink.created_by != actor.id),
            )
            .order_by(StaffMember.created_at.desc(), StaffMember.id)
        )
        with self._db.transaction() as session:
            found = session.execute(query).all()
            twins: dict[UUID, list[StaffMember]] = {}
            for row in session.scalars(
                select(StaffMember)
                .where(StaffMember.person_key.in_([m.person_key for m, _ in found]))
                .order_by(StaffMember.username)
            ):
                twins.setdefault(row.person_key, []).append(row)
            return [
                OpenedAccount(
                    m.id,
                    m.display_name,
                    m.username,
                    frozenset(Role(r) for r in m.roles),
                    m.created_at,
                    name or "",
                    tuple(t.username for t in twins[m.person_key] if t.id != m.id),
                )
                for m, name in found
            ]

    def issue(
        self,
        session: Session,
        actor: Actor,
        kind: LinkKind,
        label: str,
        roles: Sequence[str],
        person_key: UUID,
        staff_id: UUID | None,
    ) -> IssuedLink:
        """In the caller's transaction."""
        code, now = secrets.token_urlsafe(24), self._clock.now()
        row = StaffLink(
            id=new_id(),
            kind=kind,
            code_hash=self._hash(code),
            label=label,
            roles=list(roles),
            person_key=person_key,
            staff_id=staff_id,
            created_by=actor.id,
            created_at=now,
            expires_at=now + LINK_LIFE,
        )
        row.sealed_totp = seal_json(self._keys.house(), staff_link_place(row.id), {"secret": pyotp.random_base32()})
        session.add(row)
        session.flush()
        self._log.record(
            session,
            actor,
            "staff.link_issued",
            object_kind="staff_link",
            object_id=row.id,
            data={"kind": kind.value, "roles": list(roles)},
        )
        return IssuedLink(row.id, kind, label, code, row.expires_at)

    # --- whoever holds the code ---------------------------------------------------------------------------------------

    def offer(self, code: str, address: str) -> Offer:
        """Raises NotFound('link_not_found') for an unknown, used, withdrawn or expired one alike, and RateLimited."""
        self._limits.hit("staff-link", address, limit=30, window_s=300)
        with self._db.transaction() as session:
            row = self.open_row(session, code)
            member = session.get(StaffMember, row.staff_id) if row.staff_id is not None else None
            secret = self.secret_of(row)
            name = member.username if member is not None else row.label
            return Offer(
                row.id,
                row.kind,
                row.label,
                frozenset(Role(r) for r in (member.roles if member is not None else row.roles)),
                member.username if member is not None else "",
                member.display_name if member is not None else row.label,
                secret,
                pyotp.TOTP(secret).provisioning_uri(name=name, issuer_name=self._issuer),
            )

    def open_row(self, session: Session, code: str, *, lock: bool = False) -> StaffLink:
        """Raises NotFound('link_not_found')."""
        query = select(StaffLink).where(StaffLink.code_hash == self._hash(code.strip()))
        row = session.scalar(query.with_for_update() if lock else query)
        if row is None or self.state_of(row) is not LinkState.OPEN:
            raise NotFound("link_not_found")
        return row

    def secret_of(self, row: StaffLink) -> str:
        return str(open_json(self._keys.house(), staff_link_place(row.id), row.sealed_totp)["secret"])

    def state_of(self, row: StaffLink) -> LinkState:
        if row.used_at is not None:
            return LinkState.USED
        if row.revoked_at is not None:
            return LinkState.REVOKED
        return LinkState.EXPIRED if self._clock.now() >= row.expires_at else LinkState.OPEN

    # --- inside -------------------------------------------------------------------------------------------------------

    def _hash(self, code: str) -> bytes:
        return hmac.digest(self._pepper, b"staff-link" + code.encode(), "sha256")

    @staticmethod
    def _invitation(session: Session, link_id: UUID) -> StaffLink:
        row = session.get(StaffLink, link_id, with_for_update=True)
        if row is None or row.kind is not LinkKind.INVITATION:
            raise NotFound("link_not_found")
        if row.used_at is not None:
            raise Conflict("link_used")
        return row

    @staticmethod
    def _person(session: Session, username: str) -> UUID:
        """Of another account of the same natural person, if one is named. Raises Invalid at /same_person_as."""
        if not username.strip():
            return new_id()
        found = session.scalar(select(StaffMember.person_key).where(StaffMember.username == username.strip().lower()))
        if found is None:
            raise Invalid("invalid_input", faults=[FieldFault("/same_person_as", "unknown_username")])
        return found
