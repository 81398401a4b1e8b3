"""Answers for a FakeServer in WeChat's manner: tokens by stable_token, everything else by the test."""

from __future__ import annotations

import threading
from collections.abc import Callable

from providers.wechat.client import WeChatClient
from providers.wechat.tokens import TokenStore
from tests.providers.fake_server import Answer, FakeClock, FakeServer, Seen, as_json

APP_ID, SECRET = "wx0000000000000001", "0123456789abcdef0123456789abcdef"
RID = "65f1a2b3-1c2d3e4f-5a6b7c8d"


def refusal(code: int, words: str = "refused") -> Answer:
    """HTTP 200 with an errcode, as WeChat does it."""
    return as_json({"errcode": code, "errmsg": f"{words} rid: {RID}"}, content_type="application/json; encoding=utf-8")


class FakeWeChat:
    """Counts token fetches; ``rotate`` False is the stable mode's way of repeating the same token."""

    def __init__(self, server: FakeServer, *, rotate: bool = True, expires_in: object = 7200) -> None:
        self.server, self.rotate, self.expires_in = server, rotate, expires_in
        self.api: Callable[[Seen], Answer] = lambda seen: as_json({"errcode": 0, "errmsg": "ok"})
        self.token_answer: Answer | None = None
        self.fetches = 0
        self._gate = threading.Lock()
        server.answer = self._answer

    def _answer(self, seen: Seen) -> Answer:
        if not seen.path.endswith("/cgi-bin/stable_token"):
            return self.api(seen)
        with self._gate:
            self.fetches += 1
            number = self.fetches if self.rotate else 1
        if self.token_answer is not None:
            return self.token_answer
        return as_json({"access_token": f"token-{number}", "expires_in": self.expires_in})

    def calls(self) -> list[Seen]:
        return [seen for seen in self.server.seen if not seen.path.endswith("/cgi-bin/stable_token")]

    def client(
        self, clock: FakeClock | None = None, store: TokenStore | None = None, *, timeout_s: float = 2.0
    ) -> WeChatClient:
        return WeChatClient(
            APP_ID,
            SECRET,
            clock=clock or FakeClock(),
            store=store,
            base_url=self.server.url + "/wechat",
            timeout_s=timeout_s,
        )
