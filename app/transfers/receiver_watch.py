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
from app.receivers.rules import STANDING_LABELS, DestinationCase, Standing
from app.receivers.service import ReceiverRegistry
from app.receivers.views import MovedOn
from app.transfers.footing_rules import against, changes_that_matter
from app.transfers.models import Transfer
from app.transfers.service import MOVER_ROLES
from app.transfers.states import OPEN


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
            name, cases = going[one.id, one.frozen_version]
            # of several cases the first that it may not receive speaks for all
            refused = next(filter(None, (against(one.refusal, one.now.kind, case) for case in cases)), "")
            words = refused or _words(one)
            if words:
                number = sum(cases.values())
                found.append(Concern(one.id, one.frozen_version, name, words, bool(refused), number))
        return sorted(found, key=lambda c: (not c.late, -c.transfers, c.name, c.version))

    @staticmethod
    def _going(session: Session) -> dict[tuple[UUID, int], tuple[str, dict[DestinationCase | None, int]]]:
        """(receiver, frozen version) -> its name, and how many open transfers go there in each case."""
        frozen = (Transfer.receiver_id, Transfer.receiver_version)
        query = select(*frozen, Transfer.destination_case, func.max(Transfer.receiver_name), func.count()).where(
            Transfer.state.in_(OPEN), *(column.is_not(None) for column in frozen)
        )
        found: dict[tuple[UUID, int], tuple[str, dict[DestinationCase | None, int]]] = {}
        for receiver, version, case, name, number in session.execute(
            query.group_by(*frozen, Transfer.destination_case)
        ):
            if receiver is not None and version is not None:
                found.setdefault((receiver, version), (name, {}))[1][case] = number
        return found


def _words(one: MovedOn) -> str:
    """Empty for what changes nothing for a dossier on its way."""
    said = [STANDING_LABELS[Standing.EXPIRING]] if one.standing is Standing.EXPIRING else []
    changed = [change.label for change in changes_that_matter(one.before, one.now, one.changed)]
    return "，".join([*said, *([f"{'、'.join(changed)}有变动"] if changed else [])])
