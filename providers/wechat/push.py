"""WeChat's message push, decoded: plain or secure, JSON or XML, and the encrypted replies."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any
from xml.parsers.expat import ExpatError

import xmltodict  # type: ignore[import-untyped]

from app.ports import Cache, CallbackRejected, Clock, PushedMessage
from providers.wechat.crypto import PushCrypto, signature_fits

WINDOW_S = 600
MAX_BODY = 256 * 1024
LIST_HOLDERS = ("SubscribeMsgPopupEvent", "SubscribeMsgChangeEvent", "SubscribeMsgSentEvent")
DIGITS = re.compile(r"[0-9]{1,10}")  # seconds since 1970, until the year 2286
MOST_KIND, MOST_EVENT, MOST_ID = 40, 60, 128  # characters; theirs are far shorter


class WeChatPushDecoder:
    """app.ports.WeChatPush. Repeats of a message come through: the caller drops them by ``dedupe_key``."""

    def __init__(
        self, app_id: str, token: str, encoding_aes_key: str | None, clock: Clock, *, seen: Cache | None = None
    ) -> None:
        """With an ``encoding_aes_key`` only secure mode is accepted; with ``seen`` a nonce is good for one message."""
        if not token or not app_id:
            raise ValueError("app id and push token must not be empty")
        self._token, self._clock, self._seen = token, clock, seen
        self._crypto = PushCrypto(app_id, token, encoding_aes_key) if encoding_aes_key else None

    def verify_url(self, query: Mapping[str, str]) -> str:
        self._check_plain(query)
        echo = _required(query, "echostr")
        self._check_nonce(query, echo.encode(errors="replace"))
        return echo

    def decode(self, query: Mapping[str, str], body: bytes) -> PushedMessage:
        if len(body) > MAX_BODY:
            raise CallbackRejected("callback_too_long")
        if self._crypto is None:
            self._check_plain(query)
            message = body
        else:
            message = self._opened(self._crypto, query, body)
        self._check_nonce(query, message)
        return _pushed(_parsed(message))

    def encrypt_reply_json(self, text: str, timestamp: int, nonce: str, random16: bytes | None = None) -> str:
        """The JSON envelope around ``text`` (itself JSON). Raises RuntimeError without an AES key."""
        sealed, mark = self._sealed(text, timestamp, nonce, random16)
        return json.dumps({"Encrypt": sealed, "MsgSignature": mark, "TimeStamp": timestamp, "Nonce": nonce})

    def encrypt_reply_xml(self, text: str, timestamp: int, nonce: str, random16: bytes | None = None) -> str:
        """The XML envelope around ``text`` (itself XML, see text_reply_xml)."""
        sealed, mark = self._sealed(text, timestamp, nonce, random16)
        return (
            f"<xml><Encrypt>{cdata(sealed)}</Encrypt><MsgSignature>{cdata(mark)}</MsgSignature>"
            f"<TimeStamp>{timestamp}</TimeStamp><Nonce>{cdata(nonce)}</Nonce></xml>"
        )

    def _sealed(self, text: str, timestamp: int, nonce: str, random16: bytes | None) -> tuple[str, str]:
        if self._crypto is None:
            raise RuntimeError("an encrypted reply needs the EncodingAESKey")
        sealed = self._crypto.seal(text, random16)
        return sealed, self._crypto.sign(str(timestamp), nonce, sealed)

    def _check_plain(self, query: Mapping[str, str]) -> None:
        timestamp, nonce = self._timely(query), _required(query, "nonce")
        if not signature_fits(_required(query, "signature"), self._token, timestamp, nonce):
            raise CallbackRejected("callback_signature")

    def _opened(self, crypto: PushCrypto, query: Mapping[str, str], body: bytes) -> bytes:
        """The inner message. ``signature`` does not cover the body, so only ``msg_signature`` counts."""
        timestamp, nonce = self._timely(query), _required(query, "nonce")
        if query.get("encrypt_type") != "aes":
            raise CallbackRejected("callback_not_secure")
        encrypt = _parsed(body).get("Encrypt")
        if not isinstance(encrypt, str):
            raise CallbackRejected("callback_not_secure")
        return crypto.open(_required(query, "msg_signature"), timestamp, nonce, encrypt).message

    def _check_nonce(self, query: Mapping[str, str], message: bytes) -> None:
        """The plain signature covers no body: who overhears one could send anything under it while its time lasts.

        Compared is what lies inside the envelope, so a resend passes even if the platform encrypts it anew.
        """
        if self._seen is None:
            return
        used = f"{query['timestamp']}:{query['nonce']}".encode(errors="surrogatepass")
        key, mark = f"push-nonce:{hashlib.sha256(used).hexdigest()}", hashlib.sha256(message).digest()
        # a stamp may be read from WINDOW_S before its time until WINDOW_S after it
        if not self._seen.add(key, mark, 2 * WINDOW_S) and (self._seen.get(key) or mark) != mark:
            raise CallbackRejected("callback_replayed")

    def _timely(self, query: Mapping[str, str]) -> str:
        timestamp = _required(query, "timestamp")
        if not DIGITS.fullmatch(timestamp) or abs(self._clock.now().timestamp() - int(timestamp)) > WINDOW_S:
            raise CallbackRejected("callback_time")
        return timestamp


def cdata(text: str) -> str:
    """A CDATA section that its content cannot close: "]]>" is split over two sections."""
    return "<![CDATA[" + text.replace("]]>", "]]]]><![CDATA[>") + "]]>"


def text_reply_xml(*, to_user: str, from_user: str, content: str, created_at: int) -> str:
    """A passive text reply; ``to_user`` is the message's FromUserName and the other way round."""
    return (
        f"<xml><ToUserName>{cdata(to_user)}</ToUserName><FromUserName>{cdata(from_user)}</FromUserName>"
        f"<CreateTime>{created_at}</CreateTime><MsgType>{cdata('text')}</MsgType>"
        f"<Content>{cdata(content)}</Content></xml>"
    )


