"""The transfer timeline: where the dossier is, with every step, its proof and its clock."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from datetime import date, datetime
from uuid import UUID

from pydantic import Field

from app.actors import Assurance
from app.transfers.electronic import Legs
from app.transfers.electronic_rules import Leg
from app.transfers.footing_desk import FootingView
from app.transfers.rules import Evidence
from app.transfers.showing import TransferView
from app.transfers.states import Channel
from app.transfers.states import State as TransferState
from app.transfers.tracking_desk import TraceView
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


class TraceLineOut(Out):
    at: datetime
    label: str
    place: str
    words: str = Field(description="The carrier's words without persons; of a delivery only that it was delivered")


class TrackingOut(Out):
    """One hand-over to a carrier that can be asked."""

    handed_at: datetime
    standing_label: str = Field(description="How far it has come by the carrier's word. Delivered is not received")
    last_polled_at: datetime | None
    lines: list[TraceLineOut] = Field(description="Oldest first")


class ElectronicStepOut(Out):
    state: Leg
    label: str
    at: datetime


class ElectronicOut(Out):
    """The electronic leg beside the paper; the latest attempt."""

    attempt: int
    state: Leg
    label: str
    next_words: str
    moved_at: datetime
    due: DueOut | None = Field(description="Its own clock, apart from the paper's; None where none runs")
    reasons: list[str] = Field(description="Why the receiver sent it back, in words")
    receipt: str | None = Field(description="The number of the receiver's e-receipt")
    steps: list[ElectronicStepOut]


class ChannelRuleOut(Out):
    words: str
    source: str


class ChannelBasisOut(Out):
    """By what the channel was chosen last."""

    rules: list[ChannelRuleOut]
    version: str = Field(description="Of the school's rules of channels")
    on: date
    history: list[str] = Field(description="What one declared of one's past, in words")


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
    successor_id: UUID | None = Field(description="The transfer this one was redirected to; its progress stands there")
    redirect_reason: str = Field(description="Why the transfer before was redirected here; empty where none was")
    dispute: str = Field(
        description="That the receiver's count differs from the catalogue, and whom to call; what happens next"
        " stands in next_words. Empty where nothing differs"
    )
    addressed: bool = Field(description="False while a redirected dossier waits for its new destination")
    concern: str = Field(
        description="That the receiver or the channel is not what it was when it was chosen, what happens next and whom"
        " to call; empty where nothing is"
    )
    channel_basis: ChannelBasisOut | None = Field(
        description="None while there is no destination, and for transfers from before it was kept"
    )
    steps: list[TransferStepOut]
    tracking: list[TrackingOut] = Field(description="The latest hand-over first; empty where no carrier can be asked")
    electronic: ElectronicOut | None = Field(description="None where nothing was sent electronically")
    combined: str = Field(description="The lesser of both legs, in words: sent is never shown as received")


class TransfersOut(Out):
    items: list[TransferOut]
    paper: str = Field(description="Where the paper dossier is, in plain words; no place, no borrower")


@api.get("/transfers")
@graduate(Assurance.L2_PROOFED)
@api.output(TransfersOut)
def transfers() -> TransfersOut:
    """Where the dossier is, with every step and its proof. Delivered is not received."""
    return TransfersOut(items=own_transfers(), paper=lantai().paper_custody.words_for_graduate(current_actor()))


def own_transfers() -> list[TransferOut]:
    """The graduate's, newest first, each with its traces and its electronic leg."""
    actor = current_actor()
    rows = lantai().transfers.of_graduate(actor, actor.id)
    traces = lantai().tracking_desk.of_graduate(actor, actor.id)
    legs = lantai().electronic.of_graduate(actor, actor.id)
    standing = lantai().transfer_footing.of_graduate(actor, actor.id)
    return [_out(row, traces.get(row.id, ()), legs[row.id], standing[row.id]) for row in rows]


def _out(row: TransferView, traces: Sequence[TraceView], legs: Legs, standing: FootingView) -> TransferOut:
    values = {f.name: getattr(row, f.name) for f in fields(row) if f.name in TransferOut.model_fields}
    beside = {
        "tracking": list(traces),
        "electronic": legs.latest,
        "combined": legs.combined.label,
        "concern": standing.words,
        "channel_basis": standing.basis,
    }
    return TransferOut.model_validate(values | beside)
