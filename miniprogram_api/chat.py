"""The chat inside the mini-program: write, read what was said, ask for a person. A job answers within seconds."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from flask import Response
from pydantic import Field

from auth.guards import current_actor, graduate
from miniprogram_api.door import In, Out, PageIn, api, idempotent, lantai, page_of, read_cursor
from notifications.chat.book import MessageView
from notifications.chat.rules import MAX_TEXT, Author, ChatState


class ChatTextIn(In):
    text: str = Field(
        min_length=1,
        max_length=2 * MAX_TEXT,
        description=f"What is asked, at most {MAX_TEXT} visible characters. No ID numbers, please",
    )


class ChatMessageOut(Out):
    id: UUID
    author: Author
    text: str
    at: datetime


class ChatMessagesOut(Out):
    items: list[ChatMessageOut] = Field(description="Newest first")
    next: str | None


class ChatOut(Out):
    state: ChatState
    state_label: str
    waiting_since: datetime | None = Field(description="Since when staff's reply is awaited")
    answers_from: datetime | None = Field(description="When staff are at their desks next; null while they are")
    opens: str = Field(description="Office hours on working days, Beijing time, HH:MM")
    closes: str


@api.get("/chat")
@graduate(bound=False)
@api.output(ChatOut)
def chat() -> ChatOut:
    """Who answers now, and when staff do. Nothing said in WeChat's own chat is lost: it is the same conversation."""
    return ChatOut.model_validate(lantai().chat.standing(current_actor()))


@api.get("/chat/messages")
@graduate(bound=False)
@api.input(PageIn, location="query", arg_name="query")
@api.output(ChatMessagesOut)
def chat_messages(query: PageIn) -> ChatMessagesOut:
    """What was said since this account stands for whom it stands now, newest first; kept for 180 days."""
    rows = lantai().chat.messages(current_actor(), before=read_cursor(query.cursor), limit=query.limit + 1)
    page, following = page_of(rows, query.limit, lambda m: m.serial)
    return ChatMessagesOut(items=[_out(m) for m in page], next=following)


@api.post("/chat/messages")
@graduate(bound=False)
@api.input(ChatTextIn, arg_name="body")
@api.output(ChatMessageOut, status_code=201)
def say(body: ChatTextIn) -> Response:
    """Write a message. The answer follows in the list; to an account that is not bound it holds nothing personal."""
    return idempotent(lambda: (201, _out(lantai().chat.say(current_actor(), body.text)), None))


@api.post("/chat/handover")
@graduate(bound=False)
@api.output(ChatMessageOut, status_code=201)
def ask_human() -> Response:
    """Ask for a person, as writing 转人工 does."""
    return idempotent(lambda: (201, _out(lantai().chat.ask_human(current_actor())), None))


def _out(message: MessageView) -> ChatMessageOut:
    return ChatMessageOut.model_validate(message)
