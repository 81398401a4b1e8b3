"""Tables of the event feed and of the subscriptions to it."""

from __future__ import annotations

from collections.abc import Mapping

from app.field_tables.kept import LINK, STATE, TIME, Kept, clear, sealed

FIELDS: Mapping[str, Mapping[str, Kept]] = {
    "event_outbox": {"event_id": clear("serial number of an event")},
    "feed_state": {"last_serial": STATE, "swept_serial": STATE},
    "public_event": {
        "type": clear("what happened, as a code"),
        "data": clear("ids and states only; the published schemas allow nothing else"),
        "receiver_code": clear("an office's code"),
        "client_id": LINK,
        "recorded_at": TIME,
    },
    "webhook_subscription": {
        "client_id": LINK,
        "url": clear("a machine's address"),
        "types": clear("codes of event types"),
        "state": STATE,
        "ended": STATE,
        "sealed_secrets": sealed("the secrets messages are signed with"),
        "secret_version": STATE,
        "previous_until": TIME,
        "last_success_at": TIME,
        "last_failure_at": TIME,
        "failing_since": TIME,
        "failures": STATE,
        "resume_at": TIME,
        "lease": LINK,
        "lease_until": TIME,
    },
    "webhook_message": {
        "subscription_id": LINK,
        "event_serial": clear("place in the feed"),
        "state": STATE,
        "tries": STATE,
        "due_at": TIME,
        "settled_at": TIME,
    },
    "webhook_attempt": {
        "message_id": LINK,
        "state": STATE,
        "status": clear("HTTP status of a machine's answer"),
        "reason": clear("why it failed, as a code"),
        "duration_ms": clear("how long the call took"),
    },
}
