"""Subscriptions of other systems to events: how each fares, its delivery log, test, stop and sending again."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from urllib.parse import urlencode
from uuid import UUID

from flask import Blueprint, Response, request

from app.actors import Role
from app.errors import FieldFault, Invalid
from app.office_time import OFFICE_TIME
from auth.guards import current_actor
from notifications.feed import KEEP
from notifications.public_events import EVENT_TYPES
from notifications.webhook_log import LogFilter
from notifications.webhook_rules import ENDED_LABELS, LIVE, MESSAGE_LABELS, REASONS, STATE_LABELS, Message, State
from staff_console import forms
from staff_console.gate import desk
from staff_console.parts import parts
from staff_console.render import go, page

WATCHERS = (Role.ADMINISTRATOR, Role.AUDITOR)
PATH = "/console/webhooks"
LINES = 50
TONES = {
    State.PENDING: ("wait", "…"),
    State.ACTIVE: ("done", "✓"),
    State.FAILING: ("open", "▲"),
    State.DISABLED: ("shut", "✕"),
}
MESSAGE_TONES = {Message.WAITING: ("wait", "…"), Message.DELIVERED: ("done", "✓"), Message.DEAD: ("open", "✕")}


def _filter() -> LogFilter:
    """What cannot be read is not filtered by."""
    state, kind = request.args.get("state", ""), request.args.get("type", "")
    known = Message(state) if state in set(Message) else None
    return LogFilter(known, kind if kind in EVENT_TYPES else "")


def _before() -> int | None:
    value = request.args.get("before", "")
    return int(value) if value.isascii() and value.isdigit() and len(value) < 19 else None


def _day(name: str) -> date:
    try:
        return date.fromisoformat(forms.text(name).strip())
    except ValueError:
        raise Invalid("invalid_input", faults=[FieldFault(f"/{name}", "required")]) from None


def _span() -> tuple[datetime, datetime]:
    """Whole days in Beijing time, both included. Raises Invalid."""
    first, last = _day("since"), _day("until")
    since, until = (datetime.combine(d, time(), OFFICE_TIME) for d in (first, last + timedelta(days=1)))
    if not timedelta(0) < until - since <= KEEP:
        raise Invalid("replay_span", faults=[FieldFault("/until", "wrong")])
    return since, until


def _names() -> dict[UUID, str]:
    return {client.id: client.name for client in parts().partners.clients()}


def _shown(webhook_id: UUID) -> Response:
    wanted = _filter()
    webhook = parts().webhooks.any(webhook_id)
    found = parts().webhook_log.deliveries(current_actor(), webhook_id, wanted, _before(), LINES + 1)
    lines, more = found[:LINES], len(found) > LINES
    state = wanted.state.value if wanted.state is not None else ""
    query = {"state": state, "type": wanted.type, "before": lines[-1].position if more else ""}
    return page(
        "webhook.html",
        webhook=webhook,
        name=_names().get(webhook.client_id, ""),
        lines=lines,
        older=f"{PATH}/{webhook_id}?{urlencode({k: v for k, v in query.items() if v})}" if more else "",
        wanted=wanted,
        live=webhook.state in LIVE,
        acts=current_actor().has_role(Role.ADMINISTRATOR),
        tones=TONES,
        message_tones=MESSAGE_TONES,
        labels=STATE_LABELS,
        message_labels=MESSAGE_LABELS,
        ended=ENDED_LABELS,
        reasons=REASONS,
        types=EVENT_TYPES,
        kept=KEEP.days,
    )


def add_webhooks(console: Blueprint) -> None:
    @console.get("/webhooks")
    @desk(*WATCHERS)
    def webhooks() -> Response:
        found = parts().webhooks.everything()
        return page(
            "webhooks.html", webhooks=found, names=_names(), tones=TONES, labels=STATE_LABELS, ended=ENDED_LABELS
        )

    @console.get("/webhooks/<uuid:webhook_id>")
    @desk(*WATCHERS)
    def webhook(webhook_id: UUID) -> Response:
        return _shown(webhook_id)

    @console.post("/webhooks/<uuid:webhook_id>/test")
    @desk(Role.ADMINISTRATOR)
    def try_webhook(webhook_id: UUID) -> Response:
        result = parts().webhooks.test_by_staff(current_actor(), webhook_id)
        return go(f"{PATH}/{webhook_id}", "webhook_passed" if result.passed else f"not_webhook_{result.reason}")

    @console.post("/webhooks/<uuid:webhook_id>/disable")
    @desk(Role.ADMINISTRATOR)
    def disable_webhook(webhook_id: UUID) -> Response:
        parts().webhooks.disable_by_staff(current_actor(), webhook_id)
        return go(f"{PATH}/{webhook_id}", "webhook_disabled")

    @console.post("/webhooks/<uuid:webhook_id>/replay/<uuid:entry_id>")
    @desk(Role.ADMINISTRATOR)
    def replay_event(webhook_id: UUID, entry_id: UUID) -> Response:
        parts().webhook_log.replay_events(current_actor(), webhook_id, [entry_id])
        return go(f"{PATH}/{webhook_id}", "webhook_replayed")

    @console.post("/webhooks/<uuid:webhook_id>/replay")
    @desk(Role.ADMINISTRATOR)
    def replay_span(webhook_id: UUID) -> Response:
        since, until = _span()
        parts().webhook_log.replay_span(current_actor(), webhook_id, since, until)
        return go(f"{PATH}/{webhook_id}", "webhook_replayed")
