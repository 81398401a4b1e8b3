"""Tables of the chat: conversations and messages."""

from __future__ import annotations

from collections.abc import Mapping

from app.field_tables.kept import LINK, STATE, TIME, Kept, clear, sealed

FIELDS: Mapping[str, Mapping[str, Kept]] = {
    "chat_conversation": {
        "identity_id": LINK,
        "graduate_id": LINK,
        "state": STATE,
        "unknowns": clear("how many messages in a row were not understood"),
        "assigned_to": LINK,
        "waiting_since": TIME,
        "channel": clear("WeChat's chat or the mini-program"),
        "last_in_at": TIME,
        "sent_since": clear("estimate of WeChat's count of replies"),
        "moved_at": TIME,
    },
    "chat_message": {
        "conversation_id": LINK,
        "author": clear("person, bot or staff"),
        "kind": clear("text, media or entered"),
        "channel": clear("WeChat's chat or the mini-program"),
        "sealed_body": sealed(
            "what was said; under the house key where the account is not bound; deleted after 180 days"
        ),
        "intent": clear(
            "which of the chat's topics; one of twenty words, needed to see what the bot does not understand"
        ),
        "staff_id": LINK,
        "answers": LINK,
        "delivery": STATE,
        "reason": clear("the platform's code"),
        "settled_at": TIME,
    },
}
