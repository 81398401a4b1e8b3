"""Who may act here, and which natural person an account belongs to."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.actors import Actor, ActorKind, Role
from app.errors import FieldFault, Forbidden, Invalid
from app.people.models import StaffMember


def require(actor: Actor, roles: Sequence[Role]) -> None:
    """The operator at the command line may do what staff may. Raises Forbidden('role_required')."""
    if actor.kind is ActorKind.SYSTEM:
        return
    if actor.kind is not ActorKind.STAFF or not actor.has_role(*roles):
        raise Forbidden("role_required")


def person_of(session: Session, staff_id: UUID) -> UUID:
    return session.scalars(select(StaffMember.person_key).where(StaffMember.id == staff_id)).one()


def serving(session: Session, staff_id: UUID, pointer: str, role: Role | None = None) -> StaffMember:
    """An open account, with the role if one is named. Raises Invalid at ``pointer``."""
    row = session.get(StaffMember, staff_id)
    if row is None or row.disabled_at is not None or (role is not None and role.value not in row.roles):
        raise Invalid("invalid_input", faults=[FieldFault(pointer, "unknown_colleague")])
    return row


def names(session: Session, staff_ids: Sequence[UUID | None]) -> dict[UUID, str]:
    wanted = [i for i in staff_ids if i is not None]
    rows = session.execute(select(StaffMember.id, StaffMember.display_name).where(StaffMember.id.in_(wanted)))
    return {row.id: row.display_name for row in rows}


def colleagues(session: Session) -> list[tuple[UUID, str, frozenset[Role]]]:
    """Open accounts: (id, name, roles), by name."""
    rows = session.scalars(
        select(StaffMember).where(StaffMember.disabled_at.is_(None)).order_by(StaffMember.display_name, StaffMember.id)
    )
    return [(r.id, r.display_name, frozenset(Role(x) for x in r.roles)) for r in rows]
