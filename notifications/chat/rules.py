"""The rules of conversations: states, hand-over, the platform's windows, office hours, retention. Pure."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from enum import StrEnum

from app.office_time import OFFICE_TIME
from app.working_days.calendar import ONE_DAY, WorkingDays
from notifications.chat.intents import Intent


class ChatState(StrEnum):
    BOT = "bot"
    WAITING = "waiting"
    TAKEN = "taken"
    CLOSED = "closed"


class Author(StrEnum):
    PERSON = "person"
    BOT = "bot"
    STAFF = "staff"


class Channel(StrEnum):
    """Where the person wrote last: WeChat's customer-service chat, or the mini-program itself."""

    WECHAT = "wechat"
    APP = "app"


class Act(StrEnum):
    """What staff do with a conversation."""

    TAKE = "take"
    REPLY = "reply"
    HAND_BACK = "hand_back"
    CLOSE = "close"


STATE_LABELS = {
    ChatState.BOT: "自动答复",
    ChatState.WAITING: "等待人工",
    ChatState.TAKEN: "人工办理中",
    ChatState.CLOSED: "已结束",
}
MAX_TEXT = 500
"""Characters of one message in the mini-program, either way: WeChat's 2,048 bytes hold 600 Chinese characters."""
MAX_PUSHED = 2000
UNKNOWNS_TO_HUMAN = 2
RETENTION = timedelta(days=180)
"""Messages are kept this long, as long as an objection to an answer can reasonably be raised, and then deleted."""

WINDOW = timedelta(hours=48)
WINDOW_MESSAGES = 5
"""WeChat: five customer-service messages within 48 hours of the person's last one (errors 45015, 45047)."""
NEW_TALK = timedelta(hours=1)
"""Who enters the chat again within it is not greeted again."""

_NEXT = {
    Act.TAKE: ({ChatState.BOT, ChatState.WAITING, ChatState.TAKEN, ChatState.CLOSED}, ChatState.TAKEN),
    Act.REPLY: ({ChatState.TAKEN}, ChatState.TAKEN),
    Act.HAND_BACK: ({ChatState.TAKEN}, ChatState.BOT),
    Act.CLOSE: ({ChatState.TAKEN}, ChatState.CLOSED),
}


def after(state: ChatState, act: Act) -> ChatState | None:
    """The state an act leads to, None where it may not be done."""
    allowed, target = _NEXT[act]
    return target if state in allowed else None


def hands_over(intent: Intent, unknowns: int) -> bool:
    """``unknowns``: messages in a row, this one included, that were not understood."""
    return intent is Intent.HUMAN or unknowns >= UNKNOWNS_TO_HUMAN


def window_left(now: datetime, last_in_at: datetime | None, sent_since: int) -> int:
    """How many customer-service messages may still go out."""
    if last_in_at is None or now - last_in_at >= WINDOW:
        return 0
    return max(0, WINDOW_MESSAGES - sent_since)


def on_duty(now: datetime, calendar: WorkingDays, opens: time, closes: time) -> bool:
    local = now.astimezone(OFFICE_TIME)
    return calendar.is_working(local.date()) and opens <= local.time() < closes


def next_opening(now: datetime, calendar: WorkingDays, opens: time) -> datetime:
    """When staff are at their desks next, in office time."""
    local = now.astimezone(OFFICE_TIME)
    day = local.date() if local.time() < opens else local.date() + ONE_DAY
    while not calendar.is_working(day):
        day += ONE_DAY
    return datetime.combine(day, opens, OFFICE_TIME)
