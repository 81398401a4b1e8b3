"""Messages that reached neither phone nor mailbox: why, what to do, and sending them again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from flask import Blueprint, Response, request
from werkzeug.datastructures import MultiDict

from auth.guards import current_actor
from notifications.breaker import Outlet
from notifications.catalogue.text import Template
from notifications.channel_rules import PLATFORM_OF, Way
from notifications.history import WAY_LABELS
from notifications.replays.models import Outcome, State
from notifications.sending_again import Refusal
from notifications.undelivered import CAUSES, SENDERS, WATCHERS, UndeliveredFilter
from staff_console import forms
from staff_console.gate import desk
from staff_console.parts import parts
from staff_console.render import go, page

PATH = "/console/undelivered"
WAYS = {way: label for way, label in WAY_LABELS.items() if way is not Way.INBOX}

RUN_WORDS: Mapping[str, Any] = {
    "RUN_STATES": {State.RUNNING: "正在重新发送", State.DONE: "已完成", State.STOPPED: "已停止"},
    "RUN_TONES": {State.RUNNING: ("work", "◐"), State.DONE: ("done", "✓"), State.STOPPED: ("shut", "✕")},
    "RUN_OUTCOMES": {
        Outcome.AGAIN: "已重新发送",
        Outcome.SETTLED: "期间已另行发送或送达",
        Outcome.REFUSED: "未重新发送",
        Outcome.WAITING: "未处理",
    },
    "RUN_REFUSALS": {
        Refusal.UNREACHABLE: "账号已解除绑定，或账号、地址已失效",
        Refusal.CANCELLED: "群发通知已取消",
        Refusal.DOUBLE: "期间变为可能已送达，未经确认",
        Refusal.OTHER_WAY: "同一通知已改由提醒或另一地址重新发送",
        Refusal.WORDLESS: "通知的用语已不在目录中",
    },
}


def read_filter(given: MultiDict[str, str]) -> UndeliveredFilter:
    """What cannot be read is not filtered by."""
    cause, way = given.get("cause", ""), given.get("way", "")
    known = next((each for each in WAYS if each.value == way), None)
    return UndeliveredFilter(cause if cause in CAUSES else "", known)


def address(wanted: UndeliveredFilter, number: int = 1, path: str = PATH) -> str:
    way = wanted.way.value if wanted.way is not None else ""
    query = {"cause": wanted.cause, "way": way, "page": str(number) if number > 1 else ""}
    kept = urlencode({name: value for name, value in query.items() if value})
    return f"{path}?{kept}" if kept else path


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
        wanted, number = read_filter(request.args), forms.page_number(request.args)
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
            again=address(wanted, path=f"{PATH}/again"),
            runs=parts().replays.lately(current_actor()),
            **RUN_WORDS,
            newer=address(wanted, number - 1) if number > 1 else "",
            older=address(wanted, number + 1) if number < last else "",
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
