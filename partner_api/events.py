"""Events for bots and campus systems: what there is, its schemas, and the feed to pull."""

from __future__ import annotations

from typing import Any

from flask import Response, request

from app.errors import FieldFault, Gone, Invalid, NotFound
from auth.guards import current_machine, machine, public
from auth.rules import Scope
from notifications.public_events import EVENT_TYPES, SCHEMA_BASE, EventType, schema
from partner_api import door
from partner_api.describing import SCHEMA_JSON, Answer, Description, describes
from partner_api.door import lantai, machines
from partner_api.replies import EventPage, EventTypeReply, EventTypeTable

LATEST = "latest"
"""As a cursor: only what is to come."""


def _shown(kind: EventType) -> EventTypeReply:
    return {
        "type": kind.name,
        "version": kind.version,
        "title": kind.title,
        "for_receivers": bool(kind.for_receivers) or kind.own,
        "schema": f"{SCHEMA_BASE}/{kind.name}/schema",
    }


@machines.get("/event-types")
@public("the description of the door holds no data")
@describes(Description({200: Answer(EventTypeTable)}))
def event_types() -> Response:
    """The catalogue of event types."""
    door.only_query()
    table: EventTypeTable = {"items": [_shown(kind) for _, kind in sorted(EVENT_TYPES.items())]}
    return door.reply(table)


@machines.get("/event-types/<name>/schema")
@public("the description of the door holds no data")
@describes(
    Description(
        {200: Answer(dict[str, Any], (SCHEMA_JSON,))},
        path={"name": tuple(EVENT_TYPES)},
        raises=(NotFound("event_type_not_found"),),
    )
)
def event_schema(name: str) -> Response:
    """JSON Schema (2020-12) of one event's message."""
    door.only_query()
    if name not in EVENT_TYPES:
        raise NotFound("event_type_not_found")
    response = door.reply(schema(EVENT_TYPES[name]))
    response.content_type = SCHEMA_JSON
    return response


def _types_asked() -> list[str]:
    """Raises Invalid for a type that is none, so that a misspelt one does not pass for silence."""
    types = [t for t in request.args.get("types", "").split(",") if t]
    if [t for t in types if t not in EVENT_TYPES]:
        raise Invalid("unknown_query", faults=[FieldFault("/types", "webhook_type")])
    return types


@machines.get("/events")
@machine(Scope.SUBSCRIBE)
@describes(
    Description(
        {200: Answer(EventPage)},
        query=("cursor", "limit", "types"),
        raises=(NotFound("webhook_not_found"), Gone("cursor_too_old")),
    )
)
def events() -> Response:
    """The feed, oldest first. ``next`` is always there: ask again with it, later where ``more`` is false."""
    door.only_query()
    client = lantai().webhooks.subscriber(current_machine())
    if request.args.get("cursor") == LATEST:
        nothing: EventPage = {"items": [], "next": door.cursor(lantai().event_feed.end()), "more": False}
        return door.reply(nothing)
    after, limit = door.page_asked()
    page = lantai().event_feed.read(client, after, limit, _types_asked())
    return door.reply({"items": list(page.items), "next": door.cursor(page.position), "more": page.more})
