"""Who acts: the one value every service method receives instead of a session or a request."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import IntEnum, StrEnum
from uuid import UUID


class ActorKind(StrEnum):
    GRADUATE = "graduate"
    STAFF = "staff"
    PARTNER = "partner"
    SYSTEM = "system"


class Role(StrEnum):
    """Staff roles. Administrators manage accounts and never read dossiers."""

    ARCHIVIST = "archivist"
    REVIEWER = "reviewer"
    DISPATCHER = "dispatcher"
    AUDITOR = "auditor"
    ADMINISTRATOR = "administrator"


class Assurance(IntEnum):
    """The ladder of docs/architecture.md: how sure we are of a graduate."""

    L0_SESSION = 0
    L1_CLAIMED = 1
    L2_PROOFED = 2
    L3_STEPPED_UP = 3


class Purpose(StrEnum):
    """What a step-up was made for; a proof for one purpose does not open another."""

    BIND = "bind"
    VIEW_DOSSIER = "view_dossier"
    CORRECT = "correct"
    DESTINATION = "destination"
    MANAGE_ACCOUNT = "manage_account"


FRESHNESS = timedelta(seconds=300)
"""For staff's factor too: how long one counts for an act that asks for a fresh one."""


@dataclass(frozen=True, slots=True)
class StepUp:
    """A second, different factor shown at ``at`` (UTC) for one purpose."""

    purpose: Purpose
    at: datetime


@dataclass(frozen=True, slots=True)
class Actor:
    """The person or machine behind a call.

    ``id`` is the graduate's, staff member's or partner's public id (the nil UUID for the system);
    ``identity_id`` is the platform identity a graduate came with; ``factor_at`` is when a member of staff last showed
    passkey or one-time password in this session.
    """

    kind: ActorKind
    id: UUID
    roles: frozenset[Role] = frozenset()
    assurance: Assurance = Assurance.L0_SESSION
    session_id: UUID | None = None
    identity_id: UUID | None = None
    step_ups: tuple[StepUp, ...] = field(default=())
    request_id: str = ""
    factor_at: datetime | None = None

    def has_role(self, *roles: Role) -> bool:
        return bool(self.roles.intersection(roles))

    def stepped_up_for(self, purpose: Purpose, now: datetime) -> bool:
        """True while an L3 step-up for this purpose is at most FRESHNESS old."""
        return any(s.purpose == purpose and timedelta(0) <= now - s.at <= FRESHNESS for s in self.step_ups)

    def fresh_factor(self, now: datetime, max_age: timedelta = FRESHNESS) -> bool:
        """True while the factor last shown in a session of staff is at most ``max_age`` old."""
        return self.factor_at is not None and timedelta(0) <= now - self.factor_at <= max_age


SYSTEM = Actor(ActorKind.SYSTEM, UUID(int=0))
