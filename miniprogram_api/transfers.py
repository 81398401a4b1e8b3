"""The transfer timeline: where the dossier is, with every step, its proof and its clock."""

from __future__ import annotations

from datetime import date, datetime
from uuid import UUID

from pydantic import Field

from app.actors import Assurance
from app.transfers.rules import Evidence
from app.transfers.states import Channel
from app.transfers.states import State as TransferState
from auth.guards import current_actor, graduate
from miniprogram_api.door import Out, api, lantai


class ProofOut(Out):
    kind: Evidence
    label: str
    text: str


class TransferStepOut(Out):
    state: TransferState
    label: str
    at: datetime
    proofs: list[ProofOut]


class DueOut(Out):
    on: date
    label: str
    source: str = Field(description="The rule the day comes from, in words")
    overdue: bool
    words: str = Field(
        description="What a delay means, what happens next and whom to call; empty while nothing presses"
    )


class TransferOut(Out):
    id: UUID
    number: str
    state: TransferState
    state_label: str
    next_words: str
    channel: Channel
    channel_label: str
    receiver_name: str
    receiver_address: str
    version: int = Field(description="For If-Match")
    moved_at: datetime
    received: bool = Field(description="The receiver has signed. Sent and delivered are not received")
    due: DueOut | None
    supplements: UUID | None = Field(description="The received transfer whose papers this one completes")
    follows: UUID | None = Field(description="The transfer that was redirected here")
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
