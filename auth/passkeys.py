"""Staff's passkeys: signing in without a name, stepping up, several per person, and never none."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.actors import SYSTEM, Actor, ActorKind
from app.db import Database, new_id
from app.errors import Conflict, FieldFault, Invalid, NotFound, StepUpRequired, Unauthenticated
from app.events import EventLog
from app.people.models import StaffMember
from app.ports import Clock, RateLimiter
from auth.ceremonies import Begun, Ceremonies, NewCredential, read_answer
from auth.sessions import Issued, SessionService
from auth.staff_factors import PASSKEY
from auth.staff_models import CeremonyKind, StaffPasskey

MAX_NAME, MAX_PASSKEYS = 40, 10


@dataclass(frozen=True, slots=True)
class PasskeyView:
    """``synced``: the authenticator's maker keeps a copy, so that a lost device loses nothing."""

    id: UUID
    name: str
    synced: bool
    created_at: datetime
    last_used_at: datetime | None


def has_password(row: StaffMember) -> bool:
    """Password and one-time password are a way in of their own only together."""
    return bool(row.password_hash) and row.sealed_totp is not None


def clean_name(name: str) -> str:
    """Raises Invalid at /passkey_name."""
    found = " ".join(name.split())
    if not 1 <= len(found) <= MAX_NAME or not found.isprintable():
        raise Invalid("invalid_input", faults=[FieldFault("/passkey_name", "required" if not found else "too_long")])
    return found


