"""How the transfers of one graduate stand today, for the graduate and for staff."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from uuid import UUID

from sqlalchemy import select

from app.actors import Actor, ActorKind
from app.db import Database
from app.errors import NotFound
from app.keyring import Keyring
from app.people.models import Graduate
from app.receivers.rules import Standing
from app.transfers import channel_basis, clocks, footing_rules
from app.transfers.channel_basis import AppliedRule
from app.transfers.channel_rules import HISTORY_LABELS, Demand, PersonHistory
from app.transfers.footing import Footing, Found
from app.transfers.footing_rules import FieldChange
from app.transfers.models import Transfer
from app.transfers.service import READER_ROLES


@dataclass(frozen=True, slots=True)
class BasisView:
    """By what the channel was chosen last. ``before``: what an earlier choice declared and this one does not."""

    version: str
    digest: str
    on: date
    rules: Sequence[AppliedRule]
    history: Sequence[str] = field(repr=False)
    before: Sequence[str] = field(repr=False)


@dataclass(frozen=True, slots=True)
class FootingView:
    """``words``: what is not as it was chosen and what happens next, in the words of whoever asks; empty where nothing
    is. ``stopped``: the transfer goes no further as it is. For staff alone: ``changes`` of the receiver since it was
    frozen, ``ends_on`` where its entitlement ends soon, ``demands`` on envelope, seal and sender.
    """

    words: str
    stopped: bool
    basis: BasisView | None
    changes: Sequence[FieldChange] = ()
    ends_on: date | None = None
    demands: Sequence[Demand] = ()
    declared: frozenset[PersonHistory] = field(default=frozenset(), repr=False)


class FootingDesk:
    def __init__(self, db: Database, keys: Keyring, footing: Footing, contact: str) -> None:
        """``contact`` is whom a graduate calls."""
        self._db, self._keys, self._footing, self._contact = db, keys, footing, contact

    def of_graduate(self, actor: Actor, graduate_id: UUID) -> Mapping[UUID, FootingView]:
        """By transfer. Graduates see their own; staff with a reading role any. Raises NotFound."""
        own = actor.kind is ActorKind.GRADUATE and actor.id == graduate_id
        if not own and not (actor.kind is ActorKind.STAFF and actor.has_role(*READER_ROLES)):
            raise NotFound("transfer_not_found")
        key = self._keys.of(graduate_id)
        with self._db.transaction() as session:
            rows = session.scalars(select(Transfer).where(Transfer.graduate_id == graduate_id)).all()
            found = self._footing.found(session, rows, {graduate_id: key})
            cohort = session.scalars(select(Graduate.cohort_year).where(Graduate.id == graduate_id)).one()
        in_time = self._footing.today <= clocks.last_change_day(cohort)
        return {row.id: self._view(row, found[row.id], own=own, in_time=in_time) for row in rows}

    # --- inside -------------------------------------------------------------------------------------------------------

    def _view(self, row: Transfer, found: Found, *, own: bool, in_time: bool) -> FootingView:
        may = footing_rules.graduate_may(row.state, own=row.supplements is None, in_time=in_time)
        staff_words = footing_rules.words_for_staff(found.ground, graduate_may=may)
        basis = _basis(found) if row.receiver_name else None
        declared = channel_basis.declared(found.choices)
        if own:
            words = footing_rules.words_for_graduate(found.ground, self._contact, graduate_may=may)
            return FootingView(words, bool(staff_words), basis, declared=declared)
        moved, decision = found.moved, found.decision
        if moved is None or decision is None or footing_rules.settled(row.state):
            return FootingView(staff_words, bool(staff_words), basis, declared=declared)
        return FootingView(
            words=staff_words,
            stopped=bool(staff_words),
            basis=basis,
            changes=footing_rules.changes_that_matter(moved.before, moved.now, moved.changed),
            ends_on=moved.now.valid_to if moved.standing is Standing.EXPIRING else None,
            demands=decision.demands_of(row.channel),
            declared=declared,
        )


def _basis(found: Found) -> BasisView | None:
    if not found.choices:
        return None
    last = found.choices[-1]
    earlier = frozenset[PersonHistory]().union(*(c.history for c in found.choices)) - last.history
    return BasisView(last.version, last.digest, last.on, last.rules, _labels(last.history), _labels(earlier))


def _labels(history: frozenset[PersonHistory]) -> tuple[str, ...]:
    return tuple(label for h, label in HISTORY_LABELS.items() if h in history)
