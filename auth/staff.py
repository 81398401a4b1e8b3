"""Staff accounts: argon2id + TOTP, recovery codes, and the way back after a lost authenticator."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol
from uuid import UUID

import pyotp
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy import delete, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.actors import SYSTEM, Actor, ActorKind, Role
from app.db import Database, new_id
from app.envelope import seal_json
from app.errors import Conflict, FieldFault, Forbidden, Invalid, NotFound, Unauthenticated
from app.events import EventLog
from app.keyring import Keyring
from app.people.models import StaffMember
from app.ports import Clock, RateLimiter
from auth.lockouts import Lockouts
from auth.places import staff_totp_place
from auth.sessions import Issued, SessionService
from auth.staff_factors import TOTP, StaffFactors
from auth.staff_models import LinkKind, StaffLink, StaffPasskey

MIN_PASSWORD, MAX_PASSWORD = 12, 200


@dataclass(frozen=True, slots=True)
class StaffView:
    id: UUID
    username: str
    display_name: str
    roles: frozenset[Role]
    disabled: bool
    must_change_password: bool
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Credentials:
    """Shown once: to the person who sets up the account."""

    staff_id: UUID
    username: str
    password: str = field(repr=False)
    totp_secret: str = field(repr=False)
    totp_uri: str = field(repr=False)
    recovery_codes: tuple[str, ...] = field(repr=False)


def _staff_view(row: StaffMember) -> StaffView:
    roles = frozenset(Role(r) for r in row.roles)
    disabled = row.disabled_at is not None
    return StaffView(row.id, row.username, row.display_name, roles, disabled, row.must_change_password, row.created_at)


def person_faults(username: str, display_name: str) -> list[FieldFault]:
    """What is wrong with the names of an account, at /username and /display_name."""
    name, faults = username.strip().lower(), []
    if not (2 <= len(name) <= 40) or not all(c.isascii() and (c.isalnum() or c in "._-") for c in name):
        faults.append(FieldFault("/username", "letters_and_digits_only"))
    shown = display_name.strip()
    if not (1 <= len(shown) <= 40) or not shown.isprintable():
        faults.append(FieldFault("/display_name", "required"))
    return faults


def password_fault(password: str) -> str:
    """too_short, too_long, or empty when it may be one."""
    return "too_short" if len(password) < MIN_PASSWORD else "too_long" if len(password) > MAX_PASSWORD else ""


class OpenWork(Protocol):
    """What a member of staff who leaves still holds: wiring plugs the room that knows."""

    def hand_over(self, session: Session, actor: Actor, staff_id: UUID) -> int:
        """In the caller's transaction; gives how many pieces of work went back to the team."""
        ...


class Mailboxes(Protocol):
    """Where staff get letters of their own: wiring plugs the room that keeps them."""

    def close(self, session: Session, actor: Actor, staff_id: UUID) -> None:
        """In the caller's transaction: nothing goes there any more."""
        ...


