"""Redeeming a one-time link: choosing name and factors, as a new member of staff or after a lost authenticator."""

from __future__ import annotations

from dataclasses import dataclass, field
from uuid import UUID

from argon2 import PasswordHasher
from sqlalchemy import delete, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.actors import Actor, ActorKind
from app.db import Database
from app.envelope import seal_json
from app.errors import Conflict, FieldFault, Invalid, NotFound
from app.events import EventLog
from app.keyring import Keyring
from app.people.models import StaffMember, StaffRecoveryCode
from app.people.staff_notices import StaffNotices
from app.ports import Clock
from auth.ceremonies import Begun, Ceremonies
from auth.links import Offer, StaffLinks
from auth.lockouts import Lockouts
from auth.passkeys import PasskeyService, clean_name
from auth.places import staff_totp_place
from auth.sessions import Issued, SessionService
from auth.staff import password_fault, person_faults
from auth.staff_factors import PASSKEY, TOTP, StaffFactors
from auth.staff_models import CeremonyKind, LinkKind, ReplacementState, StaffLink, StaffPasskey, StaffReplacement
from auth.totp import matching_step


@dataclass(frozen=True, slots=True)
class Newcomer:
    """What the holder of a link writes; for a replacement the account's own names stay."""

    username: str
    display_name: str


@dataclass(frozen=True, slots=True)
class Welcomed:
    """Signed in; ``recovery_codes`` are shown once, and none belong to passkeys alone."""

    session: Issued
    recovery_codes: tuple[str, ...] = field(default=(), repr=False)


