"""WeCom's group robot: one line of text to the staff's group. Its key is the only secret and stands in the query."""

from __future__ import annotations

import json
import logging
import threading
from collections import deque

from app.ports import Clock, SendFailed, SendFault
from providers import send_faults
from providers.outbound import Outbound, PlatformUnavailable

log = logging.getLogger(__name__)

PROVIDER = "wecom"
MAX_BYTES = 2048
PER_MINUTE = 20
REST_S = 65  # after a refusal wait out the whole minute


def fit_bytes(text: str, limit: int = MAX_BYTES) -> str:
    """The text in at most ``limit`` UTF-8 bytes, cut with "…" between two characters."""
    raw = text.encode(errors="replace")
    if len(raw) <= limit:
        return raw.decode()
    return raw[: limit - len("…".encode())].decode(errors="ignore") + "…"


class WeComRobot:
    """app.ports.StaffAlerts. Thread-safe; keeps this process below the robot's 20 messages a minute."""

    def __init__(self, base_url: str, key: str, *, clock: Clock, timeout_s: float = 3.0) -> None:
        self._url = base_url.rstrip("/") + "/cgi-bin/webhook/send"
        self._key, self._clock = key, clock
        self._outbound = Outbound(PROVIDER, timeout_s)
        self._sent_at: deque[float] = deque(maxlen=PER_MINUTE)
        self._rest_until = 0.0
        self._gate = threading.Lock()

    def alert(self, text: str) -> None:
        self._take_turn()
        content = {"msgtype": "text", "text": {"content": fit_bytes(text)}}
        body = json.dumps(content, ensure_ascii=False).encode()
        headers = {"Content-Type": "application/json; charset=utf-8"}
        try:
            reply = self._outbound.send("post", self._url, params={"key": self._key}, body=body, headers=headers)
        except PlatformUnavailable as error:
            raise SendFailed(SendFault.UNKNOWN if error.sent else SendFault.RETRY, error.reason) from None
        code = _errcode(reply.content)
        if code != 0:
            raise self._failed(code)

    def _take_turn(self) -> None:
        now = self._clock.now().timestamp()
        with self._gate:
            full = len(self._sent_at) == PER_MINUTE and now - self._sent_at[0] < 60
            if full or now < self._rest_until:
                raise SendFailed(SendFault.LATER, "local_limit")
            self._sent_at.append(now)

    def _failed(self, code: int) -> SendFailed:
        fault = send_faults.of_wecom(code)
        if fault is SendFault.LATER:
            self._rest_until = self._clock.now().timestamp() + REST_S
        if fault is SendFault.CONFIG:
            log.error("wecom refused an alert: errcode %s", code)
        return SendFailed(fault, str(code))


def _errcode(content: bytes) -> int:
    """0 only if WeCom said so; an unreadable answer leaves it open whether the line arrived."""
    try:
        code = json.loads(content)["errcode"]
    except (ValueError, KeyError, TypeError, RecursionError):
        code = None
    if isinstance(code, bool) or not isinstance(code, int):
        raise SendFailed(SendFault.UNKNOWN, "not_json")
    return code