class StaffService:
    def __init__(
        self,
        db: Database,
        keys: Keyring,
        sessions: SessionService,
        lockouts: Lockouts,
        limits: RateLimiter,
        log: EventLog,
        clock: Clock,
        issuer: str,
        hasher: PasswordHasher,
        factors: StaffFactors,
        open_work: OpenWork | None = None,
        mailboxes: Mailboxes | None = None,
    ) -> None:
        self._db, self._keys, self._sessions, self._lockouts = db, keys, sessions, lockouts
        self._limits, self._log, self._clock, self._issuer = limits, log, clock, issuer
        self._hasher, self._factors, self._open_work, self._mailboxes = hasher, factors, open_work, mailboxes
        # verified when there is no such account, so that both ways cost the same
        self._decoy = self._hasher.hash(secrets.token_urlsafe(16))

    # --- signing in ---------------------------------------------------------------------------------------------------

    def sign_in(self, username: str, password: str, second: str, address: str, device: str = "") -> Issued:
        """``second`` is the current TOTP or a recovery code. Raises Unauthenticated('sign_in_refused'), which does not
        say which part was wrong, and RateLimited.
        """
        name = username.strip().lower()
        self._limits.hit("staff-address", address, limit=20, window_s=300)
        self._lockouts.check("staff", name)
        with self._db.transaction() as session:
            row = session.scalar(select(StaffMember).where(StaffMember.username == name))
        known = row is not None and row.disabled_at is None
        # who has no password costs the same as who has a wrong one, and as who does not exist
        password_ok = self._password_ok((row.password_hash if row is not None else "") or self._decoy, password)
        with self._db.transaction() as session:
            shown = self._factors.second(session, row.id, second) if row is not None and known and password_ok else None
            if row is not None and shown is not None:
                self._lockouts.clear(session, "staff", name)
                # a recovery code opens the door; it is no fresh factor for what asks for one
                fresh = shown if shown == TOTP else ""
                issued = self._sessions.open_staff(session, row.id, factor=fresh, device=device)
                self._log.record(
                    session,
                    Actor(ActorKind.STAFF, row.id),
                    "staff.signed_in",
                    object_kind="session",
                    object_id=issued.session_id,
                    data={"factor": shown},
                )
                return issued
            self._lockouts.fail(session, "staff", name)
            self._log.record(session, SYSTEM, "staff.sign_in_refused", object_id=row.id if row else None)
        raise Unauthenticated("sign_in_refused")

    def _password_ok(self, stored: str, password: str) -> bool:
        try:
            return self._hasher.verify(stored, password)
        except (VerificationError, InvalidHashError):
            return False

    # --- accounts -----------------------------------------------------------------------------------------------------

    def add(
        self, actor: Actor, username: str, display_name: str, roles: Iterable[Role], *, same_person_as: str = ""
    ) -> Credentials:
        """By the command line (system) or an administrator. Raises Conflict('username_taken'), Invalid, NotFound.

        ``same_person_as`` names another account of the same natural person: the two are one pair of eyes.
        """
        self._require_admin(actor)
        name, wanted = username.strip().lower(), sorted({Role(r).value for r in roles})
        faults = person_faults(username, display_name)
        if not wanted:
            faults.append(FieldFault("/roles", "required"))
        if faults:
            raise Invalid("invalid_input", faults=faults)
        password = "-".join(secrets.token_hex(3) for _ in range(3))
        row = StaffMember(
            id=new_id(),
            username=name,
            display_name=display_name.strip(),
            person_key=self._person_key(same_person_as),
            roles=wanted,
            password_hash=self._hasher.hash(password),
            totp_last_step=0,
            must_change_password=True,
            created_at=self._clock.now(),
        )
        secret = self._new_totp(row)
        try:
            with self._db.transaction() as session:
                session.add(row)
                session.flush()
                codes = self._factors.new_recovery_codes(session, row.id)
                self._log.record(
                    session, actor, "staff.added", object_kind="staff", object_id=row.id, data={"roles": wanted}
                )
        except IntegrityError:
            raise Conflict("username_taken") from None
        return Credentials(row.id, name, password, secret, self._uri(secret, name), codes)

    def reset_authenticator(self, actor: Actor, username: str) -> Credentials:
        """At the command line alone, for a house with one administrator: new password, TOTP secret and recovery codes,
        no passkeys, every session ended. Else two administrators replace them: auth/replacements.py.
        """
        if actor.kind is not ActorKind.SYSTEM:
            raise Forbidden("role_required")
        password = "-".join(secrets.token_hex(3) for _ in range(3))
        with self._db.transaction() as session:
            row = session.scalar(
                select(StaffMember).where(StaffMember.username == username.strip().lower()).with_for_update()
            )
            if row is None:
                raise NotFound("staff_not_found")
            secret = self._new_totp(row)
            row.password_hash, row.must_change_password = self._hasher.hash(password), True
            session.execute(delete(StaffPasskey).where(StaffPasskey.staff_id == row.id))
            codes = self._factors.new_recovery_codes(session, row.id)
            self._lockouts.clear(session, "staff", row.username)
            self._sessions.revoke_all(session, actor, row.id)
            self._log.record(session, actor, "staff.authenticator_reset", object_kind="staff", object_id=row.id)
        return Credentials(row.id, row.username, password, secret, self._uri(secret, row.username), codes)

    def disable(self, actor: Actor, username: str) -> int:
        """Close an account: its sessions end at once, its mailbox is forgotten and its open work goes back to the team;
        gives how much.

        Raises NotFound, Forbidden, Conflict('own_account').
        """
        self._require_admin(actor)
        with self._db.transaction() as session:
            # all administrators in one order: two who close each other must not leave none
            administrators = session.scalars(
                select(StaffMember)
                .where(StaffMember.disabled_at.is_(None), StaffMember.roles.contains([Role.ADMINISTRATOR.value]))
                .order_by(StaffMember.id)
                .with_for_update()
            ).all()
            row = session.scalar(
                select(StaffMember).where(StaffMember.username == username.strip().lower()).with_for_update()
            )
            if row is None:
                raise NotFound("staff_not_found")
            if row.id == actor.id:
                raise Conflict("own_account")
            if actor.kind is not ActorKind.SYSTEM and actor.id not in {a.id for a in administrators}:
                raise Forbidden("role_required")  # closed by the other one meanwhile
            row.disabled_at = row.disabled_at or self._clock.now()
            self._sessions.revoke_all(session, actor, row.id)
            self._withdraw_invitations(session, actor, row.id)
            if self._mailboxes is not None:
                self._mailboxes.close(session, actor, row.id)
            moved = self._open_work.hand_over(session, actor, row.id) if self._open_work is not None else 0
            data = {"handed_over": moved}
            self._log.record(session, actor, "staff.disabled", object_kind="staff", object_id=row.id, data=data)
            return moved

    def _withdraw_invitations(self, session: Session, actor: Actor, staff_id: UUID) -> None:
        """Whoever is out of the house lets nobody in."""
        withdrawn = session.scalars(
            update(StaffLink)
            .where(
                StaffLink.kind == LinkKind.INVITATION,
                StaffLink.created_by == staff_id,
                StaffLink.used_at.is_(None),
                StaffLink.revoked_at.is_(None),
            )
            .values(revoked_at=self._clock.now())
            .returning(StaffLink.id)
        ).all()
        for link_id in withdrawn:
            self._log.record(session, actor, "staff.link_revoked", object_kind="staff_link", object_id=link_id)

    def change_password(self, actor: Actor, current: str, new: str) -> None:
        """Raises Invalid (code_wrong on the current one, too_short)."""
        code = password_fault(new)
        if code or new == current:
            raise Invalid("invalid_input", faults=[FieldFault("/new_password", code or "unchanged")])
        with self._db.transaction() as session:
            row = session.get_one(StaffMember, actor.id)
        if not self._password_ok(row.password_hash, current):
            raise Invalid("invalid_input", faults=[FieldFault("/current_password", "wrong")])
        hashed = self._hasher.hash(new)
        with self._db.transaction() as session:
            row = session.get_one(StaffMember, actor.id, with_for_update=True)
            row.password_hash, row.must_change_password = hashed, False
            # whoever knew the old password is out; the one who changed it stays
            self._sessions.revoke_all(session, actor, actor.id, but=actor.session_id)
            self._log.record(session, actor, "staff.password_changed", object_kind="staff", object_id=row.id)

    def view(self, staff_id: UUID) -> StaffView:
        with self._db.transaction() as session:
            row = session.get(StaffMember, staff_id)
        if row is None:
            raise NotFound("staff_not_found")
        return _staff_view(row)

    def list_all(self, actor: Actor) -> list[StaffView]:
        """Every account by user name, for administrators."""
        self._require_admin(actor)
        with self._db.transaction() as session:
            return [_staff_view(row) for row in session.scalars(select(StaffMember).order_by(StaffMember.username))]

    def colleagues(self, actor: Actor) -> list[StaffView]:
        """Open accounts by name, for every member of staff."""
        if actor.kind is not ActorKind.STAFF:
            raise Forbidden("role_required")
        query = select(StaffMember).where(StaffMember.disabled_at.is_(None))
        with self._db.transaction() as session:
            return [_staff_view(r) for r in session.scalars(query.order_by(StaffMember.display_name, StaffMember.id))]

    def any_exists(self) -> bool:
        with self._db.transaction() as session:
            return session.scalar(select(StaffMember.id).limit(1)) is not None

    # --- inside -------------------------------------------------------------------------------------------------------

    @staticmethod
    def _require_admin(actor: Actor) -> None:
        if actor.kind is not ActorKind.SYSTEM and not actor.has_role(Role.ADMINISTRATOR):
            raise Forbidden("role_required")

    def _person_key(self, username: str) -> UUID:
        if not username:
            return new_id()
        with self._db.transaction() as session:
            found = session.scalar(
                select(StaffMember.person_key).where(StaffMember.username == username.strip().lower())
            )
        if found is None:
            raise NotFound("staff_not_found")
        return found

    def _new_totp(self, row: StaffMember) -> str:
        secret = pyotp.random_base32()
        row.sealed_totp = seal_json(self._keys.house(), staff_totp_place(row.id), {"secret": secret})
        row.totp_last_step = 0
        return secret

    def _uri(self, secret: str, username: str) -> str:
        return pyotp.TOTP(secret).provisioning_uri(name=username, issuer_name=self._issuer)
