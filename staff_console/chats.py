"""在线咨询: who waits for staff, one conversation with its history, and what staff do with it."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

from flask import Blueprint, Response, request

from app.errors import Conflict, DomainError, Invalid, VersionMismatch
from app.problems import problem_of
from auth.guards import current_actor
from notifications.chat.desk import ChatView, Look
from notifications.chat.models import Delivery
from notifications.chat.rules import MAX_TEXT, Act, Author
from staff_console import forms
from staff_console.gate import READERS, desk
from staff_console.parts import parts
from staff_console.render import fragment, go, page

LOOKS = {Look.WAITING: "等待人工", Look.MINE: "我办理的", Look.TAKEN: "办理中", Look.CLOSED: "已结束"}
DELIVERIES = {
    Delivery.QUEUED: "正在发送",
    Delivery.SENDING: "正在发送",
    Delivery.SENT: "已送达微信聊天",
    Delivery.IN_APP: "未发到微信，本人打开小程序可见",
    Delivery.INBOX: "未发到微信，已发站内通知，本人打开小程序可见",
    Delivery.UNKNOWN: "微信未确认，本人打开小程序可见",
}


def waiting_words(seconds: int | None) -> str:
    """How long somebody has waited for staff."""
    if seconds is None:
        return "—"
    minutes, hours, days = seconds // 60, seconds // 3600, seconds // 86400
    return f"{days} 天" if days else f"{hours} 小时" if hours else f"{minutes} 分钟" if minutes else "不到 1 分钟"


def _number(name: str) -> int:
    value = request.form.get(name, "")
    return int(value) if value.isascii() and value.isdigit() and len(value) < 19 else 0


def _list() -> Response:
    given = request.args.get("look", "")
    look = Look(given) if given in set(Look) else Look.WAITING
    number = forms.page_number(request.args)
    lines, total = parts().chat_desk.listed(
        current_actor(), look, offset=(number - 1) * forms.PAGE_SIZE, limit=forms.PAGE_SIZE
    )
    return page(
        "chats.html",
        look=look,
        looks=LOOKS,
        counts=parts().chat_desk.counts(current_actor()),
        lines=lines,
        total=total,
        number=number,
        last=forms.last_page(total),
        handlers=parts().people.staff_names([line.assigned_to for line in lines if line.assigned_to]),
        waiting_words=waiting_words,
    )


def _show(found: ChatView, status: int = 200, error: DomainError | None = None) -> Response:
    """One conversation; with an error, what was typed stays in the form."""
    writers = {m.staff_id for m in found.messages if m.staff_id} | {found.line.assigned_to} - {None}
    return page(
        "chat.html",
        status,
        chat=found,
        line=found.line,
        names=parts().people.staff_names([w for w in writers if w]),
        acts=Act,
        authors=Author,
        deliveries=DELIVERIES,
        max_text=MAX_TEXT,
        waited=waiting_words(found.line.waited_s),
        problem=problem_of(error) if error is not None else None,
        typed=forms.text("text") if error is not None else "",
    )


def _act(conversation_id: UUID, act: Callable[[], None], note: str) -> Response:
    try:
        act()
    except (Invalid, VersionMismatch, Conflict) as error:
        return _show(parts().chat_desk.read(current_actor(), conversation_id), problem_of(error).status, error)
    return go(f"/console/chats/{conversation_id}", note)


def add_chats(console: Blueprint) -> None:
    @console.get("/chats")
    @desk(*READERS)
    def chats() -> Response:
        return _list()

    @console.get("/chats/<uuid:conversation_id>")
    @desk(*READERS)
    def chat(conversation_id: UUID) -> Response:
        return _show(parts().chat_desk.read(current_actor(), conversation_id))

    @console.post("/chats/<uuid:conversation_id>/take")
    @desk(*READERS)
    def take_chat(conversation_id: UUID) -> Response:
        actor = current_actor()
        return _act(
            conversation_id, lambda: parts().chat_desk.take(actor, conversation_id, forms.version()), "chat_taken"
        )

    @console.post("/chats/<uuid:conversation_id>/reply")
    @desk(*READERS)
    def reply_chat(conversation_id: UUID) -> Response:
        actor = current_actor()
        return _act(
            conversation_id,
            lambda: parts().chat_desk.reply(actor, conversation_id, forms.version(), forms.text("text")),
            "chat_replied",
        )

    @console.post("/chats/<uuid:conversation_id>/hand-back")
    @desk(*READERS)
    def hand_back_chat(conversation_id: UUID) -> Response:
        actor = current_actor()
        return _act(
            conversation_id,
            lambda: parts().chat_desk.hand_back(actor, conversation_id, forms.version()),
            "chat_handed_back",
        )

    @console.post("/chats/<uuid:conversation_id>/close")
    @desk(*READERS)
    def close_chat(conversation_id: UUID) -> Response:
        actor = current_actor()
        return _act(
            conversation_id, lambda: parts().chat_desk.close(actor, conversation_id, forms.version()), "chat_closed"
        )


def add_chat_news(console: Blueprint) -> None:
    @console.post("/chats/news")
    @desk(*READERS, passive=True)
    def queue_news() -> Response:
        """What the list asks by itself: whether more or fewer wait than it shows."""
        waiting = parts().chat_desk.counts(current_actor())[Look.WAITING]
        changed = f"现有 {waiting} 人等待人工。" if waiting != _number("shown") else ""
        return fragment("_chat_news.html", changed=changed, where="/console/chats")

    @console.post("/chats/<uuid:conversation_id>/news")
    @desk(*READERS, passive=True)
    def chat_news(conversation_id: UUID) -> Response:
        """What a conversation's page asks by itself: whether the person wrote again."""
        newer = parts().chat_desk.newer(current_actor(), conversation_id, _number("shown"))
        changed = f"咨询人发来 {newer} 条新消息。" if newer else ""
        return fragment("_chat_news.html", changed=changed, where=f"/console/chats/{conversation_id}")
