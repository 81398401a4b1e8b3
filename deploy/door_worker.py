"""Gunicorn's threaded worker, with the answers of our doors for what never becomes a request."""

from __future__ import annotations

import json
import secrets
import socket
from collections.abc import Mapping
from typing import Any

import structlog
from gunicorn import util
from gunicorn.http.errors import LimitRequestHeaders, LimitRequestLine, ParseException, UnsupportedTransferCoding
from gunicorn.workers.gthread import ThreadWorker

from app import logs
from app.problems import Problem, wording

# RFC 9110 §15.5.15, RFC 6585 §5, RFC 9112 §6.1
STATUS: Mapping[type[Exception], tuple[int, str, str]] = {
    LimitRequestLine: (414, "URI Too Long", "address_too_long"),
    LimitRequestHeaders: (431, "Request Header Fields Too Large", "headers_too_large"),
    UnsupportedTransferCoding: (501, "Not Implemented", "malformed"),
    ParseException: (400, "Bad Request", "malformed"),
}
OURS = (500, "Internal Server Error", "internal_error")
log = structlog.get_logger(__name__)


def answer(client: socket.socket, error: BaseException) -> None:
    """A problem document (RFC 9457). Gunicorn's own would log the sender's address and quote the request."""
    status, reason, code = next((STATUS[k] for k in type(error).__mro__ if k in STATUS), OURS)
    request_id = secrets.token_hex(8)
    # what the sender did needs no lines of ours; what we did is found by them
    where = {"places": logs.places(error)} if code == OURS[2] else {}
    kind = type(error).__name__
    log.warning("request_not_read", code=code, status=status, error_type=kind, request_id=request_id, **where)
    words = wording(code, english=False, params={})
    body = json.dumps(Problem(status, code, words, words).document(request_id), ensure_ascii=False).encode()
    head = (
        f"HTTP/1.1 {status} {reason}\r\nConnection: close\r\nContent-Type: application/problem+json\r\n"
        f"Content-Language: zh-CN\r\nCache-Control: no-store\r\nX-Request-Id: {request_id}\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    try:
        util.write_nonblock(client, head.encode("ascii") + body)
    except OSError:
        log.info("answer_not_sent", status=status, request_id=request_id)


class DoorWorker(ThreadWorker):  # type: ignore[misc]
    def handle_error(self, _request: Any, client: socket.socket, _address: Any, error: BaseException) -> None:
        answer(client, error)
