"""What of a transfer is shown, and to whom. Sent is never shown as received."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any
from uuid import UUID

from app.actors import Actor, ActorKind
from app.events import EventView
from app.office_time import office_date
from app.transfers import clocks, holding, rules
from app.transfers.counting_rules import CASE_WORDS, CaseState
from app.transfers.manifest import code_of
from app.transfers.models import Transfer
from app.transfers.rules import BY_LABELS, EVIDENCE_LABELS, By, Edge, Evidence
from app.transfers.states import SUPPLEMENT_NEXT_WORDS, Channel, State
from app.transfers.steps import REDIRECTED_FOR
from app.working_days.calendar import WorkingDays

NO_RECEIVER = "待登记新的去向"
STEP_EVENTS = ("transfer.opened", "transfer.moved")
SHOWN_TO_GRADUATE = (
    Evidence.TRACKING_NUMBER,
    Evidence.SEAL_NUMBER,
    Evidence.RECEIPT_NUMBER,
    Evidence.REASON,
    Evidence.KEPT_UNTIL,
)
# what the rows of the time before numbered steps keep under the state's own name
_FORMER = {
    State.SEALED: Evidence.SEAL_NUMBER,
    State.HANDED_TO_CARRIER: Evidence.TRACKING_NUMBER,
    State.RECEIVED: Evidence.RECEIPT_NUMBER,
}


@dataclass(frozen=True, slots=True)
class Proof:
    """``kind`` of the evidence, its label and its words."""

    kind: Evidence
    label: str
    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class TransferStep:
    state: State
    label: str
    at: datetime
    proofs: Sequence[Proof] = ()


@dataclass(frozen=True, slots=True)
class Target:
    """An edge that leads on from here. ``alone``: this reader may walk it; ``two``: it takes two persons."""

    state: State
    label: str
    deed: str
    by: str
    evidence: Sequence[tuple[Evidence, str]]
    alone: bool
    two: bool
    back: bool


@dataclass(frozen=True, slots=True)
class DueView:
    """``words`` are for the graduate; empty while nothing presses. ``source`` is the rule."""

    on: date
    label: str
    source: str
    overdue: bool
    words: str


@dataclass(frozen=True, slots=True)
class TransferView:
    """``supplements`` is the received transfer that this one brings the papers of a corrected ticket after;
    ``follows`` the one that was redirected here, for ``redirect_reason``; ``successor_id`` the one this was redirected
    to. ``addressed`` is false while such a one has no destination yet. ``dispute`` says in plain words that the
    receiver counted something else than the catalogue lists; empty where it did not, or has signed since.
    """

    id: UUID
    number: str
    graduate_id: UUID
    state: State
    state_label: str
    next_words: str
    channel: Channel
    channel_label: str
    receiver_name: str
    receiver_address: str
    version: int
    moved_at: datetime
    steps: Sequence[TransferStep]
    targets: Sequence[Target]
    due: DueView | None
    manifest_code: str | None
    received: bool
    supplements: UUID | None = None
    ticket_id: UUID | None = None
    follows: UUID | None = None
    successor_id: UUID | None = None
    addressed: bool = True
    dispute: str = ""
    redirect_reason: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class TransferLine:
    """One line of the dispatchers' work list. ``receiver``: (id, version) as it was frozen."""

    id: UUID
    number: str
    graduate_id: UUID
    state: State
    state_label: str
    next_words: str
    channel_label: str
    receiver_name: str
    moved_at: datetime
    due_on: date | None
    receiver: tuple[UUID, int] | None


def transfer_number(row: Transfer) -> str:
    """What slips, labels and scanners call it."""
    return f"ZD{row.created_at.year}{row.serial:06d}"


def line_of(row: Transfer) -> TransferLine:
    return TransferLine(
        row.id,
        transfer_number(row),
        row.graduate_id,
        row.state,
        rules.STATE_LABELS[row.state],
        rules.NEXT_WORDS[row.state],
        rules.CHANNEL_LABELS[row.channel],
        row.receiver_name or NO_RECEIVER,
        row.moved_at,
        row.due_on,
        (row.receiver_id, row.receiver_version) if row.receiver_id and row.receiver_version else None,
    )


