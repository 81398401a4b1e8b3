"""The catalogue of notices: every message a graduate may get, how it looks on each channel, and a test to oneself."""

from __future__ import annotations

from itertools import groupby
from typing import Any

from flask import Blueprint, Response

from app.errors import Conflict, RateLimited, Unavailable
from auth.guards import current_actor
from notifications.catalogue.editions import CATALOGUE_VERSION, EDITIONS
from notifications.catalogue.preview import IMPORTANCE_LABELS, PROMISE_LABELS, TOPIC_LABELS, sample
from notifications.catalogue.text import Topic
from notifications.trials import TRIERS
from staff_console import forms
from staff_console.gate import desk
from staff_console.parts import parts
from staff_console.render import go, page

PATH = "/console/notices"
_TOPICS = list(Topic)
_LABELS: dict[str, Any] = {"promises": PROMISE_LABELS, "importances": IMPORTANCE_LABELS, "topics": TOPIC_LABELS}


def _channel() -> int:
    """What is no number is no channel."""
    typed = forms.text("channel")
    return int(typed) if typed.isascii() and typed.isdigit() and len(typed) < 3 else -1


def add_notice_catalogue(console: Blueprint) -> None:
    @console.get("/notices")
    @desk()
    def notice_catalogue() -> Response:
        newest = sorted(EDITIONS[CATALOGUE_VERSION].values(), key=lambda n: _TOPICS.index(n.topic))
        by_topic = [(topic, list(notices)) for topic, notices in groupby(newest, key=lambda n: n.topic)]
        return page("notice_catalogue.html", by_topic=by_topic, editions=list(EDITIONS), count=len(newest), **_LABELS)

    @console.get("/notices/<notice_key>")
    @desk()
    def notice_preview(notice_key: str) -> Response:
        shown, actor = parts().notice_trials.previews(notice_key), current_actor()
        return page(
            "notice_preview.html",
            notice=sample(notice_key),
            previews=shown,
            may_try=any(actor.has_role(role) for role in TRIERS),
            robot=parts().notice_trials.open,
            mailbox=parts().staff_mailboxes.view(actor),
            **_LABELS,
        )

    @console.post("/notices/<notice_key>/test")
    @desk(*TRIERS)
    def try_notice(notice_key: str) -> Response:
        try:
            by_mail = forms.text("way") == "mail"
            parts().notice_trials.send(current_actor(), notice_key, _channel(), by_mail=by_mail)
        except (Conflict, RateLimited, Unavailable) as error:
            return go(f"{PATH}/{notice_key}", f"not_{error.code}")
        return go(f"{PATH}/{notice_key}", "notice_mailed" if by_mail else "notice_tried")
