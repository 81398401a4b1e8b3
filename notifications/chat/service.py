"""The person's side of the chat: what they write is kept at once, answered by a job, and read again in the app."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, time
from uuid import UUID

from sqlalchemy import delete, exists, select
from sqlalchemy.orm import Session

from app.actors import Actor
from app.db import Database
from app.envelope import DataKey
from app.errors import FieldFault, Forbidden, Invalid
from app.jobs import AnswerChat, JobQueue
from app.people.service import IdentityView, PeopleService
from app.ports import Clock, Platform, PlatformAccount, PushedMessage, RateLimiter
from app.text_rules import without_hidden
from app.working_days.calendar import WorkingDays
from notifications.chat.book import ChatBook, MessageView, Said, graduate_of
from notifications.chat.models import ChatMessage, Conversation
from notifications.chat.rules import (
    MAX_PUSHED,
    MAX_TEXT,
    NEW_TALK,
    RETENTION,
    STATE_LABELS,
    Author,
    Channel,
    ChatState,
    next_opening,
    on_duty,
)

MOST_PER_MINUTE = 20
ENTERED = "user_enter_tempsession"
HUMAN_WORDS = "转人工"
SWEPT_AT_ONCE = 5000


@dataclass(frozen=True, slots=True)
class Duty:
    """When staff answer, on working days in office time."""

    calendar: WorkingDays
    opens: time
    closes: time


@dataclass(frozen=True, slots=True)
class ChatStanding:
    """``answers_from``: when staff are at their desks next; None while they are."""

    state: ChatState
    state_label: str
    waiting_since: datetime | None
    answers_from: datetime | None
    opens: str
    closes: str


@dataclass(frozen=True, slots=True)
class Pushed:
    """A message of WeChat's chat, ready to be kept: ``key`` was unwrapped before any transaction."""

    open_id: str = field(repr=False)
    identity: IdentityView | None
    key: DataKey = field(repr=False)
    kind: str
    text: str = field(repr=False)