def view_of(
    row: Transfer,
    events: Iterable[EventView],
    proofs: Mapping[str, Any],
    actor: Actor,
    now: datetime,
    calendar: WorkingDays,
    contact: str,
    successor: UUID | None = None,
    case: CaseState | None = None,
) -> TransferView:
    staff = actor.kind is ActorKind.STAFF
    next_words = rules.NEXT_WORDS if row.supplements is None else SUPPLEMENT_NEXT_WORDS
    words = CASE_WORDS[case] if case is not None and rules.edge(row.state, State.RECEIVED) is not None else None
    return TransferView(
        id=row.id,
        number=transfer_number(row),
        graduate_id=row.graduate_id,
        state=row.state,
        state_label=rules.STATE_LABELS[row.state],
        next_words=next_words[row.state] if words is None else words.next,
        channel=row.channel,
        channel_label=rules.CHANNEL_LABELS[row.channel],
        receiver_name=row.receiver_name or NO_RECEIVER,
        receiver_address=row.receiver_address or NO_RECEIVER,
        version=row.version,
        moved_at=row.moved_at,
        steps=tuple(_step(e, proofs, staff=staff) for e in events if e.type in STEP_EVENTS),
        targets=tuple(_target(e, actor) for e in _ways(row, case)) if staff else (),
        due=_due(row, office_date(now), calendar, contact),
        manifest_code=None if row.manifest_digest is None else code_of(row.manifest_digest),
        received=row.state in rules.ARRIVED,
        supplements=row.supplements,
        ticket_id=row.ticket_id,
        follows=row.follows,
        successor_id=successor,
        addressed=bool(row.receiver_name),
        dispute="" if words is None else f"{words.what}。咨询：{contact}。",
        redirect_reason=str(proofs.get(REDIRECTED_FOR, "")),
    )


def _ways(row: Transfer, case: CaseState | None) -> Iterable[Edge]:
    """Without a receiver nothing is registered: that goes by choosing one. In dispute no receipt is."""
    shut = set[State]() if row.receiver_name else {State.DESTINATION_REGISTERED}
    shut |= {State.RECEIVED} if case is CaseState.OPEN else set()
    ways = (e for e in rules.edges_from(row.state) if e.target not in shut)
    return (e for e in ways if holding.against(e.source, e.target, row.destination_case) is None)


def _step(event: EventView, proofs: Mapping[str, Any], *, staff: bool) -> TransferStep:
    state = State(event.data["state"])
    step = event.data.get("step")
    if step is not None:
        shown = {Evidence(k): str(v) for k, v in proofs.get(str(step), {}).items()}
    else:
        former = _FORMER.get(state)
        shown = {former: str(proofs[state.value])} if former is not None and state.value in proofs else {}
    told = tuple(Proof(k, EVIDENCE_LABELS[k], v) for k, v in shown.items() if staff or k in SHOWN_TO_GRADUATE)
    return TransferStep(state, rules.STATE_LABELS[state], event.at, told)


def _target(edge: Edge, actor: Actor) -> Target:
    return Target(
        edge.target,
        rules.STATE_LABELS[edge.target],
        edge.deed,
        "或".join(BY_LABELS[by] for by in edge.by),
        tuple((kind, EVIDENCE_LABELS[kind]) for kind in edge.evidence),
        rules.may(edge, staff=actor.roles),
        By.TWO in edge.by and actor.has_role(*rules.ROLES[By.TWO]),
        edge.back,
    )


def _due(row: Transfer, today: date, calendar: WorkingDays, contact: str) -> DueView | None:
    if row.due_on is None or row.timer is None:
        return None
    rule = clocks.TIMERS[row.timer]
    return due_view(rule, row.due_on, today, calendar, contact)


def due_view(rule: clocks.TimerRule, on: date, today: date, calendar: WorkingDays, contact: str) -> DueView:
    words = clocks.delay_words(rule, on, today, calendar, contact)
    return DueView(on, rule.label, rule.source, today > on, words)
