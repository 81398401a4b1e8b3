"""Staff at the door: accounts, passkeys, one-time passwords, invitations and links."""

from __future__ import annotations

from typing import TypedDict

from argon2 import PasswordHasher

from app.settings import Settings
from auth.ceremonies import Ceremonies, RelyingParty
from auth.enrolment import EnrolmentService
from auth.links import StaffLinks
from auth.passkeys import PasskeyService
from auth.replacements import ReplacementService
from auth.staff import Mailboxes, OpenWork, StaffService
from auth.staff_factors import StaffFactors
from auth.staff_sessions import StaffSessions
from wired.access import AccessParts
from wired.ground import Ground


class StaffParts(TypedDict):
    staff: StaffService
    staff_factors: StaffFactors
    staff_sessions: StaffSessions
    passkeys: PasskeyService
    links: StaffLinks
    enrolment: EnrolmentService
    replacements: ReplacementService


def wire_staff(ground: Ground, access: AccessParts, held: OpenWork, mailboxes: Mailboxes) -> StaffParts:
    """``held`` knows what a member of staff who leaves still holds, ``mailboxes`` where they got letters."""
    db, keys, log, clock, pepper = ground.db, ground.keys, ground.log, ground.clock, ground.pepper
    sessions, lockouts, limits = access["sessions"], access["lockouts"], ground.outside.limits
    notices, office, hasher = ground.staff_notices, ground.office, _hasher(ground.settings)
    factors = StaffFactors(db, keys, sessions, lockouts, pepper, log, clock)
    ceremonies = Ceremonies(db, clock, _relying_party(ground))
    passkeys = PasskeyService(db, ceremonies, sessions, limits, log, clock)
    links = StaffLinks(db, keys, limits, pepper, log, clock, office)
    return {
        "staff": StaffService(
            db, keys, sessions, lockouts, limits, log, clock, office, hasher, factors, held, mailboxes
        ),
        "staff_factors": factors,
        "staff_sessions": StaffSessions(db, sessions, log, clock),
        "passkeys": passkeys,
        "links": links,
        "enrolment": EnrolmentService(
            db, keys, links, ceremonies, passkeys, factors, sessions, lockouts, notices, log, clock, hasher
        ),
        "replacements": ReplacementService(db, links, notices, log, clock),
    }


def _hasher(settings: Settings) -> PasswordHasher:
    return PasswordHasher(time_cost=settings.password_passes, memory_cost=settings.password_memory_kib, parallelism=2)


def _relying_party(ground: Ground) -> RelyingParty | None:
    origin = ground.settings.passkey_origin
    return RelyingParty(ground.settings.passkey_domain_used, origin, ground.office) if origin else None
