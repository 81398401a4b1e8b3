"""The events other systems may hear of: their types, what of each is told, and the JSON Schema of it.

A message is thin: ids and a state. It names nobody; who needs more asks the door that owns it. The promise of
docs/partner-api.md: within a version members are added, never removed and never given another meaning.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from app.corrections.rules import State as Ticket
from app.materials.rules import State as Supplement
from app.transfers.electronic_rules import VISIBLE
from app.transfers.states import State as Transfer

DIALECT = "https://json-schema.org/draft/2020-12/schema"
SCHEMA_BASE = "/partner/api/v1/event-types"
PING = "webhook.ping"
"""Sent to a subscription on trial; never stands in the feed."""
DISABLED = "webhook.disabled"

UNDER_WAY = frozenset(
    {
        Transfer.HANDED_TO_CARRIER,
        Transfer.IN_TRANSIT,
        Transfer.DELIVERED_UNCONFIRMED,
        Transfer.RECEIPT_OVERDUE,
        Transfer.RECEIVED,
        Transfer.CLOSED,
        Transfer.RETURNED,
        Transfer.REFUSED,
        Transfer.LOST_SUSPECTED,
        Transfer.TRACING,
        Transfer.LOST_CONFIRMED,
    }
)
"""What a receiving office hears of a transfer to it: nothing before the dossier has left the school."""


@dataclass(frozen=True, slots=True)
class EventType:
    """``subject``: the member that holds the event's object. ``states``: the values of ``state`` that are published,
    none where there is no state. ``links``: further ids (event's name -> member), ``numbers``: counts; both are left
    out where an event has none. ``for_receivers``: the states a receiving office hears of, where it does.
    """

    name: str
    title: str
    subject: str
    states: frozenset[str] = frozenset()
    links: Mapping[str, str] = field(default_factory=dict)
    numbers: tuple[str, ...] = ()
    for_receivers: frozenset[str] = frozenset()
    version: int = 1
    own: bool = False
    """About a client's own subscription: no other client sees it."""


_PARENTS = {"supplements": "supplements", "follows": "follows"}


def _of_tickets() -> list[EventType]:
    steps = {
        "opened": "更正申请已提交",
        "asked": "请申请人补充",
        "answered": "申请人已补充",
        "decided": "更正申请已决定",
        "withdrawn": "申请人已撤回",
        "appealed": "申请人申请复核",
        "reopened": "更正申请重新办理",
        "merged": "更正申请已合并",
    }
    links = {"merged": {"into": "into"}}
    states = frozenset(Ticket)
    return [EventType(f"ticket.{s}", title, "ticket", states, links.get(s, {})) for s, title in steps.items()]


EVENT_TYPES: Mapping[str, EventType] = {
    each.name: each
    for each in (
        EventType("dossier.filed", "档案已建立", "dossier"),
        EventType(
            "dossier.record_corrected", "档案记录已更正", "record", links={"ticket_id": "ticket"}, numbers=("version",)
        ),
        EventType("dossier.material_added", "材料已归档", "material", numbers=("version",)),
        EventType("dossier.material_replaced", "材料扫描件已更换", "material", numbers=("version",)),
        *_of_tickets(),
        EventType("supplement.submitted", "补充材料已提交", "supplement", frozenset(Supplement)),
        EventType("supplement.decided", "补充材料已审核", "supplement", frozenset(Supplement)),
        EventType("transfer.opened", "档案转递已建立", "transfer", frozenset(Transfer), _PARENTS),
        EventType(
            "transfer.moved", "档案转递状态变化", "transfer", frozenset(Transfer), _PARENTS, for_receivers=UNDER_WAY
        ),
        EventType(
            "transfer.count_mismatch",
            "接收单位清点不一致",
            "transfer",
            frozenset(Transfer),
            {**_PARENTS, "case": "case"},
            for_receivers=frozenset(Transfer),
        ),
        EventType(
            "electronic.moved",
            "电子档案包状态变化",
            "package",
            frozenset(VISIBLE),
            {"transfer": "transfer"},
            ("attempt",),
            for_receivers=frozenset(VISIBLE),
        ),
        EventType(DISABLED, "事件订阅已停用", "webhook", own=True),
    )
}
DISABLED_REASONS = ("failing", "gone", "staff")


class Audience(StrEnum):
    """Who hears of an event."""

    CAMPUS = "campus"
    RECEIVER = "receiver"
    ITS_CLIENT = "its_client"


@dataclass(frozen=True, slots=True)
class Told:
    """What is told of one event. ``transfer`` is set where a receiving office hears of it too."""

    data: Mapping[str, Any]
    audience: Audience
    transfer: UUID | None = None


def told(name: str, graduate_id: UUID | None, object_id: UUID | None, data: Mapping[str, Any]) -> Told | None:
    """None where nothing is told: no public type, or a state that stays in the house."""
    kind = EVENT_TYPES.get(name)
    if kind is None or object_id is None:
        return None
    said: dict[str, Any]
    state = data.get("state")
    if kind.states and state not in kind.states:
        return None
    if kind.own:
        said = {kind.subject: str(object_id), "reason": data.get("reason")}
        return Told(said, Audience.ITS_CLIENT) if said["reason"] in DISABLED_REASONS else None
    said = {"graduate": str(graduate_id), kind.subject: str(object_id)}
    said |= {member: data[given] for given, member in kind.links.items() if given in data}
    said |= {number: data[number] for number in kind.numbers if number in data}
    if kind.states:
        said["state"] = str(state)
    if state not in kind.for_receivers or "transfer" not in said:
        return Told(said, Audience.CAMPUS)
    return Told(said, Audience.RECEIVER, UUID(str(said["transfer"])))


def message(event_id: UUID, name: str, at: datetime, data: Mapping[str, Any]) -> dict[str, Any]:
    """The message itself, alike for webhooks and feed. ``timestamp`` is when it happened, in UTC."""
    version = EVENT_TYPES[name].version if name in EVENT_TYPES else 1
    return {
        "id": str(event_id),
        "type": name,
        "version": version,
        "timestamp": at.isoformat(timespec="microseconds").replace("+00:00", "Z"),
        "data": dict(data),
    }


# --- schemas ----------------------------------------------------------------------------------------------------------

_ID = {"type": "string", "format": "uuid"}


def schema(kind: EventType) -> dict[str, Any]:
    """JSON Schema 2020-12 of the whole message. Open: receivers must not mind members they do not know."""
    subject = {} if kind.own else {"graduate": _ID}
    members: dict[str, Any] = {**subject, kind.subject: _ID}
    members |= dict.fromkeys(kind.links.values(), _ID)
    members |= {number: {"type": "integer", "minimum": 1} for number in kind.numbers}
    needed = [*subject, kind.subject]
    if kind.states:
        members["state"] = {"type": "string", "enum": sorted(str(s) for s in kind.states)}
        needed.append("state")
    if kind.own:
        members["reason"] = {"type": "string", "enum": list(DISABLED_REASONS)}
        needed.append("reason")
    return {
        "$schema": DIALECT,
        "$id": f"{SCHEMA_BASE}/{kind.name}/schema",
        "title": kind.title,
        "type": "object",
        "required": ["id", "type", "version", "timestamp", "data"],
        "properties": {
            "id": _ID,
            "type": {"const": kind.name},
            "version": {"const": kind.version},
            "timestamp": {"type": "string", "format": "date-time"},
            "data": {"type": "object", "required": needed, "properties": members},
        },
    }
