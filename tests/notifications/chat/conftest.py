"""Somebody who writes in WeChat's chat, and what they get."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count

import pytest
from sqlalchemy import select

from app.people.models import PlatformIdentity
from app.ports import Platform, PushedMessage
from notifications.chat.models import ChatMessage, Conversation
from parts import Lantai
from tests.conftest import ApiClient, Person, World

_numbers = count(1)


@dataclass
class Writer:
    """One WeChat account; ``say`` is heard, answered and delivered."""

    open_id: str
    lantai: Lantai
    world: World
    run_jobs: Callable[[], None] = field(repr=False)

    def push(self, text: str, *, kind: str = "text", event: str = "", key: str = "") -> bool:
        key = key or f"{next(_numbers)}"
        return self.lantai.pushes.accept(PushedMessage(key, kind, event, self.open_id, 0, text))

    def say(self, text: str, **changes: str) -> str:
        """The reply, '' for none."""
        self.world.chat.sent.clear()
        self.push(text, **changes)
        self.run_jobs()
        replies = [reply for to, reply in self.world.chat.sent if to == self.open_id]
        assert len(replies) <= 1
        return replies[0] if replies else ""

    def conversation(self) -> Conversation:
        """The latest."""
        with self.lantai.db.transaction() as session:
            return session.scalars(
                select(Conversation)
                .join(PlatformIdentity, PlatformIdentity.id == Conversation.identity_id)
                .where(PlatformIdentity.open_id == self.open_id)
                .order_by(Conversation.created_at.desc(), Conversation.graduate_id.is_(None))
            ).first()  # type: ignore[return-value]

    def kept(self) -> list[ChatMessage]:
        with self.lantai.db.transaction() as session:
            query = select(ChatMessage).where(ChatMessage.conversation_id == self.conversation().id)
            return list(session.scalars(query.order_by(ChatMessage.serial)))


@pytest.fixture
def stranger(lantai: Lantai, world: World, run_jobs: Callable[[], None]) -> Writer:
    """An account nobody has seen before."""
    return Writer("open-stranger", lantai, world, run_jobs)


@pytest.fixture
def person(graduate_factory: Callable[..., Person]) -> Person:
    return graduate_factory("测试甲乙")


@pytest.fixture
def bound(
    person: Person,
    signed_in: Callable[..., ApiClient],
    lantai: Lantai,
    world: World,
    run_jobs: Callable[[], None],
) -> Writer:
    """The graduate's own account, bound by a face check."""
    signed_in(person, 2)
    run_jobs()
    world.wechat_sender.sent.clear()
    (identity,) = lantai.people.identities_of(person.id)
    assert identity.platform is Platform.WECHAT
    return Writer(identity.open_id, lantai, world, run_jobs)
