"""Receivers that became doubtful while dossiers are on their way to them: expiring, expired, or not what was frozen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.actors import Actor, ActorKind
from app.db import Database
from app.errors import Forbidden
from app.receivers.rules import FIELD_LABELS, REFUSAL_WORDS, STANDING_LABELS, Standing
from app.receivers.service import ReceiverRegistry
from app.receivers.views import MovedOn
from app.transfers.models import Transfer
from app.transfers.service import MOVER_ROLES
from app.transfers.states import OPEN

MATTERS = frozenset({"kind", "name", "credit_code", "region_code", "address", "department", "postal_code", "phone"})
"""What stands on the envelope or says who opens it; another source or key changes nothing for a dossier on its way."""


@dataclass(frozen=True, slots=True)
class Concern:
    """One body as it was frozen. ``words`` say what became of it, ``late`` that it may not receive now, ``transfers``
    how many open ones go there.
    """

    receiver_id: UUID
    version: int
    name: str
    words: str
    late: bool
    transfers: int


class ReceiverWatch:
    def __init__(self, db: Database, registry: ReceiverRegistry) -> None:
        self._db, self._registry = db, registry

    def concerns(self, actor: Actor) -> Sequence[Concern]:
        """Bodies that may not receive now come first, then those most transfers go to. Raises Forbidden."""
        if actor.kind is not ActorKind.STAFF or not actor.has_role(*MOVER_ROLES):
            raise Forbidden("role_required")
        with self._db.transaction() as session:
            going = self._going(session)
            moved = self._registry.moved_on(session, list(going), self._registry.today)
        found = []
        for one in moved:
            words = _words(one)
            if words:
                name, number = going[one.id, one.frozen_version]
                late = one.refusal is not None
                found.append(Concern(one.id, one.frozen_version, name, words, late, number))
        return sorted(found, key=lambda c: (not c.late, -c.transfers, c.name, c.version))

    @staticmethod
    def _going(session: Session) -> dict[tuple[UUID, int], tuple[str, int]]:
        """(receiver, frozen version) -> its name and how many open transfers go there."""
        query = select(
            Transfer.receiver_id, Transfer.receiver_version, func.max(Transfer.receiver_name), func.count()
        ).where(Transfer.state.in_(OPEN), Transfer.receiver_id.is_not(None), Transfer.receiver_version.is_not(None))
        rows = session.execute(query.group_by(Transfer.receiver_id, Transfer.receiver_version))
        return {(r, v): (name, n) for r, v, name, n in rows if r is not None and v is not None}


def _words(one: MovedOn) -> str:
    """Empty for what changes nothing for a dossier on its way."""
    if one.refusal is not None:
        return REFUSAL_WORDS[one.refusal]
    said = [STANDING_LABELS[Standing.EXPIRING]] if one.standing is Standing.EXPIRING else []
    changed = [FIELD_LABELS[name] for name in one.changed if name in MATTERS]
    return "，".join([*said, *([f"{'、'.join(changed)}有变动"] if changed else [])])
