"""Scripted trouble: what the next calls to one target shall suffer."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from flask import Response, request

from providers.sandbox.clock import SandboxClock

KINDS = ("errcode", "sub_code", "error_response", "slow", "garbage", "http_500", "reset", "unsigned", "wrong_key")
GARBAGE = '<html><head><title>502 Bad Gateway</title></head><body><center>网关繁忙</center></body></html>{"errcode":'


@dataclass(slots=True)
class Fault:
    """``target``: ``wechat:/path``, ``alipay:method``, ``wecom``, ``ems``, ``sms``, ``mail``, or ``wechat:*`` and
    ``alipay:*``.

    ``value`` by kind: errcode: the number or ``{"errcode", "errmsg"}`` (for ``ems`` its word); sub_code and
    error_response: the text or ``{"code", "sub_code", "sub_msg"}``; slow: seconds, after the call took effect; reset:
    ``"after"`` if the call shall take effect first.
    """

    target: str
    kind: str
    value: Any = None
    times: int = 1

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


class FaultBox:
    """Thread-safe on its own."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []
        self._lock = threading.Lock()

    def put(self, fault: Fault) -> None:
        """Raises ValueError with a sentence."""
        if fault.kind not in KINDS:
            raise ValueError(f"kind must be one of {', '.join(KINDS)}")
        if not (fault.target in ("wecom", "ems", "sms", "mail") or fault.target.startswith(("wechat:", "alipay:"))):
            raise ValueError("target must be wechat:/path, alipay:method, wecom, ems, sms or mail")
        if not isinstance(fault.times, int) or fault.times < 1:
            raise ValueError("times must be a positive whole number")
        with self._lock:
            self._faults.append(fault)

    def take(self, target: str) -> Fault | None:
        """The oldest fault for this target, counted down by one."""
        wildcard = target.split(":")[0] + ":*"
        with self._lock:
            for fault in self._faults:
                if fault.target in (target, wildcard):
                    fault.times -= 1
                    if fault.times < 1:
                        self._faults.remove(fault)
                    return Fault(fault.target, fault.kind, fault.value, fault.times)
        return None

    def waiting(self) -> list[Fault]:
        with self._lock:
            return [Fault(f.target, f.kind, f.value, f.times) for f in self._faults]

    def clear(self) -> None:
        with self._lock:
            self._faults.clear()


def suffer(
    fault: Fault | None,
    answer: Callable[[], Response],
    scripted: Callable[[Fault], Response],
    sleep: Callable[[float], None],
) -> Response:
    """The reply with the fault applied; kinds that only the platform can render go to ``scripted``."""
    if fault is None:
        return answer()
    if fault.kind == "http_500":
        return Response("internal error", 500, content_type="text/plain")
    if fault.kind == "garbage":
        return Response(GARBAGE, 200, content_type="text/html; charset=utf-8")
    if fault.kind == "slow":
        reply = answer()
        sleep(float(fault.value or 0))
        return reply
    if fault.kind == "reset":
        if fault.value == "after":
            answer()
        return hang_up()
    return scripted(fault)


def hang_up() -> Response:
    """Cut the connection; the response goes nowhere. Without one (a test client) ConnectionResetError rises."""
    connection = request.environ.get("werkzeug.socket") or request.environ.get("gunicorn.socket")
    if connection is None:
        raise ConnectionResetError("the sandbox was told to cut this connection")
    connection.shutdown(socket.SHUT_RDWR)
    return Response(status=500)


class Rids:
    """The request ids of failed WeChat calls, resolvable for seven days."""

    def __init__(self, clock: SandboxClock) -> None:
        self._clock = clock
        self._known: dict[str, tuple[float, str, dict[str, Any]]] = {}

    def remember(self, rid: str, path: str, request_info: dict[str, Any]) -> None:
        self._known[rid] = (self._clock.age(), path, request_info)

    def find(self, rid: str) -> tuple[float, str, dict[str, Any]] | None:
        """(age at the call, path, what is known of it)."""
        return self._known.get(rid)
