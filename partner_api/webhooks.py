"""Subscriptions of bots and campus systems: each client keeps its own, another's is absent."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any
from uuid import UUID

from flask import Response, request, url_for
from pydantic import AwareDatetime, Field

from app.actors import Actor
from app.errors import Conflict, FieldFault, Invalid, NotFound
from auth.guards import current_machine, machine
from auth.rules import Scope
from notifications.feed import KEEP
from notifications.public_events import EVENT_TYPES
from notifications.webhook_log import DeliveryView, LogFilter
from notifications.webhook_rules import LONGEST_OVERLAP, Message
from notifications.webhooks import Change, SubscriptionView
from partner_api import door
from partner_api.describing import Answer, Description, describes
from partner_api.door import lantai, machines
from partner_api.records import Strict
from partner_api.replies import (
    DeliveryPage,
    DeliveryReply,
    NewSecret,
    NewWebhookReply,
    PingReply,
    Replayed,
    WebhookReply,
    WebhookTable,
)

# longer than any address that is taken, so that the domain's own words are given
Url = Annotated[str, Field(min_length=1, max_length=4096)]
Types = Annotated[list[str], Field(max_length=len(EVENT_TYPES) * 2)]
MOST_IDS = 500
ABSENT, REUSED = NotFound("webhook_not_found"), Invalid("idempotency_key_reused")
REPLAYED = ("Idempotent-Replayed",)


class NewWebhook(Strict):
    url: Url
    types: Types


class WebhookChange(Strict):
    url: Url | None = None
    types: Types | None = None
    enabled: bool | None = None


class Rotation(Strict):
    overlap_hours: int = Field(24, ge=0, le=int(LONGEST_OVERLAP.total_seconds()) // 3600)


class Replay(Strict):
    """Either ``ids`` or both ends of a span."""

    ids: Annotated[list[UUID], Field(min_length=1, max_length=MOST_IDS)] | None = None
    since: AwareDatetime | None = None
    until: AwareDatetime | None = None


def _time(at: datetime | None) -> str | None:
    return at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z") if at is not None else None


def _shown(webhook: SubscriptionView) -> WebhookReply:
    address = url_for("machines.webhook", webhook_id=webhook.id)
    return {
        "id": str(webhook.id),
        "url": webhook.url,
        "types": list(webhook.types),
        "state": webhook.state.value,
        "disabled_reason": webhook.ended.value if webhook.ended is not None else None,
        "waiting": webhook.waiting,
        "dead": webhook.dead,
        "created_at": _time(webhook.created_at),
        "last_success_at": _time(webhook.last_success_at),
        "last_failure_at": _time(webhook.last_failure_at),
        "failing_since": _time(webhook.failing_since),
        "previous_secret_until": _time(webhook.previous_until),
        "links": {"self": address, "deliveries": f"{address}/deliveries"},
    }


def _once(work: Callable[[Actor], tuple[int, Any]]) -> Response:
    """Do ``work`` once per Idempotency-Key; retries get the stored reply."""
    door.only_query()
    actor, key = current_machine(), door.batch_key()
    fingerprint = request.path.encode() + b"|" + request.get_data()
    done = lantai().idempotency.run(actor, key, str(request.url_rule), fingerprint, lambda: work(actor))
    return door.reply(done.body, done.status, **({"Idempotent-Replayed": "true"} if done.replayed else {}))


# --- keeping ----------------------------------------------------------------------------------------------------------


@machines.post("/webhooks")
@machine(Scope.SUBSCRIBE)
@describes(
    Description(
        {201: Answer(NewWebhookReply, may_have=REPLAYED)},
        body=NewWebhook,
        key=True,
        raises=(REUSED, Conflict("too_many_webhooks")),
    )
)
def subscribe() -> Response:
    """The secret is shown here and nowhere else."""
    wanted = door.json_body(NewWebhook)

    def work(actor: Actor) -> tuple[int, Any]:
        made, secret = lantai().webhooks.subscribe(actor, wanted.url, wanted.types)
        shown: NewWebhookReply = {**_shown(made), "secret": secret}
        return 201, shown

    return _once(work)


@machines.get("/webhooks")
@machine(Scope.SUBSCRIBE)
@describes(Description({200: Answer(WebhookTable)}))
def webhooks() -> Response:
    """The client's own subscriptions, oldest first."""
    door.only_query()
    table: WebhookTable = {"items": [_shown(w) for w in lantai().webhooks.of_client(current_machine())]}
    return door.reply(table)


@machines.get("/webhooks/<uuid:webhook_id>")
@machine(Scope.SUBSCRIBE)
@describes(Description({200: Answer(WebhookReply)}, raises=(ABSENT,)))
def webhook(webhook_id: UUID) -> Response:
    """One subscription with its state."""
    door.only_query()
    return door.reply(_shown(lantai().webhooks.one(current_machine(), webhook_id)))


@machines.patch("/webhooks/<uuid:webhook_id>")
@machine(Scope.SUBSCRIBE)
@describes(Description({200: Answer(WebhookReply)}, body=WebhookChange, raises=(ABSENT, Invalid("webhook_needs_test"))))
def change_webhook(webhook_id: UUID) -> Response:
    """Another address, which a test must make live again; other types; or no messages for now."""
    door.only_query()
    actor = current_machine()
    lantai().webhooks.one(actor, webhook_id)
    said = door.json_body(WebhookChange)
    change = Change(said.url, said.types, said.enabled)
    return door.reply(_shown(lantai().webhooks.change(actor, webhook_id, change)))


