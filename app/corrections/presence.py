"""Who else has a ticket open. A hint, never a lock: it lives in the shared cache and is gone when nobody says it again.

The lock that holds is the ticket's version.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from app.actors import Actor
from app.corrections.queues import require_desk
from app.people.service import PeopleService
from app.ports import Cache, Clock

BEAT_S = 15
LOADED_S, BEATEN_S, TYPED_S = 180, 45, 60
"""A page that was loaded may have no script to say it is still there; one that beats falls silent when it goes."""


class Doing(StrEnum):
    LOADED = "loaded"
    VIEWING = "viewing"
    TYPING = "typing"
    LEFT = "left"


DOING_WORDS: Mapping[Doing, str] = {
    Doing.LOADED: "正在查看",
    Doing.VIEWING: "正在查看",
    Doing.TYPING: "正在填写",
}


@dataclass(frozen=True, slots=True)
class Watcher:
    name: str
    words: str
    typing: bool


class TicketPresence:
    def __init__(self, cache: Cache, people: PeopleService, clock: Clock) -> None:
        self._cache, self._people, self._clock = cache, people, clock

    def seen(self, actor: Actor, ticket_id: UUID, doing: Doing) -> Sequence[Watcher]:
        """Say that one is there, and hear who else is. Without the cache nobody is, and nothing fails."""
        require_desk(actor)
        now = self._clock.now().timestamp()
        key = f"ticket-presence:{ticket_id}"
        held = {who: times for who, times in _read(self._cache.get(key)).items() if times[0] > now}
        mine = held.pop(str(actor.id), (0.0, 0.0))
        others = dict(held)
        if doing is not Doing.LEFT:
            until = now + (LOADED_S if doing is Doing.LOADED else BEATEN_S)
            typed = now + TYPED_S if doing is Doing.TYPING else mine[1]
            held[str(actor.id)] = (until, typed)
        self._cache.put(key, json.dumps(held).encode(), LOADED_S if held else 0)
        if not others:
            return ()
        names = self._people.staff_names([UUID(who) for who in others])
        found = [
            Watcher(names[UUID(who)], DOING_WORDS[Doing.TYPING if times[1] > now else Doing.VIEWING], times[1] > now)
            for who, times in others.items()
            if UUID(who) in names
        ]
        return sorted(found, key=lambda w: (not w.typing, w.name))


def _read(kept: bytes | None) -> dict[str, tuple[float, float]]:
    return {who: (float(a), float(b)) for who, (a, b) in json.loads(kept).items()} if kept else {}
