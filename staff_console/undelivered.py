"""Messages that reached neither phone nor mailbox: why, what to do, and sending them again."""

from __future__ import annotations

from urllib.parse import urlencode
from uuid import UUID

from flask import Blueprint, Response, request

from auth.guards import current_actor
from notifications.breaker import Outlet
from notifications.catalogue.text import Template
from notifications.channel_rules import PLATFORM_OF, Way
from notifications.history import WAY_LABELS
from notifications.undelivered import CAUSES, SENDERS, WATCHERS, UndeliveredFilter
from staff_console import forms
from staff_console.gate import desk
from staff_console.parts import parts
from staff_console.render import go, page

PATH = "/console/undelivered"
WAYS = {way: label for way, label in WAY_LABELS.items() if way is not Way.INBOX}


def _filter() -> UndeliveredFilter:
    """What cannot be read is not filtered by."""
    cause, way = request.args.get("cause", ""), request.args.get("way", "")
    known = next((each for each in WAYS if each.value == way), None)
    return UndeliveredFilter(cause if cause in CAUSES else "", known)


def _address(wanted: UndeliveredFilter, number: int) -> str:
    way = wanted.way.value if wanted.way is not None else ""
    query = {"cause": wanted.cause, "way": way, "page": str(number) if number > 1 else ""}
    kept = urlencode({name: value for name, value in query.items() if value})
    return f"{PATH}?{kept}" if kept else PATH


def _chosen() -> list[UUID]:
    """What is no id was not chosen."""
    found = []
    for value in request.form.getlist("pick"):
        try:
            found.append(UUID(value))
        except ValueError:
            continue
    return found


def _outlet() -> Outlet:
    way = forms.choice(Way, "way")
    return Outlet(way, forms.choice(Template, "template").value) if way in PLATFORM_OF else Outlet(way)


def add_undelivered(console: Blueprint) -> None:
    @console.get("/undelivered")
    @desk(*WATCHERS)
    def undelivered() -> Response:
        wanted, number = _filter(), forms.page_number(request.args)
        lines, total = parts().undelivered.page(current_actor(), wanted, number, forms.PAGE_SIZE)
        last = forms.last_page(total)
        return page(
            "undelivered.html",
            lines=lines,
            total=total,
            wanted=wanted,
            causes=CAUSES,
            ways=WAYS,
            stopped=parts().undelivered.stopped(),
            acts=any(current_actor().has_role(role) for role in SENDERS),
            newer=_address(wanted, number - 1) if number > 1 else "",
            older=_address(wanted, number + 1) if number < last else "",
        )

    @console.post("/undelivered/reopen")
    @desk(*SENDERS)
    def reopen_channel() -> Response:
        parts().undelivered.reopen(current_actor(), _outlet())
        return go(PATH, "channel_reopened")

    @console.post("/undelivered/replay")
    @desk(*SENDERS)
    def replay_undelivered() -> Response:
        done = parts().undelivered.replay(current_actor(), _chosen(), double_known=forms.ticked("double"))
        return go(PATH, "undelivered_replayed" if not done.passed_over else "undelivered_partly")
