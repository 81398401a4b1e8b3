"""The transfer timeline: where the dossier is, with every step and its proof."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from app.actors import Assurance
from app.transfers.rules import Channel
from app.transfers.rules import State as TransferState
from auth.guards import current_actor, graduate
from miniprogram_api.door import Out, api, lantai


class TransferStepOut(Out):
    state: TransferState
    label: str
    at: datetime
    proof_label: str
    proof: str | None


class TransferOut(Out):
    id: UUID
    state: TransferState
    state_label: str
    next_words: str
    channel: Channel
    channel_label: str
    receiver_name: str
    receiver_address: str
    moved_at: datetime
    steps: list[TransferStepOut]


class TransfersOut(Out):
    items: list[TransferOut]


@api.get("/transfers")
@graduate(Assurance.L2_PROOFED)
@api.output(TransfersOut)
def transfers() -> TransfersOut:
    """Where the dossier is, with every step and its proof. Delivered is not received."""
    actor = current_actor()
    rows = lantai().transfers.of_graduate(actor, actor.id)
    return TransfersOut(items=[TransferOut.model_validate(t) for t in rows])
