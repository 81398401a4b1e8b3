"""Staff's side of the chat: the queue, one conversation with its history, taking it, replying, giving it back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from app.actors import Actor, ActorKind, Role
from app.db import Database
from app.envelope import DataKey
from app.errors import Conflict, FieldFault, Forbidden, Invalid, NotFound, VersionMismatch
from app.events import EventLog
from app.jobs import DeliverChat, JobQueue
from app.keyring import WrappedKey
from app.people.models import PlatformIdentity
from app.people.service import PeopleService
from app.ports import Clock, Platform
from app.text_rules import without_hidden
from notifications.chat import texts
from notifications.chat.book import ChatBook, MessageView, Said
from notifications.chat.models import ChatMessage, Conversation, Delivery
from notifications.chat.rules import MAX_TEXT, STATE_LABELS, Act, Author, Channel, ChatState, after, window_left

ROLES = (Role.ARCHIVIST, Role.REVIEWER, Role.DISPATCHER)
"""Whoever may look a graduate up may also answer one."""
MOST_MESSAGES = 200


class Look(StrEnum):
    """Which conversations a list shows."""

    WAITING = "waiting"
    MINE = "mine"
    TAKEN = "taken"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class ChatLine:
    """``who`` is the masked name, empty for an account that is not bound; ``waited_s`` whole seconds, None when
    nobody waits for staff.
    """

    id: UUID
    who: str
    platform: Platform
    state: ChatState
    state_label: str
    version: int
    assigned_to: UUID | None
    waiting_since: datetime | None
    waited_s: int | None
    moved_at: datetime


@dataclass(frozen=True, slots=True)
class ChatView:
    """``acts`` are what this reader may do now; ``window_left`` how many messages WeChat still takes, None where the
    person writes in the app; ``readable`` is false once the graduate's key is destroyed.
    """

    line: ChatLine
    graduate_id: UUID | None
    messages: Sequence[MessageView]
    acts: frozenset[Act]
    window_left: int | None
    readable: bool


class ChatDesk:
    def __init__(
        self, db: Database, book: ChatBook, people: PeopleService, queue: JobQueue, log: EventLog, clock: Clock
    ) -> None:
        self._db, self._book, self._people = db, book, people
        self._queue, self._log, self._clock = queue, log, clock

    # --- reading ------------------------------------------------------------------------------------------------------

    def listed(self, actor: Actor, look: Look, *, offset: int, limit: int) -> tuple[list[ChatLine], int]:
        """(lines, total): who waits longest leads; of closed ones the latest. Shows nothing that was said."""
        self._require(actor)
        query = self._chosen(actor, look)
        order = (
            (Conversation.moved_at.desc(), Conversation.id)
            if look is Look.CLOSED
            else (Conversation.waiting_since.asc().nulls_last(), Conversation.moved_at, Conversation.id)
        )
        with self._db.transaction() as session:
            total = session.scalar(select(func.count()).select_from(query.subquery())) or 0
            found = session.execute(
                query.add_columns(PlatformIdentity.platform)
                .join(PlatformIdentity, PlatformIdentity.id == Conversation.identity_id)
                .order_by(*order)
                .offset(offset)
                .limit(limit)
            ).all()
        names = self._people.names(self._keyed([row.graduate_id for row, _ in found]))
        return [self._line(row, platform, names) for row, platform in found], total

    def counts(self, actor: Actor) -> dict[Look, int]:
        self._require(actor)
        with self._db.transaction() as session:
            return {
                look: session.scalar(select(func.count()).select_from(self._chosen(actor, look).subquery())) or 0
                for look in Look
            }

    def read(self, actor: Actor, conversation_id: UUID) -> ChatView:
        """Recorded as a reading of the graduate's. Raises NotFound, Forbidden."""
        self._require(actor)
        row = self._row(conversation_id)
        key = self._book.key_or_none(row.graduate_id)
        with self._db.transaction() as session:
            self._record(session, actor, row, "chat.read")
        return self._view(actor, row, key)

    def newer(self, actor: Actor, conversation_id: UUID, after: int) -> int:
        """How many messages the person wrote after this serial; shows none of them, so it is no reading.

        Raises NotFound, Forbidden.
        """
        self._require(actor)
        self._row(conversation_id)
        query = select(func.count()).where(
            ChatMessage.conversation_id == conversation_id,
            ChatMessage.author == Author.PERSON,
            ChatMessage.kind != "entered",
            ChatMessage.serial > after,
        )
        with self._db.transaction() as session:
            return session.scalar(query) or 0

    # --- acts ---------------------------------------------------------------------------------------------------------

    def take(self, actor: Actor, conversation_id: UUID, version: int) -> None:
        """From the queue, from the bot, or from a colleague. Raises VersionMismatch when somebody was quicker."""
        with self._moving(actor, conversation_id, version, Act.TAKE) as (session, row, _):
            row.assigned_to = actor.id
            row.waiting_since = row.waiting_since or self._clock.now()
            self._record(session, actor, row, "chat.taken")

    def reply(self, actor: Actor, conversation_id: UUID, version: int, text: str) -> None:
        """Raises Invalid, Conflict('chat_not_yours'), VersionMismatch, NotFound."""
        words = without_hidden(text).strip()
        if not words or len(words) > MAX_TEXT:
            raise Invalid(faults=[FieldFault("/text", "too_long" if words else "required")])
        with self._moving(actor, conversation_id, version, Act.REPLY) as (session, row, key):
            self._send(session, key, row, Said(Author.STAFF, words, staff_id=actor.id))
            row.waiting_since = None
            self._record(session, actor, row, "chat.replied")

    def hand_back(self, actor: Actor, conversation_id: UUID, version: int) -> None:
        """To the bot. Raises as ``reply`` does."""
        with self._moving(actor, conversation_id, version, Act.HAND_BACK) as (session, row, _):
            row.assigned_to, row.waiting_since, row.unknowns = None, None, 0
            self._record(session, actor, row, "chat.handed_back")

    def close(self, actor: Actor, conversation_id: UUID, version: int) -> None:
        """Ends it and says so; what the person writes next begins with the bot. Raises as ``reply`` does."""
        with self._moving(actor, conversation_id, version, Act.CLOSE) as (session, row, key):
            row.assigned_to, row.waiting_since, row.unknowns = None, None, 0
            self._send(session, key, row, Said(Author.BOT, texts.ENDED))
            self._record(session, actor, row, "chat.closed")

    # --- inside -------------------------------------------------------------------------------------------------------

    @contextmanager
    def _moving(
        self, actor: Actor, conversation_id: UUID, version: int, act: Act
    ) -> Iterator[tuple[Session, Conversation, DataKey]]:
        """One act in one transaction on the locked row, the version checked and counted up."""
        self._require(actor)
        key = self._book.key_or_none(self._row(conversation_id).graduate_id)
        if key is None:
            raise Conflict("chat_unreadable")
        with self._db.transaction() as session:
            row = session.get_one(Conversation, conversation_id, with_for_update=True, populate_existing=True)
            if row.version != version:
                raise VersionMismatch(extra={"current_version": row.version})
            target = after(row.state, act)
            if target is None:
                raise Conflict("chat_not_possible")
            if act is not Act.TAKE and row.assigned_to != actor.id:
                raise Conflict("chat_not_yours")
            row.state, row.version, row.moved_at = target, row.version + 1, self._clock.now()
            yield session, row, key

    def _send(self, session: Session, key: DataKey, row: Conversation, said: Said) -> None:
        message = self._book.add(session, key, row, replace(said, channel=row.channel, delivery=Delivery.QUEUED))
        self._queue.enqueue(session, DeliverChat(message.id))

    def _view(self, actor: Actor, row: Conversation, key: DataKey | None) -> ChatView:
        with self._db.transaction() as session:
            latest = session.scalars(
                select(ChatMessage)
                .where(ChatMessage.conversation_id == row.id, ChatMessage.kind != "entered")
                .order_by(ChatMessage.serial.desc())
                .limit(MOST_MESSAGES)
            ).all()
        identity = self._people.identity(row.identity_id)
        names = self._people.names(self._keyed([row.graduate_id])) if key is not None else {}
        mine = row.assigned_to == actor.id
        acts = {act for act in Act if after(row.state, act) is not None and (mine != (act is Act.TAKE))}
        in_wechat = row.channel is Channel.WECHAT
        return ChatView(
            self._line(row, identity.platform, names),
            row.graduate_id,
            self._book.views(key, latest[::-1]),
            frozenset(acts) if key is not None else frozenset(),
            window_left(self._clock.now(), row.last_in_at, row.sent_since) if in_wechat else None,
            key is not None,
        )

    def _line(self, row: Conversation, platform: Platform, names: Mapping[UUID, str]) -> ChatLine:
        waited = self._clock.now() - row.waiting_since if row.waiting_since is not None else None
        return ChatLine(
            row.id,
            names.get(row.graduate_id, "") if row.graduate_id is not None else "",
            platform,
            row.state,
            STATE_LABELS[row.state],
            row.version,
            row.assigned_to,
            row.waiting_since,
            int(waited.total_seconds()) if waited is not None else None,
            row.moved_at,
        )

    @staticmethod
    def _chosen(actor: Actor, look: Look) -> Select[Conversation]:
        query = select(Conversation)
        if look is Look.MINE:
            return query.where(Conversation.state == ChatState.TAKEN, Conversation.assigned_to == actor.id)
        state = {Look.WAITING: ChatState.WAITING, Look.TAKEN: ChatState.TAKEN, Look.CLOSED: ChatState.CLOSED}[look]
        return query.where(Conversation.state == state)

    def _row(self, conversation_id: UUID) -> Conversation:
        with self._db.transaction() as session:
            row = session.get(Conversation, conversation_id)
        if row is None:
            raise NotFound("chat_not_found")
        return row

    def _keyed(self, graduate_ids: Sequence[UUID | None]) -> list[UUID]:
        """Those whose key still exists: a list must not fail for one erased."""
        wanted = [g for g in graduate_ids if g is not None]
        with self._db.transaction() as session:
            return list(session.scalars(select(WrappedKey.owner_id).where(WrappedKey.owner_id.in_(wanted))))

    def _record(self, session: Session, actor: Actor, row: Conversation, kind: str) -> None:
        self._log.record(session, actor, kind, graduate_id=row.graduate_id, object_kind="chat", object_id=row.id)

    @staticmethod
    def _require(actor: Actor) -> None:
        if actor.kind is not ActorKind.STAFF or not actor.has_role(*ROLES):
            raise Forbidden("role_required")
