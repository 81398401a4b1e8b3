"""The first rung: a platform's login code, or a campus terminal's credential, becomes an L0 session."""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from app.actors import SYSTEM, Actor, ActorKind
from app.db import Database, new_id
from app.errors import Conflict, Invalid, NotFound
from app.events import EventLog
from app.people.models import IdentityState
from app.people.service import PeopleService
from app.ports import Clock, LoginCodeRejected, Platform, PlatformAccount, PlatformLogin, RateLimiter
from auth.models import CampusTerminal
from auth.sessions import Issued, SessionService


class LoginService:
    def __init__(
        self,
        db: Database,
        people: PeopleService,
        sessions: SessionService,
        logins: Mapping[Platform, PlatformLogin],
        limits: RateLimiter,
        pepper: bytes,
        log: EventLog,
        clock: Clock,
    ) -> None:
        self._db, self._people, self._sessions = db, people, sessions
        self._logins, self._limits, self._pepper, self._log, self._clock = logins, limits, pepper, log, clock

    def login(self, platform: Platform, code: str, address: str) -> tuple[Issued, bool]:
        """(token, is the account bound). Raises LoginCodeRejected, LoginRefusedByPlatform, RateLimited, Unavailable."""
        self._limits.hit("login-address", address, limit=60, window_s=60)
        account = self._terminal(code) if platform is Platform.CAMPUS_TERMINAL else self._exchange(platform, code)
        with self._db.transaction() as session:
            identity = self._people.remember_identity(session, account)
            issued = self._sessions.open_graduate(session, identity)
            bound = identity.state is IdentityState.BOUND
            actor = Actor(ActorKind.GRADUATE, identity.graduate_id or identity.id)
            self._log.record(
                session,
                actor,
                "session.opened",
                graduate_id=identity.graduate_id if bound else None,
                object_kind="session",
                object_id=issued.session_id,
                data={"platform": platform.value},
            )
        return issued, bound

    def _exchange(self, platform: Platform, code: str) -> PlatformAccount:
        login = self._logins.get(platform)
        if login is None:
            raise Invalid("platform_not_offered")
        return login.exchange_code(code)

    def _terminal(self, credential: str) -> PlatformAccount:
        """Every use of a terminal is an account of its own: nothing stays bound to the machine."""
        digest = self._credential_hash(credential)
        with self._db.transaction() as session:
            row = session.scalar(
                select(CampusTerminal).where(
                    CampusTerminal.credential_hash == digest, CampusTerminal.disabled_at.is_(None)
                )
            )
        if row is None:
            raise LoginCodeRejected()
        return PlatformAccount(Platform.CAMPUS_TERMINAL, str(row.id), secrets.token_hex(16))

    def add_terminal(self, name: str) -> tuple[UUID, str]:
        """(id, credential shown once). Raises Conflict for a name in use."""
        credential = secrets.token_urlsafe(32)
        row = CampusTerminal(
            id=new_id(), name=name, credential_hash=self._credential_hash(credential), created_at=self._clock.now()
        )
        try:
            with self._db.transaction() as session:
                session.add(row)
                session.flush()
                self._log.record(session, SYSTEM, "terminal.added", object_kind="terminal", object_id=row.id)
        except IntegrityError:
            raise Conflict("terminal_name_taken") from None
        return row.id, credential

    def terminals(self) -> list[tuple[str, datetime, bool]]:
        """(name, added, in service) by name."""
        with self._db.transaction() as session:
            rows = session.scalars(select(CampusTerminal).order_by(CampusTerminal.name))
            return [(r.name, r.created_at, r.disabled_at is None) for r in rows]

    def disable_terminal(self, name: str) -> None:
        """A lost or stolen machine: its credential is dead and its living sessions end. Raises NotFound."""
        with self._db.transaction() as session:
            row = session.scalar(select(CampusTerminal).where(CampusTerminal.name == name).with_for_update())
            if row is None:
                raise NotFound("terminal_not_found")
            row.disabled_at = row.disabled_at or self._clock.now()
            for identity_id in self._people.identities_of_app(session, Platform.CAMPUS_TERMINAL, str(row.id)):
                self._sessions.revoke_account(session, identity_id)
            self._log.record(session, SYSTEM, "terminal.disabled", object_kind="terminal", object_id=row.id)

    def _credential_hash(self, credential: str) -> bytes:
        return hmac.digest(self._pepper, b"terminal" + credential.encode(), "sha256")