@machines.delete("/webhooks/<uuid:webhook_id>")
@machine(Scope.SUBSCRIBE)
@describes(Description({204: Answer(None, ())}, raises=(ABSENT,)))
def remove_webhook(webhook_id: UUID) -> Response:
    """Remove the subscription with its messages and their log."""
    door.only_query()
    lantai().webhooks.remove(current_machine(), webhook_id)
    return Response(status=204)


@machines.post("/webhooks/<uuid:webhook_id>/secret")
@machine(Scope.SUBSCRIBE)
@describes(Description({200: Answer(NewSecret, may_have=REPLAYED)}, body=Rotation, key=True, raises=(ABSENT, REUSED)))
def rotate_secret(webhook_id: UUID) -> Response:
    """A new secret; the old one goes on signing beside it for ``overlap_hours``."""
    lantai().webhooks.one(current_machine(), webhook_id)
    overlap = timedelta(hours=door.json_body(Rotation).overlap_hours)

    def work(actor: Actor) -> tuple[int, Any]:
        secret = lantai().webhooks.rotate(actor, webhook_id, overlap)
        told: NewSecret = {"secret": secret, "previous_secret_until": _time(lantai().clock.now() + overlap)}
        return 200, told

    return _once(work)


@machines.post("/webhooks/<uuid:webhook_id>/test")
@machine(Scope.SUBSCRIBE)
@describes(Description({200: Answer(PingReply)}, raises=(ABSENT,)))
def test_webhook(webhook_id: UUID) -> Response:
    """Send a ping now; passing it makes a subscription live."""
    door.only_query()
    actor = current_machine()
    result = lantai().webhooks.test(actor, webhook_id)
    after = lantai().webhooks.one(actor, webhook_id)
    told: PingReply = {
        "passed": result.passed,
        "status": result.status,
        "reason": result.reason or None,
        "state": after.state.value,
    }
    return door.reply(told)


# --- the log ----------------------------------------------------------------------------------------------------------


def _delivery(line: DeliveryView) -> DeliveryReply:
    return {
        "id": str(line.event_id),
        "type": line.type,
        "timestamp": _time(line.at),
        "state": line.state.value,
        "due_at": _time(line.due_at),
        "attempts": [
            {
                "number": a.number,
                "at": _time(a.at),
                "state": a.state.value,
                "status": a.status,
                "reason": a.reason or None,
                "duration_ms": a.duration_ms,
            }
            for a in line.attempts
        ],
    }


def _filter() -> LogFilter:
    """Raises Invalid for a state or type that is none."""
    state, kind = request.args.get("state"), request.args.get("type")
    if state is not None and state not in set(Message):
        raise Invalid("unknown_query", faults=[FieldFault("/state", "wrong")])
    if kind is not None and kind not in EVENT_TYPES:
        raise Invalid("unknown_query", faults=[FieldFault("/type", "webhook_type")])
    return LogFilter(Message(state) if state is not None else None, kind or "")


@machines.get("/webhooks/<uuid:webhook_id>/deliveries")
@machine(Scope.SUBSCRIBE)
@describes(Description({200: Answer(DeliveryPage)}, query=("cursor", "limit", "state", "type"), raises=(ABSENT,)))
def deliveries(webhook_id: UUID) -> Response:
    """Newest first."""
    door.only_query()
    before, limit = door.page_asked()
    log, wanted = lantai().webhook_log, _filter()
    found = log.deliveries(current_machine(), webhook_id, wanted, before or None, limit + 1)
    page, more = found[:limit], len(found) > limit
    told: DeliveryPage = {
        "items": [_delivery(d) for d in page],
        "next": door.cursor(page[-1].position) if more else None,
    }
    return door.reply(told)


@dataclass(frozen=True, slots=True)
class _Span:
    since: datetime
    until: datetime


def _span(said: Replay) -> _Span | None:
    """None where ids are named. Raises Invalid('replay_span')."""
    if said.ids is not None and said.since is None and said.until is None:
        return None
    if said.ids is not None or said.since is None or said.until is None:
        raise Invalid("replay_span", faults=[FieldFault("/ids", "wrong")])
    if not timedelta(0) < said.until - said.since <= KEEP:
        raise Invalid("replay_span", faults=[FieldFault("/until", "wrong")])
    return _Span(said.since, said.until)


@machines.post("/webhooks/<uuid:webhook_id>/replay")
@machine(Scope.SUBSCRIBE)
@describes(
    Description(
        {202: Answer(Replayed, may_have=REPLAYED)},
        body=Replay,
        key=True,
        raises=(ABSENT, REUSED, Invalid("replay_span"), Conflict("webhook_not_live")),
    )
)
def replay(webhook_id: UUID) -> Response:
    """Send again by id or by time; 202 with how many."""
    lantai().webhooks.one(current_machine(), webhook_id)
    said = door.json_body(Replay)
    span = _span(said)

    def work(actor: Actor) -> tuple[int, Any]:
        log = lantai().webhook_log
        told: Replayed
        if span is not None:
            told = {"messages": log.replay_span(actor, webhook_id, span.since, span.until)}
        else:
            told = {"messages": log.replay_events(actor, webhook_id, said.ids or [])}
        return 202, told

    return _once(work)
