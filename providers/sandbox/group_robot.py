"""The staff's WeCom group: what its robot said, and how fast it may speak. The caller holds the world's lock."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from providers.sandbox.clock import SandboxClock
from providers.sandbox.refusals import WeChatRefusal

BYTE_LIMITS = {"text": 2048, "markdown": 4096, "markdown_v2": 4096}
PER_MINUTE = 20
MINUTE_S = 60


@dataclass(frozen=True, slots=True)
class GroupMessage:
    seq: int
    at: float
    kind: str
    content: str
    mentioned: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


class GroupRobot:
    def __init__(self, clock: SandboxClock) -> None:
        self._clock = clock
        self._messages: list[GroupMessage] = []
        self._sent_at: list[float] = []

    def say(self, body: dict[str, Any]) -> None:
        """Raises WeChatRefusal: 40008 type, 44004 empty, 40058 too long in bytes, 45009 the 21st in a minute."""
        kind = body.get("msgtype")
        if kind not in BYTE_LIMITS:
            raise WeChatRefusal(40008, "invalid message type")
        part = body.get(kind)
        part = part if isinstance(part, dict) else {}
        content = part.get("content")
        if not isinstance(content, str) or not content:
            raise WeChatRefusal(44004, f"{kind} content is empty")
        if len(content.encode()) > BYTE_LIMITS[kind]:
            raise WeChatRefusal(
                40058, f"{kind}.content exceed max length {BYTE_LIMITS[kind]}. invalid Request Parameter"
            )
        self._count()
        named = [*part.get("mentioned_list", []), *part.get("mentioned_mobile_list", [])]
        self._messages.append(
            GroupMessage(len(self._messages) + 1, self._clock.wall(), kind, content, tuple(map(str, named)))
        )

    def messages(self) -> list[GroupMessage]:
        return list(self._messages)

    def _count(self) -> None:
        now = self._clock.age()
        self._sent_at = [at for at in self._sent_at if now - at < MINUTE_S]
        if len(self._sent_at) >= PER_MINUTE:
            raise WeChatRefusal(45009, "api freq out of limit")
        self._sent_at.append(now)
