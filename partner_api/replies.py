"""What the machines' door answers: its routes give these shapes, and the OpenAPI document is made of them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any, NotRequired

from pydantic import WithJsonSchema
from typing_extensions import TypedDict

from app.imports.rules import BatchState, RowOutcome
from app.transfers.electronic_rules import VISIBLE, Reason
from notifications.partner_notices import Kind
from notifications.partner_sending import CHANNELS, Result, Told
from notifications.public_events import EVENT_TYPES
from notifications.webhook_rules import Attempt, Ended, Message, State


def _one_of(words: Iterable[str]) -> WithJsonSchema:
    return WithJsonSchema({"type": "string", "enum": sorted(str(w) for w in words)})


Id = Annotated[str, WithJsonSchema({"type": "string", "format": "uuid"})]
Time = Annotated[str, WithJsonSchema({"type": "string", "format": "date-time"})]
Link = Annotated[str, WithJsonSchema({"type": "string", "format": "uri-reference"})]
Sha256 = Annotated[str, WithJsonSchema({"type": "string", "pattern": "^[0-9a-f]{64}$"})]
EventName = Annotated[str, _one_of(EVENT_TYPES)]


# --- problems ---------------------------------------------------------------------------------------------------------


class FaultReply(TypedDict):
    """What is wrong with one member: a JSON pointer or a column, a stable code, words."""

    pointer: str
    code: str
    detail: str


class Problem(TypedDict):
    """RFC 9457 problem details; ``code`` is stable. ``retry_after`` is in seconds."""

    type: Link
    title: str
    status: int
    code: str
    detail: str
    request_id: str
    errors: NotRequired[list[FaultReply]]
    scope: NotRequired[str]
    retry_after: NotRequired[int]
    kept_days: NotRequired[int]
    components: NotRequired[list[str]]
    server_time: NotRequired[Time]


# --- batches ----------------------------------------------------------------------------------------------------------


class Progress(TypedDict):
    percent: int
    done: int
    rows: int


class Counts(TypedDict):
    filed: int
    refused: int
    skipped: int


class Trouble(TypedDict):
    code: str
    detail: str


class BatchLinks(TypedDict):
    self: Link
    rows: Link
    errors: Link


class BatchReply(TypedDict):
    """``problems`` say why a file as a whole cannot be used, ``trouble`` what interrupted the work."""

    id: Id
    name: str
    state: Annotated[str, _one_of(set(BatchState) - {BatchState.RECEIVING})]
    parent_id: Id | None
    progress: Progress
    counts: Counts
    problems: list[FaultReply]
    trouble: Trouble | None
    created_at: Time | None
    started_at: Time | None
    finished_at: Time | None
    links: BatchLinks


class CellFault(TypedDict):
    """``cell`` as a spreadsheet names it."""

    column: str
    cell: str
    code: str
    detail: str


class RowReply(TypedDict):
    """``student`` is masked."""

    sheet: str
    line: int
    outcome: Annotated[str, _one_of(RowOutcome)]
    student: str
    faults: list[CellFault]


class RowPage(TypedDict):
    items: list[RowReply]
    next: str | None


class GraduateReply(TypedDict):
    id: Id | None
    batch: Link


# --- packages ---------------------------------------------------------------------------------------------------------


class PackageLinks(TypedDict):
    self: Link
    content: Link


class PackageReply(TypedDict):
    """``envelope`` is text, byte for byte what ``signature`` (Base64) covers; ``sha256`` is the cipher text's."""

    id: Id
    transfer: Id
    attempt: int
    state: Annotated[str, _one_of(VISIBLE)]
    state_label: str
    next: str
    file: str
    size: int
    sha256: Sha256
    submitted_at: Time
    acknowledged_at: Time | None
    reasons: list[Annotated[str, _one_of(Reason)]]
    envelope: str
    signature: str
    links: PackageLinks


class PackagePage(TypedDict):
    items: list[PackageReply]
    next: str | None


class ReasonReply(TypedDict):
    code: Annotated[str, _one_of(Reason)]
    label: str


class ReasonTable(TypedDict):
    items: list[ReasonReply]


# --- events -----------------------------------------------------------------------------------------------------------


class EventTypeReply(TypedDict):
    type: EventName
    version: int
    title: str
    for_receivers: bool
    schema: Link


class EventTypeTable(TypedDict):
    items: list[EventTypeReply]


class EventMessage(TypedDict):
    """``data`` after the schema of the type."""

    id: Id
    type: EventName
    version: int
    timestamp: Time
    data: dict[str, Any]


class EventPage(TypedDict):
    items: list[EventMessage]
    next: str
    more: bool


# --- webhooks ---------------------------------------------------------------------------------------------------------


class WebhookLinks(TypedDict):
    self: Link
    deliveries: Link


class WebhookReply(TypedDict):
    id: Id
    url: str
    types: list[EventName]
    state: Annotated[str, _one_of(State)]
    disabled_reason: Annotated[str, _one_of(Ended)] | None
    waiting: int
    dead: int
    created_at: Time | None
    last_success_at: Time | None
    last_failure_at: Time | None
    failing_since: Time | None
    previous_secret_until: Time | None
    links: WebhookLinks


class NewWebhookReply(WebhookReply):
    """``secret`` is shown here and nowhere else."""

    secret: str


class WebhookTable(TypedDict):
    items: list[WebhookReply]


class NewSecret(TypedDict):
    secret: str
    previous_secret_until: Time | None


class PingReply(TypedDict):
    """``status`` is the HTTP status that was answered, ``reason`` why the test was not passed."""

    passed: bool
    status: int | None
    reason: str | None
    state: Annotated[str, _one_of(State)]


class AttemptReply(TypedDict):
    number: int
    at: Time | None
    state: Annotated[str, _one_of(Attempt)]
    status: int | None
    reason: str | None
    duration_ms: int | None


class DeliveryReply(TypedDict):
    id: Id
    type: str
    timestamp: Time | None
    state: Annotated[str, _one_of(Message)]
    due_at: Time | None
    attempts: list[AttemptReply]


class DeliveryPage(TypedDict):
    items: list[DeliveryReply]
    next: str | None


class Replayed(TypedDict):
    messages: int


# --- notices ----------------------------------------------------------------------------------------------------------


class NoticeKindReply(TypedDict):
    """``fields``: JSON Schema (2020-12)."""

    kind: Annotated[str, _one_of(Kind)]
    title: str
    fields: dict[str, Any]


class NoticeKindTable(TypedDict):
    """``words``: what the codes of places and materials are called in a notice."""

    items: list[NoticeKindReply]
    words: dict[str, str]


class NoticePreview(TypedDict):
    title: str
    body: str


class ChannelReply(TypedDict):
    channel: Annotated[str, _one_of(["inbox", *CHANNELS])]
    state: Annotated[str, _one_of(Told)]


class NoticeLinks(TypedDict):
    self: Link


class NoticeReply(TypedDict):
    """``preview`` is what a graduate reads; ``simulated``: of the sandbox, nobody is told. ``result`` is over all
    channels but the inbox.
    """

    id: Id
    kind: Annotated[str, _one_of(Kind)]
    simulated: bool
    preview: NoticePreview
    created_at: Time
    channels: list[ChannelReply]
    result: Annotated[str, _one_of(Result)]
    links: NoticeLinks