class PasskeyService:
    def __init__(
        self,
        db: Database,
        ceremonies: Ceremonies,
        sessions: SessionService,
        limits: RateLimiter,
        log: EventLog,
        clock: Clock,
    ) -> None:
        self._db, self._ceremonies, self._sessions = db, ceremonies, sessions
        self._limits, self._log, self._clock = limits, log, clock

    @property
    def origin(self) -> str:
        """Where passkeys work; empty where they do not."""
        return self._ceremonies.party.origin if self._ceremonies.offered else ""

    # --- signing in ---------------------------------------------------------------------------------------------------

    def begin_sign_in(self, address: str) -> Begun:
        """Raises RateLimited, Conflict('passkeys_off')."""
        self._limits.hit("staff-passkey", address, limit=30, window_s=300)
        return self._ceremonies.begin_get(CeremonyKind.SIGN_IN, None)

    def sign_in(self, ceremony_id: UUID, answer: str, address: str, device: str = "") -> Issued:
        """Raises Unauthenticated('passkey_refused') whatever was wrong, and RateLimited."""
        self._limits.hit("staff-address", address, limit=20, window_s=300)
        try:
            challenge = self._ceremonies.spend(CeremonyKind.SIGN_IN, None, ceremony_id)
            with self._db.transaction() as session:
                passkey = self._named(session, answer)
                self._ceremonies.asserted(challenge, answer, passkey)
                issued = self._sessions.open_staff(session, passkey.staff_id, factor=PASSKEY, device=device)
                self._log.record(
                    session,
                    Actor(ActorKind.STAFF, passkey.staff_id),
                    "staff.signed_in",
                    object_kind="session",
                    object_id=issued.session_id,
                    data={"factor": PASSKEY},
                )
                return issued
        except Invalid:
            with self._db.transaction() as session:
                self._log.record(session, SYSTEM, "staff.sign_in_refused", data={"factor": PASSKEY})
        raise Unauthenticated("passkey_refused")

    # --- stepping up --------------------------------------------------------------------------------------------------

    def begin_step_up(self, actor: Actor) -> Begun:
        """Raises NotFound('passkey_not_found') for who has none."""
        with self._db.transaction() as session:
            present = self._present(session, actor.id)
        if not present:
            raise NotFound("passkey_not_found")
        return self._ceremonies.begin_get(CeremonyKind.STEP_UP, actor.session_id, present)

    def step_up(self, actor: Actor, ceremony_id: UUID, answer: str) -> datetime:
        """Show a passkey of one's own again in this session; gives when. Raises Invalid('passkey_refused')."""
        challenge = self._ceremonies.spend(CeremonyKind.STEP_UP, actor.session_id, ceremony_id)
        with self._db.transaction() as session:
            passkey = self._named(session, answer)
            if passkey.staff_id != actor.id:
                raise Invalid("passkey_refused")
            self._ceremonies.asserted(challenge, answer, passkey)
            return self._sessions.show_factor(session, actor, PASSKEY)

    # --- one's own ----------------------------------------------------------------------------------------------------

    def begin_registration(self, actor: Actor) -> Begun:
        """Raises StepUpRequired('fresh_factor_required'), Conflict (passkeys_off, too_many_passkeys)."""
        self._require_fresh(actor)
        with self._db.transaction() as session:
            row = session.get_one(StaffMember, actor.id)
            present = self._present(session, actor.id)
        if len(present) >= MAX_PASSKEYS:
            raise Conflict("too_many_passkeys")
        assert actor.session_id is not None
        return self._ceremonies.begin_create(
            CeremonyKind.REGISTER, actor.session_id, row.id, row.username, row.display_name, present
        )

    def register(self, actor: Actor, ceremony_id: UUID, answer: str, name: str) -> None:
        """Raises Invalid (passkey_refused, or by field), StepUpRequired, Conflict('passkey_taken')."""
        self._require_fresh(actor)
        name = clean_name(name)
        challenge = self._ceremonies.spend(CeremonyKind.REGISTER, actor.session_id, ceremony_id)
        made = self._ceremonies.created(challenge, answer)
        with self._db.transaction() as session:
            session.get_one(StaffMember, actor.id, with_for_update=True)
            self.attach(session, actor, actor.id, name, made)

    def attach(self, session: Session, actor: Actor, staff_id: UUID, name: str, made: NewCredential) -> None:
        """In the caller's transaction. Raises Conflict (passkey_taken, too_many_passkeys)."""
        if session.scalar(select(StaffPasskey.id).where(StaffPasskey.credential_id == made.credential_id)):
            raise Conflict("passkey_taken")
        if len(self._present(session, staff_id)) >= MAX_PASSKEYS:
            raise Conflict("too_many_passkeys")
        row = StaffPasskey(
            id=new_id(),
            staff_id=staff_id,
            name=name,
            credential_id=made.credential_id,
            public_key=made.public_key,
            sign_count=made.sign_count,
            transports=list(made.transports),
            backed_up=made.backed_up,
            created_at=self._clock.now(),
        )
        try:
            session.add(row)
            session.flush()
        except IntegrityError:
            raise Conflict("passkey_taken") from None
        self._log.record(session, actor, "staff.passkey_added", object_kind="staff", object_id=staff_id)

    def list_own(self, actor: Actor) -> list[PasskeyView]:
        """Oldest first."""
        with self._db.transaction() as session:
            rows = session.scalars(
                select(StaffPasskey)
                .where(StaffPasskey.staff_id == actor.id)
                .order_by(StaffPasskey.created_at, StaffPasskey.id)
            )
            return [PasskeyView(r.id, r.name, r.backed_up, r.created_at, r.last_used_at) for r in rows]

    def rename(self, actor: Actor, passkey_id: UUID, name: str) -> None:
        """Raises NotFound for another's, Invalid."""
        name = clean_name(name)
        with self._db.transaction() as session:
            self._own(session, actor, passkey_id).name = name
            self._log.record(session, actor, "staff.passkey_renamed", object_kind="staff", object_id=actor.id)

    def remove(self, actor: Actor, passkey_id: UUID) -> None:
        """It opens nothing from now on. Raises NotFound, StepUpRequired, Conflict('last_factor')."""
        self._require_fresh(actor)
        with self._db.transaction() as session:
            # two removals at once must not take the last two
            owner = session.get_one(StaffMember, actor.id, with_for_update=True)
            row = self._own(session, actor, passkey_id)
            if not has_password(owner) and len(self._present(session, actor.id)) == 1:
                raise Conflict("last_factor")
            session.delete(row)
            self._log.record(session, actor, "staff.passkey_removed", object_kind="staff", object_id=actor.id)

    # --- inside -------------------------------------------------------------------------------------------------------

    def _require_fresh(self, actor: Actor) -> None:
        if not actor.fresh_factor(self._clock.now()):
            raise StepUpRequired("fresh_factor_required")

    @staticmethod
    def _present(session: Session, staff_id: UUID) -> list[str]:
        return list(session.scalars(select(StaffPasskey.credential_id).where(StaffPasskey.staff_id == staff_id)))

    @staticmethod
    def _own(session: Session, actor: Actor, passkey_id: UUID) -> StaffPasskey:
        row = session.get(StaffPasskey, passkey_id)
        if row is None or row.staff_id != actor.id:
            raise NotFound("passkey_not_found")
        return row

    @staticmethod
    def _named(session: Session, answer: str) -> StaffPasskey:
        """The passkey the browser says it used, of an open account, locked so that its counter only rises."""
        credential_id = read_answer(answer).get("id")
        row = (
            session.scalar(
                select(StaffPasskey)
                .join(StaffMember, StaffMember.id == StaffPasskey.staff_id)
                .where(StaffPasskey.credential_id == credential_id, StaffMember.disabled_at.is_(None))
                .with_for_update(of=StaffPasskey)
            )
            if isinstance(credential_id, str)
            else None
        )
        if row is None:
            raise Invalid("passkey_refused")
        return row
