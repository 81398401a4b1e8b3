"""Keeping conversations: finding the one of an account, adding what was said, opening it again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from sqlalchemy import Select, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from app.db import new_id
from app.envelope import DataKey, open_json, seal_json
from app.errors import NotFound
from app.keyring import Keyring
from app.people.models import IdentityState
from app.people.service import IdentityView
from app.ports import Clock
from notifications.chat import texts
from notifications.chat.models import ChatMessage, Conversation, Delivery, body_place
from notifications.chat.rules import Author, Channel, ChatState


@dataclass(frozen=True, slots=True)
class MessageView:
    """``text`` is the catalogue's word for a message whose key was destroyed. ``staff_id`` for staff's own eyes."""

    id: UUID
    serial: int
    author: Author
    text: str = field(repr=False)
    delivery: Delivery
    reason: str
    staff_id: UUID | None
    at: datetime


@dataclass(frozen=True, slots=True)
class Said:
    """What is to be added. ``staff_id`` for staff's replies, ``answers`` for the bot's."""

    author: Author
    text: str = field(repr=False)
    kind: str = "text"
    channel: Channel = Channel.APP
    intent: str = ""
    staff_id: UUID | None = None
    answers: UUID | None = None
    delivery: Delivery = Delivery.NONE


def graduate_of(identity: IdentityView) -> UUID | None:
    """Whom the account stands for now; None for a stranger's."""
    return identity.graduate_id if identity.state is IdentityState.BOUND else None


class ChatBook:
    """Everything but ``key_of`` works in the caller's transaction; keys are unwrapped before it opens."""

    def __init__(self, keys: Keyring, clock: Clock) -> None:
        self._keys, self._clock = keys, clock

    def key_of(self, graduate_id: UUID | None) -> DataKey:
        """Raises NotFound for an erased graduate."""
        return self._keys.of(graduate_id) if graduate_id is not None else self._keys.house()

    def key_or_none(self, graduate_id: UUID | None) -> DataKey | None:
        """None once the key is destroyed: then nobody reads what was said."""
        try:
            return self.key_of(graduate_id)
        except NotFound:
            return None

    def conversation(
        self, session: Session, identity_id: UUID, graduate_id: UUID | None, channel: Channel
    ) -> Conversation:
        """The account's own, made on first sight and locked; safe when two messages race."""
        now = self._clock.now()
        session.execute(
            insert(Conversation)
            .values(
                id=new_id(),
                identity_id=identity_id,
                graduate_id=graduate_id,
                state=ChatState.BOT,
                version=1,
                unknowns=0,
                channel=channel,
                sent_since=0,
                moved_at=now,
                created_at=now,
            )
            .on_conflict_do_nothing(index_elements=["identity_id", "graduate_id"])
        )
        return session.scalars(_own(identity_id, graduate_id).with_for_update()).one()

    @staticmethod
    def find(session: Session, identity_id: UUID, graduate_id: UUID | None) -> Conversation | None:
        return session.scalar(_own(identity_id, graduate_id))

    def add(self, session: Session, key: DataKey, row: Conversation, said: Said) -> ChatMessage:
        message_id = new_id()
        message = ChatMessage(
            id=message_id,
            conversation_id=row.id,
            author=said.author,
            kind=said.kind,
            channel=said.channel,
            sealed_body=seal_json(key, body_place(message_id), {"text": said.text}),
            intent=said.intent,
            staff_id=said.staff_id,
            answers=said.answers,
            delivery=said.delivery,
            reason="",
            created_at=self._clock.now(),
        )
        session.add(message)
        session.flush()
        return message

    def open(self, key: DataKey | None, message: ChatMessage) -> str:
        if key is None:
            return texts.UNREADABLE
        return str(open_json(key, body_place(message.id), message.sealed_body)["text"])

    def views(self, key: DataKey | None, messages: Sequence[ChatMessage]) -> list[MessageView]:
        return [
            MessageView(m.id, m.serial, m.author, self.open(key, m), m.delivery, m.reason, m.staff_id, m.created_at)
            for m in messages
        ]


def _own(identity_id: UUID, graduate_id: UUID | None) -> Select[Conversation]:
    return select(Conversation).where(
        Conversation.identity_id == identity_id, Conversation.graduate_id.is_not_distinct_from(graduate_id)
    )
