"""EMS: the trace of a consignment by a signed query over HTTPS. The number stands in the body, never in the address."""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
import secrets
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from app.carrier_ports import CarrierCode, CarrierEvent
from app.errors import NotFound
from app.ports import Clock
from providers.carriers.dialect import Dialect
from providers.outbound import Outbound, PlatformUnavailable

log = logging.getLogger(__name__)

PROVIDER = "ems"
TRIES = 2  # a query changes nothing, so a lost answer is asked for once more
MAX_BYTES = 512 * 1024
MAX_EVENTS = 500
MAX_ID, MAX_PLACE, MAX_WORDS, MAX_SIGNER = 80, 120, 400, 60
EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
MS_AT_MOST = 253_402_300_799_000  # the year 9999


class Ems:
    """app.carrier_ports.Carrier. Thread-safe."""

    def __init__(
        self, base_url: str, app_id: str, secret: str, dialect: Dialect, *, clock: Clock, timeout_s: float = 3.0
    ) -> None:
        self._url = f"{base_url.rstrip('/')}/{dialect.request.path}"
        self._app_id, self._secret, self._dialect, self._clock = app_id, secret.encode(), dialect, clock
        self._zone = ZoneInfo(dialect.event.time_zone)
        self._outbound = Outbound(PROVIDER, timeout_s, max_bytes=MAX_BYTES)

    def track(self, tracking_number: str) -> Sequence[CarrierEvent]:
        for left in reversed(range(TRIES)):
            try:
                return self._read(self._ask(tracking_number), tracking_number)
            except PlatformUnavailable as error:
                if not left or error.reason not in ("no_answer", "connection", "unreachable", "http_500", "http_502"):
                    raise
        raise AssertionError("unreachable")

    def _ask(self, tracking_number: str) -> bytes:
        names = self._dialect.request
        # each try is signed anew: a nonce is good once
        body = {
            names.app_id: self._app_id,
            names.timestamp: int(self._clock.now().timestamp() * 1000),
            names.nonce: secrets.token_hex(16),
            names.number: tracking_number,
        }
        body[names.signature] = hmac.digest(self._secret, canonical(body), hashlib.sha256).hex()
        headers = {"Content-Type": "application/json; charset=utf-8"}
        return self._outbound.send("post", self._url, body=canonical(body), headers=headers).content

    def _read(self, content: bytes, tracking_number: str) -> list[CarrierEvent]:
        answer = _object(content)
        names = self._dialect.answer
        result = _at(answer, names.result)
        word = str(result) if isinstance(result, int) and not isinstance(result, bool) else result
        if word in names.unknown:
            raise NotFound("waybill_not_found")
        if not isinstance(word, str) or word not in names.ok:
            # the carrier's own word could be anything; it is no part of a log line
            log.warning("ems refused a query")
            raise _unusable("refused")
        if _at(answer, names.number) != tracking_number:
            raise _unusable("another_number")
        trace = _at(answer, names.trace)
        if not isinstance(trace, list) or len(trace) > MAX_EVENTS:
            raise _unusable("malformed")
        return [self._event(entry) for entry in trace]

    def _event(self, entry: object) -> CarrierEvent:
        if not isinstance(entry, Mapping):
            raise _unusable("malformed")
        names = self._dialect.event
        code = self._dialect.code_of(_text(entry, names.code, MAX_ID))
        signer = _text(entry, names.signer, MAX_SIGNER, needed=False)
        return CarrierEvent(
            at=self._time(entry.get(names.at)),
            code=code,
            event_id=_text(entry, names.id, MAX_ID),
            place=_text(entry, names.place, MAX_PLACE, needed=False),
            words=_text(entry, names.words, MAX_WORDS, needed=False),
            signer=signer if code is CarrierCode.DELIVERED else "",
        )

    def _time(self, value: object) -> datetime:
        at: datetime | None = None
        style = self._dialect.event.at_format
        if style == "ms" and isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MS_AT_MOST:
            at = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=value)
        elif style != "ms" and isinstance(value, str) and len(value) <= MAX_ID:
            try:
                read = datetime.strptime(value, style)  # noqa: DTZ007 - the zone is the carrier's, set next
                at = (read if read.tzinfo else read.replace(tzinfo=self._zone)).astimezone(UTC)
            except (ValueError, OverflowError):  # the first and last days of the calendar have no UTC
                raise _unusable("malformed") from None
        if at is None or at < EARLIEST:
            raise _unusable("malformed")
        return at


def canonical(body: Mapping[str, Any]) -> bytes:
    """What is signed and sent: keys in order, no spaces, UTF-8."""
    return json.dumps(body, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()


def _object(content: bytes) -> Mapping[str, Any]:
    try:
        answer = json.loads(content)
    except (ValueError, RecursionError):
        raise _unusable("not_json") from None
    if not isinstance(answer, dict):
        raise _unusable("not_json")
    return answer


def _at(answer: Mapping[str, Any], path: str) -> Any:
    value: Any = answer
    for name in path.split("."):
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


def _text(entry: Mapping[str, Any], name: str, most: int, *, needed: bool = True) -> str:
    """Without control characters; the whole answer is refused where a type or a length is not as agreed."""
    value = entry.get(name)
    if value is None and not needed:
        return ""
    if not isinstance(value, str) or len(value) > most or (needed and not value.strip()):
        raise _unusable("malformed")
    return "".join(c for c in value if c.isprintable()).strip()


def _unusable(reason: str) -> PlatformUnavailable:
    return PlatformUnavailable(PROVIDER, reason, sent=True)