class EnrolmentService:
    def __init__(
        self,
        db: Database,
        keys: Keyring,
        links: StaffLinks,
        ceremonies: Ceremonies,
        passkeys: PasskeyService,
        factors: StaffFactors,
        sessions: SessionService,
        lockouts: Lockouts,
        notices: StaffNotices,
        log: EventLog,
        clock: Clock,
        hasher: PasswordHasher,
    ) -> None:
        self._db, self._keys, self._links, self._ceremonies, self._passkeys = db, keys, links, ceremonies, passkeys
        self._factors, self._sessions, self._lockouts, self._notices = factors, sessions, lockouts, notices
        self._log, self._clock, self._hasher = log, clock, hasher

    def offer(self, code: str, address: str) -> Offer:
        """Raises NotFound('link_not_found'), RateLimited."""
        return self._links.offer(code, address)

    def by_password(
        self, code: str, address: str, who: Newcomer, password: str, second: str, device: str = ""
    ) -> Welcomed:
        """Password and one-time password. Raises NotFound, RateLimited, Invalid, Conflict('username_taken')."""
        offer = self._links.offer(code, address)
        faults = self._name_faults(offer, who)
        fault = password_fault(password)
        if fault:
            faults.append(FieldFault("/password", fault))
        step = matching_step(offer.totp_secret, second, self._clock.now(), 0)
        if step is None:
            faults.append(FieldFault("/second", "wrong"))
        if faults or step is None:
            raise Invalid("invalid_input", faults=faults)
        hashed = self._hasher.hash(password)
        try:
            with self._db.transaction() as session:
                link, member = self._taken(session, code, who)
                member.password_hash, member.totp_last_step = hashed, step
                secret = {"secret": self._links.secret_of(link)}
                member.sealed_totp = seal_json(self._keys.house(), staff_totp_place(member.id), secret)
                session.flush()
                codes = self._factors.new_recovery_codes(session, member.id)
                return Welcomed(self._finish(session, link, member, TOTP, device), codes)
        except IntegrityError:
            raise Conflict("username_taken") from None

    def begin_passkey(self, code: str, address: str, who: Newcomer) -> Begun:
        """Raises NotFound, RateLimited, Invalid by field, Conflict('passkeys_off')."""
        offer = self._links.offer(code, address)
        faults = self._name_faults(offer, who)
        if faults:
            raise Invalid("invalid_input", faults=faults)
        with self._db.transaction() as session:
            staff_id = self._staff_id(self._links.open_row(session, code))
        username = offer.username or who.username.strip().lower()
        display_name = offer.display_name if offer.username else who.display_name.strip()
        return self._ceremonies.begin_create(CeremonyKind.ENROL, offer.id, staff_id, username, display_name)

    def by_passkey(
        self,
        code: str,
        address: str,
        who: Newcomer,
        name: str,
        ceremony_id: UUID,
        answer: str,
        device: str = "",
    ) -> Welcomed:
        """A passkey and no password. Raises as ``by_password``, and Conflict('passkey_taken')."""
        offer = self._links.offer(code, address)
        faults = self._name_faults(offer, who)
        if faults:
            raise Invalid("invalid_input", faults=faults)
        name = clean_name(name)
        challenge = self._ceremonies.spend(CeremonyKind.ENROL, offer.id, ceremony_id)
        made = self._ceremonies.created(challenge, answer)
        try:
            with self._db.transaction() as session:
                link, member = self._taken(session, code, who)
                member.password_hash, member.sealed_totp = "", None
                session.flush()
                self._passkeys.attach(session, Actor(ActorKind.STAFF, member.id), member.id, name, made)
                return Welcomed(self._finish(session, link, member, PASSKEY, device))
        except IntegrityError:
            raise Conflict("username_taken") from None

    # --- inside -------------------------------------------------------------------------------------------------------

    @staticmethod
    def _name_faults(offer: Offer, who: Newcomer) -> list[FieldFault]:
        return [] if offer.kind is LinkKind.REPLACEMENT else person_faults(who.username, who.display_name)

    @staticmethod
    def _staff_id(link: StaffLink) -> UUID:
        """A newcomer's account takes the link's random id, so that it is known before the passkey is made."""
        return link.staff_id if link.staff_id is not None else link.id

    def _taken(self, session: Session, code: str, who: Newcomer) -> tuple[StaffLink, StaffMember]:
        """The link, locked, and its account: a new row, or the old one without any of its factors."""
        link = self._links.open_row(session, code, lock=True)
        now = self._clock.now()
        if link.kind is LinkKind.INVITATION:
            member = StaffMember(
                id=self._staff_id(link),
                username=who.username.strip().lower(),
                display_name=who.display_name.strip(),
                person_key=link.person_key,
                roles=list(link.roles),
                password_hash="",
                totp_last_step=0,
                must_change_password=False,
                created_at=now,
            )
            session.add(member)
        else:
            found = session.get(StaffMember, link.staff_id, with_for_update=True)
            if found is None or found.disabled_at is not None:
                raise NotFound("link_not_found")
            member = found
            member.must_change_password = False
            session.execute(delete(StaffPasskey).where(StaffPasskey.staff_id == member.id))
            session.execute(delete(StaffRecoveryCode).where(StaffRecoveryCode.staff_id == member.id))
            self._lockouts.clear(session, "staff", member.username)
            self._sessions.revoke_all(session, Actor(ActorKind.STAFF, member.id), member.id)
        link.used_at = now
        return link, member

    def _finish(self, session: Session, link: StaffLink, member: StaffMember, factor: str, device: str) -> Issued:
        actor = Actor(ActorKind.STAFF, member.id)
        link.staff_id = member.id
        kind = "staff.joined" if link.kind is LinkKind.INVITATION else "staff.authenticator_replaced"
        self._log.record(
            session,
            actor,
            kind,
            object_kind="staff",
            object_id=member.id,
            data={"factor": factor, "link": str(link.id), "roles": list(member.roles)},
        )
        replacement = session.scalar(select(StaffReplacement).where(StaffReplacement.link_id == link.id))
        if replacement is not None:
            replacement.state = ReplacementState.DONE
            self._notices.tell(session, member.id, "replacement_done", replacement.id)
        return self._sessions.open_staff(session, member.id, factor=factor, device=device)
