"""The worker's side of the chat: understand, answer from live data or hand over, and deliver the reply once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from uuid import UUID

import structlog
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.actors import SYSTEM, Actor, ActorKind, Assurance
from app.db import Database
from app.envelope import DataKey
from app.errors import DomainError
from app.events import EventLog
from app.jobs import Announce, AnswerChat, DeliverChat, JobQueue
from app.office_time import OFFICE_TIME
from app.people.service import IdentityView, PeopleService
from app.ports import ChatSender, Clock, SendFailed, SendFault
from notifications.chat import texts
from notifications.chat.book import ChatBook, Said
from notifications.chat.facts import OwnFacts, day_words
from notifications.chat.intents import PERSONAL, Intent
from notifications.chat.matcher import MOST_CHARACTERS, understand
from notifications.chat.models import ChatMessage, Conversation, Delivery
from notifications.chat.rules import (
    Author,
    Channel,
    ChatState,
    hands_over,
    next_opening,
    on_duty,
    window_left,
)
from notifications.chat.service import Duty

log = structlog.get_logger(__name__)

MAX_ATTEMPTS = 3
BACKOFF = timedelta(seconds=20)
HANDED_TO = (ChatState.WAITING, ChatState.TAKEN)


@dataclass(frozen=True, slots=True)
class Answer:
    """``handed``: staff have to go on; ``understood`` False counts towards that."""

    text: str = field(repr=False)
    intent: str
    handed: bool = False
    understood: bool = True


class ChatAnswering:
    def __init__(
        self,
        db: Database,
        book: ChatBook,
        facts: OwnFacts,
        queue: JobQueue,
        log: EventLog,
        clock: Clock,
        duty: Duty,
    ) -> None:
        self._db, self._book, self._facts = db, book, facts
        self._queue, self._log, self._clock, self._duty = queue, log, clock, duty

    def answer(self, job: AnswerChat) -> None:
        """Running twice answers once; while staff have the conversation the bot is silent."""
        with self._db.transaction() as session:
            message, row = _loaded(session, job.message_id)
        if message is None or row is None or self._done(message, row):
            return
        key = self._book.key_or_none(row.graduate_id)
        if key is None:
            return
        answer = self._answer(row, message, self._book.open(key, message))
        with self._db.transaction() as session:
            row = session.get_one(Conversation, row.id, with_for_update=True)
            if not self._done(message, row):
                self._reply(session, key, row, message, answer)

    def _done(self, message: ChatMessage, row: Conversation) -> bool:
        if row.state in HANDED_TO:
            return True
        with self._db.transaction() as session:
            return session.scalar(select(ChatMessage.id).where(ChatMessage.answers == message.id)) is not None

    def _reply(self, session: Session, key: DataKey, row: Conversation, message: ChatMessage, answer: Answer) -> None:
        queued = message.channel is Channel.WECHAT
        said = Said(
            Author.BOT,
            answer.text,
            channel=message.channel,
            intent=answer.intent,
            answers=message.id,
            delivery=Delivery.QUEUED if queued else Delivery.IN_APP,
        )
        reply = self._book.add(session, key, row, said)
        row.unknowns = 0 if answer.understood or answer.handed else row.unknowns + 1
        if answer.handed:
            row.state, row.version = ChatState.WAITING, row.version + 1
            row.waiting_since = row.moved_at = self._clock.now()
            self._alert(session, row)
        if queued:
            self._queue.enqueue(session, DeliverChat(reply.id))

    def _alert(self, session: Session, row: Conversation) -> None:
        session.flush()
        waiting = session.scalar(select(func.count()).where(Conversation.state == ChatState.WAITING))
        event = self._log.record(
            session, SYSTEM, "chat.waiting", object_kind="chat", object_id=row.id, data={"waiting": waiting}
        )
        self._queue.enqueue(session, Announce(event))

    # --- what is said -------------------------------------------------------------------------------------------------

    def _answer(self, row: Conversation, message: ChatMessage, text: str) -> Answer:
        if message.kind == "entered":
            return Answer(texts.fitted(texts.GREETING), Intent.GREETING)
        if message.kind == "media":
            return Answer(texts.fitted(texts.MEDIA), "media")
        if len(text) > MOST_CHARACTERS:
            return Answer(texts.fitted(texts.TOO_LONG, self._waiting_words()), "letter", handed=True)
        intent = understand(text).intent
        understood = intent is not Intent.UNKNOWN
        if hands_over(intent, 0 if understood else row.unknowns + 1):
            return Answer(self._waiting_words(), intent, handed=True, understood=understood)
        return Answer(texts.fitted(*self._words(row, intent)), intent, understood=understood)

    def _words(self, row: Conversation, intent: Intent) -> Sequence[str]:
        if intent not in PERSONAL:
            return [texts.FIXED[intent]]
        if row.graduate_id is None:
            return [texts.NOT_BOUND]
        actor = Actor(ActorKind.GRADUATE, row.graduate_id, assurance=Assurance.L2_PROOFED, identity_id=row.identity_id)
        try:
            return self._facts.answer(actor, intent)
        except DomainError as error:
            log.warning("chat_facts_away", code=error.code, intent=intent.value)
            return [texts.NOT_NOW]

    def _waiting_words(self) -> str:
        now, duty = self._clock.now(), self._duty
        if on_duty(now, duty.calendar, duty.opens, duty.closes):
            return texts.WAITING_ON_DUTY
        opening = next_opening(now, duty.calendar, duty.opens)
        return texts.WAITING_OFF_DUTY.format(
            opens=f"{duty.opens:%H:%M}",
            closes=f"{duty.closes:%H:%M}",
            when=f"{day_words(opening)} {opening.astimezone(OFFICE_TIME):%H:%M}",
        )


class ChatDelivery:
    """Replies of bot and staff on their way. The attempt is committed before the call: a crash leaves ``unknown``."""

    def __init__(
        self,
        db: Database,
        book: ChatBook,
        people: PeopleService,
        sender: ChatSender | None,
        queue: JobQueue,
        log: EventLog,
        clock: Clock,
    ) -> None:
        self._db, self._book, self._people, self._sender = db, book, people, sender
        self._queue, self._log, self._clock = queue, log, clock

    def deliver(self, job: DeliverChat) -> None:
        """Once at most: what may have arrived is not sent again, it waits in the app."""
        with self._db.transaction() as session:
            message, row = _loaded(session, job.message_id)
        if message is None or row is None or message.delivery not in (Delivery.QUEUED, Delivery.SENDING):
            return
        key = self._book.key_or_none(row.graduate_id)
        if key is None:
            return
        identity = self._people.identity(row.identity_id)
        fault = self._try(job, row, message, identity, self._book.open(key, message))
        if fault is SendFault.RETRY and job.attempt < MAX_ATTEMPTS:
            with self._db.transaction() as session:
                session.get_one(ChatMessage, message.id, with_for_update=True).delivery = Delivery.QUEUED
                session.get_one(Conversation, row.id, with_for_update=True, populate_existing=True).sent_since -= 1
                self._queue.enqueue(
                    session, DeliverChat(message.id, job.attempt + 1), at=self._clock.now() + BACKOFF * job.attempt
                )

    def _try(
        self, job: DeliverChat, row: Conversation, message: ChatMessage, identity: IdentityView, text: str
    ) -> SendFault | None:
        left = window_left(self._clock.now(), row.last_in_at, row.sent_since)
        if message.delivery is Delivery.SENDING:
            self._settle(message.id, Delivery.UNKNOWN, "worker_lost")
            return None
        if message.channel is not Channel.WECHAT or self._sender is None or not identity.reachable:
            self._settle(message.id, Delivery.IN_APP, "")
            return None
        if message.author is Author.STAFF and left == 0:
            self._settle(message.id, Delivery.IN_APP, "window")
            return None
        with self._db.transaction() as session:
            claimed = session.get_one(ChatMessage, message.id, with_for_update=True)
            if claimed.delivery is not Delivery.QUEUED:
                return None
            claimed.delivery = Delivery.SENDING
            session.get_one(Conversation, row.id, with_for_update=True, populate_existing=True).sent_since += 1
        try:
            self._sender.send(identity.open_id, text)
        except SendFailed as error:
            return self._failed(job, message, identity, error)
        self._settle(message.id, Delivery.SENT, "")
        return None

    def _failed(self, job: DeliverChat, message: ChatMessage, identity: IdentityView, error: SendFailed) -> SendFault:
        log.info("chat_reply_not_sent", message=str(message.id), fault=error.fault.value, reason=error.reason)
        if error.fault is SendFault.RETRY and job.attempt < MAX_ATTEMPTS:
            return error.fault
        unknown = error.fault is SendFault.UNKNOWN
        self._settle(
            message.id, Delivery.UNKNOWN if unknown else Delivery.IN_APP, f"{error.fault.value}:{error.reason}"
        )
        if error.fault is SendFault.RECIPIENT and error.reason == "40003":
            with self._db.transaction() as session:
                self._people.mark_unreachable(session, identity.id)
        return error.fault

    def _settle(self, message_id: UUID, delivery: Delivery, reason: str) -> None:
        """What was not sent waits in the app; of staff's reply a bound person gets a notice in the inbox too."""
        with self._db.transaction() as session:
            message = session.get_one(ChatMessage, message_id, with_for_update=True)
            row = session.get_one(Conversation, message.conversation_id)
            told = delivery is not Delivery.SENT and row.graduate_id is not None and message.author is Author.STAFF
            message.delivery = Delivery.INBOX if told and delivery is Delivery.IN_APP else delivery
            message.reason, message.settled_at = reason[:80], self._clock.now()
            if told:
                event = self._log.record(
                    session, SYSTEM, "chat.answered", graduate_id=row.graduate_id, object_kind="chat", object_id=row.id
                )
                self._queue.enqueue(session, Announce(event))


def _loaded(session: Session, message_id: UUID) -> tuple[ChatMessage | None, Conversation | None]:
    message = session.get(ChatMessage, message_id)
    return message, session.get(Conversation, message.conversation_id) if message is not None else None