def _required(query: Mapping[str, str], name: str) -> str:
    value = query.get(name, "")
    if not value or len(value) > 256:
        raise CallbackRejected("callback_query")
    return value


def _parsed(body: bytes) -> dict[str, Any]:
    """The members of the JSON object or of the XML root; entity declarations are refused by the parser."""
    try:
        if body.lstrip()[:1] == b"<":
            found = xmltodict.parse(body, disable_entities=True, xml_attribs=False).get("xml")
        else:
            found = json.loads(body.decode(), strict=False, object_pairs_hook=_once_each)
    except (ValueError, LookupError, AttributeError, ExpatError, RecursionError):
        raise CallbackRejected("callback_unreadable") from None
    if not isinstance(found, dict):
        raise CallbackRejected("callback_unreadable")
    return found


def _once_each(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """As in XML, where a member that comes twice is no text: which of the two is meant would be a guess."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a member comes twice")
    return found


def _scalar(found: Mapping[str, Any], name: str, default: str | None = None) -> str:
    """A text or whole number as text; WeChat sends CreateTime and MsgId as either."""
    value = found.get(name)
    value = default if value is None else value  # an empty XML element is None
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise CallbackRejected("callback_unreadable")
    return _int_text(value) if isinstance(value, int) else _storable(value)


def _storable(text: str) -> str:
    """Without what neither UTF-8 nor PostgreSQL can hold: lone surrogates and NUL."""
    return text.encode(errors="replace").decode().replace("\0", "")


def _int_text(value: int) -> str:
    if abs(value) >= 10**20:  # no number of theirs is that long; printing huge ones is slow
        raise CallbackRejected("callback_unreadable")
    return str(value)


def _pushed(found: Mapping[str, Any]) -> PushedMessage:
    kind, open_id, created = (_scalar(found, name) for name in ("MsgType", "FromUserName", "CreateTime"))
    event, message_id = _scalar(found, "Event", ""), _scalar(found, "MsgId", "")
    if not kind or not open_id or not DIGITS.fullmatch(created):
        raise CallbackRejected("callback_unreadable")
    if len(kind) > MOST_KIND or len(event) > MOST_EVENT or max(len(open_id), len(message_id)) > MOST_ID:
        raise CallbackRejected("callback_unreadable")
    return PushedMessage(
        dedupe_key=message_id or f"{open_id}:{created}:{event or kind}",
        kind=kind,
        event=event,
        open_id=open_id,
        created_at=int(created),
        content=_scalar(found, "Content", "") if kind == "text" else "",
        items=_items(found),
    )


def _items(found: Mapping[str, Any]) -> Sequence[Mapping[str, str]]:
    """List is an object when there is one entry and an array when there are several; XML wraps it once more."""
    holder = next((found[name] for name in LIST_HOLDERS if isinstance(found.get(name), dict)), found)
    entries = holder.get("List")
    if entries is None:
        return ()
    several = entries if isinstance(entries, list) else [entries]
    if not all(isinstance(entry, dict) for entry in several):
        raise CallbackRejected("callback_unreadable")
    return tuple({_storable(name): _scalar(entry, name, "") for name in entry} for entry in several)
