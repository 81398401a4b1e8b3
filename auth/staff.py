"""Staff accounts: argon2id + TOTP, recovery codes, and the way back after a lost authenticator."""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

import pyotp
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy import delete, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.actors import SYSTEM, Actor, ActorKind, Role
from app.db import Database, new_id
from app.envelope import open_json, seal_json
from app.errors import Conflict, FieldFault, Forbidden, Invalid, NotFound, Unauthenticated
from app.events import EventLog
from app.keyring import Keyring
from app.people.models import StaffMember, StaffRecoveryCode
from app.ports import Clock, RateLimiter
from auth.lockouts import Lockouts
from auth.places import staff_totp_place
from auth.sessions import Issued, SessionService
from auth.totp import matching_step

RECOVERY_CODES = 8
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


class StaffService:
    def __init__(
        self,
        db: Database,
        keys: Keyring,
        sessions: SessionService,
        lockouts: Lockouts,
        limits: RateLimiter,
        pepper: bytes,
        log: EventLog,
        clock: Clock,
        issuer: str,
        hasher: PasswordHasher,
    ) -> None:
        self._db, self._keys, self._sessions, self._lockouts = db, keys, sessions, lockouts
        self._limits, self._pepper, self._log, self._clock, self._issuer = limits, pepper, log, clock, issuer
        self._hasher = hasher
        # verified when there is no such account, so that both ways cost the same
        self._decoy = self._hasher.hash(secrets.token_urlsafe(16))

    # --- signing in ---------------------------------------------------------------------------------------------------

    def sign_in(self, username: str, password: str, second: str, address: str) -> Issued:
        """``second`` is the current TOTP or a recovery code. Raises Unauthenticated('sign_in_refused'), which does not
        say which part was wrong, and RateLimited.
        """
        name = username.strip().lower()
        self._limits.hit("staff-address", address, limit=20, window_s=300)
        self._lockouts.check("staff", name)
        with self._db.transaction() as session:
            row = session.scalar(select(StaffMember).where(StaffMember.username == name))
        known = row is not None and row.disabled_at is None
        password_ok = self._password_ok(row.password_hash if row is not None else self._decoy, password)
        with self._db.transaction() as session:
            if row is not None and known and password_ok and self._second_ok(session, row.id, second):
                self._lockouts.clear(session, "staff", name)
                issued = self._sessions.open_staff(session, row.id)
                actor = Actor(ActorKind.STAFF, row.id)
                self._log.record(session, actor, "staff.signed_in", object_kind="session", object_id=issued.session_id)
                return issued
            self._lockouts.fail(session, "staff", name)
            self._log.record(session, SYSTEM, "staff.sign_in_refused", object_id=row.id if row else None)
        raise Unauthenticated("sign_in_refused")

    def _password_ok(self, stored: str, password: str) -> bool:
        try:
            return self._hasher.verify(stored, password)
        except (VerificationError, InvalidHashError):
            return False

    def _second_ok(self, session: Session, staff_id: UUID, second: str) -> bool:
        row = session.get_one(StaffMember, staff_id, with_for_update=True)
        session.refresh(row)
        secret = open_json(self._keys.house(), staff_totp_place(row.id), row.sealed_totp)["secret"]
        step = matching_step(secret, second, self._clock.now(), row.totp_last_step)
        if step is not None:
            row.totp_last_step = step
            return True
        code = session.scalar(
            select(StaffRecoveryCode).where(
                StaffRecoveryCode.staff_id == staff_id,
                StaffRecoveryCode.code_hash == self._code_hash(second),
                StaffRecoveryCode.used_at.is_(None),
            )
        )
        if code is None:
            return False
        code.used_at = self._clock.now()
        self._log.record(session, Actor(ActorKind.STAFF, staff_id), "staff.recovery_code_used")
        return True

    def _code_hash(self, code: str) -> bytes:
        plain = "".join(c for c in code.upper() if c.isalnum())
        return hmac.digest(self._pepper, b"recovery" + plain.encode(), "sha256")

    # --- accounts -----------------------------------------------------------------------------------------------------

    def add(
        self, actor: Actor, username: str, display_name: str, roles: Iterable[Role], *, same_person_as: str = ""
    ) -> Credentials:
        """By the command line (system) or an administrator. Raises Conflict('username_taken'), Invalid, NotFound.

        ``same_person_as`` names another account of the same natural person: the two are one pair of eyes.
        """
        self._require_admin(actor)
        name, wanted = username.strip().lower(), sorted({Role(r).value for r in roles})
        faults = []
        if not (2 <= len(name) <= 40) or not all(c.isascii() and (c.isalnum() or c in "._-") for c in name):
            faults.append(FieldFault("/username", "letters_and_digits_only"))
        if not (1 <= len(display_name.strip()) <= 40):
            faults.append(FieldFault("/display_name", "required"))
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
                codes = self._new_codes(session, row.id)
                self._log.record(
                    session, actor, "staff.added", object_kind="staff", object_id=row.id, data={"roles": wanted}
                )
        except IntegrityError:
            raise Conflict("username_taken") from None
        return Credentials(row.id, name, password, secret, self._uri(secret, name), codes)

    def reset_authenticator(self, actor: Actor, username: str) -> Credentials:
        """After a lost TOTP: new secret, new recovery codes, new password, every session ended."""
        self._require_admin(actor)
        password = "-".join(secrets.token_hex(3) for _ in range(3))
        with self._db.transaction() as session:
            row = session.scalar(
                select(StaffMember).where(StaffMember.username == username.strip().lower()).with_for_update()
            )
            if row is None:
                raise NotFound("staff_not_found")
            secret = self._new_totp(row)
            row.password_hash, row.must_change_password = self._hasher.hash(password), True
            codes = self._new_codes(session, row.id)
            self._lockouts.clear(session, "staff", row.username)
            self._sessions.revoke_all(session, actor, row.id)
            self._log.record(session, actor, "staff.authenticator_reset", object_kind="staff", object_id=row.id)
        return Credentials(row.id, row.username, password, secret, self._uri(secret, row.username), codes)

    def disable(self, actor: Actor, username: str) -> None:
        """Close an account: its sessions end at once. Raises NotFound, Conflict('own_account')."""
        self._require_admin(actor)
        with self._db.transaction() as session:
            row = session.scalar(
                select(StaffMember).where(StaffMember.username == username.strip().lower()).with_for_update()
            )
            if row is None:
                raise NotFound("staff_not_found")
            if row.id == actor.id:
                raise Conflict("own_account")
            row.disabled_at = row.disabled_at or self._clock.now()
            self._sessions.revoke_all(session, actor, row.id)
            self._log.record(session, actor, "staff.disabled", object_kind="staff", object_id=row.id)

    def change_password(self, actor: Actor, current: str, new: str) -> None:
        """Raises Invalid (code_wrong on the current one, too_short)."""
        code = "too_short" if len(new) < MIN_PASSWORD else "too_long" if len(new) > MAX_PASSWORD else ""
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

    def _new_codes(self, session: Session, staff_id: UUID) -> tuple[str, ...]:
        session.execute(delete(StaffRecoveryCode).where(StaffRecoveryCode.staff_id == staff_id))
        codes = tuple(f"{secrets.token_hex(3)}-{secrets.token_hex(3)}".upper() for _ in range(RECOVERY_CODES))
        session.add_all(StaffRecoveryCode(id=new_id(), staff_id=staff_id, code_hash=self._code_hash(c)) for c in codes)
        return codes