class ChatService:
    def __init__(
        self,
        db: Database,
        book: ChatBook,
        people: PeopleService,
        limits: RateLimiter,
        queue: JobQueue,
        clock: Clock,
        duty: Duty,
        wechat_app_id: str,
    ) -> None:
        self._db, self._book, self._people, self._limits = db, book, people, limits
        self._queue, self._clock, self._duty, self._app_id = queue, clock, duty, wechat_app_id

    # --- from WeChat --------------------------------------------------------------------------------------------------

    def prepare(self, message: PushedMessage) -> Pushed | None:
        """What of a push belongs to the chat; None for every other, and for whoever was erased. Call it before opening
        the transaction.

        Raises RateLimited.
        """
        kind = "entered" if message.event == ENTERED else _KINDS.get(message.kind, "")
        if not kind:
            return None
        self._limits.hit("chat", message.open_id, limit=MOST_PER_MINUTE, window_s=60)
        identity = self._people.identity_by_open_id(Platform.WECHAT, message.open_id)
        key = self._book.key_or_none(graduate_of(identity) if identity is not None else None)
        if key is None:
            return None
        text = without_hidden(message.content).strip()[:MAX_PUSHED] if kind == "text" else ""
        return Pushed(message.open_id, identity, key, kind, text)

    def take_in(self, session: Session, pushed: Pushed) -> None:
        """In the transaction that knows the push is no resend."""
        identity = pushed.identity
        if identity is None:
            account = PlatformAccount(Platform.WECHAT, self._app_id, pushed.open_id)
            identity = self._people.remember_identity(session, account)
        graduate_id = graduate_of(pushed.identity) if pushed.identity is not None else None
        row = self._book.conversation(session, identity.id, graduate_id, Channel.WECHAT)
        self._keep(session, pushed.key, row, Said(Author.PERSON, pushed.text, pushed.kind, Channel.WECHAT))

    # --- in the mini-program ------------------------------------------------------------------------------------------

    def say(self, actor: Actor, text: str) -> MessageView:
        """Raises Invalid by field, RateLimited."""
        text = self._words(text)
        identity_id, graduate_id = self._who(actor)
        self._limits.hit("chat", str(identity_id), limit=MOST_PER_MINUTE, window_s=60)
        key = self._book.key_of(graduate_id)
        with self._db.transaction() as session:
            row = self._book.conversation(session, identity_id, graduate_id, Channel.APP)
            message = self._keep(session, key, row, Said(Author.PERSON, text))
            return self._book.views(key, [message])[0]

    def ask_human(self, actor: Actor) -> MessageView:
        """The button: the same as writing 转人工."""
        return self.say(actor, HUMAN_WORDS)

    def messages(self, actor: Actor, *, before: int | None, limit: int) -> list[MessageView]:
        """Newest first; ``before`` is a serial. Only what was said while the account stood for whom it stands now."""
        identity_id, graduate_id = self._who(actor)
        key = self._book.key_of(graduate_id)
        with self._db.transaction() as session:
            row = self._book.find(session, identity_id, graduate_id)
            if row is None:
                return []
            query = select(ChatMessage).where(ChatMessage.conversation_id == row.id, ChatMessage.kind != "entered")
            if before is not None:
                query = query.where(ChatMessage.serial < before)
            found = session.scalars(query.order_by(ChatMessage.serial.desc()).limit(limit)).all()
            return self._book.views(key, found)

    def standing(self, actor: Actor) -> ChatStanding:
        identity_id, graduate_id = self._who(actor)
        with self._db.transaction() as session:
            row = self._book.find(session, identity_id, graduate_id)
        state, now, duty = row.state if row is not None else ChatState.BOT, self._clock.now(), self._duty
        here = on_duty(now, duty.calendar, duty.opens, duty.closes)
        return ChatStanding(
            state,
            STATE_LABELS[state],
            row.waiting_since if row is not None else None,
            None if here else next_opening(now, duty.calendar, duty.opens),
            f"{duty.opens:%H:%M}",
            f"{duty.closes:%H:%M}",
        )

    # --- housekeeping -------------------------------------------------------------------------------------------------

    def sweep(self) -> int:
        """Delete what is older than RETENTION, and conversations nothing is left of; gives how many messages went."""
        limit = self._clock.now() - RETENTION
        old = select(ChatMessage.id).where(ChatMessage.created_at < limit).limit(SWEPT_AT_ONCE)
        left = exists().where(ChatMessage.conversation_id == Conversation.id)
        with self._db.transaction() as session:
            gone = session.execute(delete(ChatMessage).where(ChatMessage.id.in_(old)))
            session.execute(delete(Conversation).where(Conversation.moved_at < limit, ~left))
            return int(getattr(gone, "rowcount", 0))

    # --- inside -------------------------------------------------------------------------------------------------------

    def _keep(self, session: Session, key: DataKey, row: Conversation, said: Said) -> ChatMessage:
        now = self._clock.now()
        said_before = session.scalar(select(exists().where(ChatMessage.conversation_id == row.id)))
        fresh = not said_before or now - row.moved_at >= NEW_TALK
        message = self._book.add(session, key, row, said)
        row.channel, row.moved_at = said.channel, now
        if said.kind == "entered":
            if fresh:
                self._queue.enqueue(session, AnswerChat(message.id))
            return message
        row.last_in_at, row.sent_since = now, 0
        if row.state is ChatState.CLOSED:
            row.state, row.version = ChatState.BOT, row.version + 1
        if row.state in (ChatState.WAITING, ChatState.TAKEN):
            row.waiting_since = row.waiting_since or now
        else:
            self._queue.enqueue(session, AnswerChat(message.id))
        return message

    @staticmethod
    def _words(text: str) -> str:
        """Without what nobody sees: emoji are joined by such characters, so they are dropped and not refused."""
        seen = without_hidden(text).strip()
        if not seen or len(seen) > MAX_TEXT:
            raise Invalid(faults=[FieldFault("/text", "too_long" if seen else "required")])
        return seen

    @staticmethod
    def _who(actor: Actor) -> tuple[UUID, UUID | None]:
        """(account, graduate or None for an account that is not bound)."""
        if actor.identity_id is None:
            raise Forbidden("role_required")
        return actor.identity_id, actor.id if actor.id != actor.identity_id else None


_KINDS = {"text": "text", "image": "media", "miniprogrampage": "media", "voice": "media", "video": "media"}
