"""Whether a transfer may go on today to the receiver and by the channel that were chosen: asked at every step there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from sqlalchemy.orm import Session

from app.envelope import DataKey
from app.errors import Conflict
from app.receivers.rules import ReceiverFacts
from app.receivers.service import ReceiverRegistry
from app.receivers.views import MovedOn
from app.transfers import channel_basis, footing_rules
from app.transfers.channel_basis import ChannelBasis
from app.transfers.channel_rules import ChannelDecision, ChannelFacts, ChannelSet, PersonHistory, decide
from app.transfers.footing_rules import STOOD_ON, FieldChange, Ground
from app.transfers.models import Transfer
from app.transfers.states import State


@dataclass(frozen=True, slots=True)
class Found:
    """``moved`` and ``decision`` are None where no receiver of the registry is frozen; ``choices``: oldest first."""

    ground: Ground
    choices: tuple[ChannelBasis, ...]
    moved: MovedOn | None
    decision: ChannelDecision | None


class Footing:
    def __init__(self, registry: ReceiverRegistry, channels: ChannelSet) -> None:
        self._registry, self._channels = registry, channels

    @property
    def today(self) -> date:
        return self._registry.today

    def channels_for(self, receiver: ReceiverFacts, history: frozenset[PersonHistory]) -> ChannelDecision:
        """How a dossier may go to this body, by which rules, as of today."""
        facts = ChannelFacts(history, receiver.kind, receiver.region_code)
        return decide(self._channels, facts, self._registry.today)

    def require(self, session: Session, key: DataKey, row: Transfer, target: State) -> None:
        """Before a step. Raises Conflict('receiver_not_authorised_now', 'channel_not_allowed_now')."""
        self._stands(session, key, row, target)

    def confirm(self, session: Session, key: DataKey, row: Transfer, target: State) -> None:
        """As ``require``; for a hand-over the rules of its day are kept as what the channel goes by."""
        found = self._stands(session, key, row, target)
        if found is None or found.decision is None or not found.choices:
            return
        if target is State.HANDED_TO_CARRIER:
            history = channel_basis.declared(found.choices)
            today = channel_basis.basis_of(found.decision, history, row.channel)
            if not today.decided_like(found.choices[-1]):
                channel_basis.keep(key, row, (*found.choices, today))

    def refusals(
        self, session: Session, rows: Sequence[Transfer], keys: Mapping[UUID, DataKey]
    ) -> Mapping[UUID, Conflict]:
        """Transfer -> what stands against handing it over. ``keys``: by graduate."""
        refused = {i: refusal_of(found.ground) for i, found in self.found(session, rows, keys).items()}
        return {transfer_id: refusal for transfer_id, refusal in refused.items() if refusal is not None}

    def against_receiver(self, session: Session, row: Transfer) -> str:
        """Why its receiver may not receive today; empty where it may."""
        return self._against(row, self._moved(session, [row]).get(row.id))

    def require_receiver(self, session: Session, row: Transfer) -> None:
        """Before a package is made available. Raises Conflict('receiver_not_authorised_now')."""
        reason = self.against_receiver(session, row)
        if reason:
            raise Conflict("receiver_not_authorised_now", params={"reason": reason})

    def changes(self, session: Session, rows: Sequence[Transfer]) -> Mapping[UUID, tuple[FieldChange, ...]]:
        """Transfer -> what of its receiver is not as it was frozen, of what matters on the way."""
        moved = self._moved(session, rows)
        return {i: footing_rules.changes_that_matter(m.before, m.now, m.changed) for i, m in moved.items()}

    def found(self, session: Session, rows: Sequence[Transfer], keys: Mapping[UUID, DataKey]) -> Mapping[UUID, Found]:
        """How each stands today, without those of erased graduates, whose basis opens for nobody."""
        moved = self._moved(session, rows)
        return {
            row.id: self._one(row, keys[row.graduate_id], moved.get(row.id)) for row in rows if row.graduate_id in keys
        }

    # --- inside -------------------------------------------------------------------------------------------------------

    def _stands(self, session: Session, key: DataKey, row: Transfer, target: State) -> Found | None:
        """None where the step asks for nothing."""
        if (row.state, target) not in STOOD_ON:
            return None
        found = self.found(session, [row], {row.graduate_id: key})[row.id]
        refusal = refusal_of(found.ground)
        if refusal is not None:
            raise refusal
        return found

    def _moved(self, session: Session, rows: Sequence[Transfer]) -> dict[UUID, MovedOn]:
        frozen = {
            row.id: (row.receiver_id, row.receiver_version)
            for row in rows
            if row.receiver_id is not None and row.receiver_version is not None
        }
        compared = self._registry.compared(session, list(frozen.values()), self._registry.today)
        by_pair = {(m.id, m.frozen_version): m for m in compared}
        return {transfer_id: by_pair[pair] for transfer_id, pair in frozen.items()}

    def _one(self, row: Transfer, key: DataKey, moved: MovedOn | None) -> Found:
        choices = channel_basis.choices_of(key, row)
        if moved is None:
            return Found(
                Ground(row.state, row.receiver_name, row.channel, self._against(row, None)), choices, None, None
            )
        decision = self.channels_for(moved.now, channel_basis.declared(choices))
        changes = footing_rules.changes_that_matter(moved.before, moved.now, moved.changed)
        ground = Ground(
            state=row.state,
            receiver=row.receiver_name,
            channel=row.channel,
            against=self._against(row, moved),
            barred=row.channel not in decision.allowed,
            allowed=decision.allowed,
            changed=tuple(change.label for change in changes),
        )
        return Found(ground, choices, moved, decision)

    @staticmethod
    def _against(row: Transfer, moved: MovedOn | None) -> str:
        if moved is not None:
            return footing_rules.against(moved.refusal, moved.now.kind, row.destination_case)
        # one that was redirected has no receiver yet, and says so itself
        return footing_rules.NOT_LISTED if row.receiver_name else ""


def refusal_of(ground: Ground) -> Conflict | None:
    if ground.against:
        return Conflict("receiver_not_authorised_now", params={"reason": ground.against})
    if ground.barred:
        return Conflict("channel_not_allowed_now", params={"allowed": ground.allowed_words or "无"})
    return None
