"""Who of the desk is there to be given work."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.corrections.queues import DESK_ROLES
from app.people.models import StaffMember


class Presence(Protocol):
    """Members of staff who are not away. Wiring plugs the room that knows of absences and stand-ins."""

    def present_members(self, session: Session) -> Sequence[UUID]: ...


def present_on_desk(session: Session, presence: Presence) -> list[UUID]:
    """Those of the present who have a role of the desk, in a fixed order."""
    here = presence.present_members(session)
    query = select(StaffMember.id).where(
        StaffMember.id.in_(here),
        StaffMember.disabled_at.is_(None),
        StaffMember.roles.overlap([r.value for r in DESK_ROLES]),
    )
    return list(session.scalars(query.order_by(StaffMember.created_at, StaffMember.id)))
