"""Staff for service tests: rows without a password, because nobody signs in here."""

from __future__ import annotations

import uuid
from collections.abc import Callable

import pytest

from app.actors import Actor, ActorKind, Role
from app.people.models import StaffMember
from parts import Lantai

Clerk = Callable[..., Actor]


@pytest.fixture
def clerk(lantai: Lantai) -> Clerk:
    """Adds a member of staff who has just shown a factor; ``person`` names the natural person when two accounts are one
    pair of eyes.
    """

    def make(*roles: Role, person: uuid.UUID | None = None) -> Actor:
        wanted = roles or (Role.ARCHIVIST,)
        row = StaffMember(
            id=uuid.uuid4(),
            username=f"clerk-{uuid.uuid4().hex[:8]}",
            display_name="员工",
            person_key=person or uuid.uuid4(),
            roles=[r.value for r in wanted],
            password_hash="-",
            sealed_totp=b"-",
            created_at=lantai.clock.now(),
        )
        with lantai.db.transaction() as session:
            session.add(row)
        return Actor(ActorKind.STAFF, row.id, roles=frozenset(wanted), factor_at=lantai.clock.now())

    return make
