"""WeChat calling us: chat messages and events, encrypted, sent again until we say success."""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode
from xml.sax.saxutils import escape

from providers.sandbox.config import WECHAT_CALLBACK
from providers.sandbox.deliveries import Delivery, Parcel
from providers.sandbox.phones import Phone
from providers.sandbox.wechat_crypto import BadCiphertext
from providers.sandbox.world import World

ACCOUNT = "gh_5a4db0c5a9d1"
TRIES = 3
WRAPPERS = {
    "subscribe_msg_popup_event": "SubscribeMsgPopupEvent",
    "subscribe_msg_change_event": "SubscribeMsgChangeEvent",
    "subscribe_msg_sent_event": "SubscribeMsgSentEvent",
}
TAMPERS = ("", "msg_signature", "body", "app_id", "old_timestamp", "plain")
OLD_S = 3600
_XML_MEMBER = re.compile(r"<([A-Za-z]+)>(?:<!\[CDATA\[(.*?)\]\]>|([^<]*))</\1>", re.DOTALL)


@dataclass(frozen=True, slots=True)
class PushStyle:
    """How a push leaves: ``form`` json or xml; ``tamper`` is one of TAMPERS and makes it one that must be refused."""

    form: str = "json"
    tamper: str = ""

    def __post_init__(self) -> None:
        if self.form not in ("json", "xml") or self.tamper not in TAMPERS:
            raise ValueError(f"format must be json or xml; tamper one of {', '.join(t for t in TAMPERS if t)}")


def push_event(world: World, phone: Phone, event: str, items: list[dict[str, str]], *, wait: bool = False) -> Delivery:
    """A subscribe_msg_* event: List is an object for one entry and an array for several."""
    message = {"MsgType": "event", "Event": event, "List": items[0] if len(items) == 1 else items}
    return push(world, phone, message, wait=wait)


def push(
    world: World, phone: Phone, message: dict[str, Any], style: PushStyle | None = None, *, wait: bool = False
) -> Delivery:
    """Send ``message`` with ToUserName, FromUserName and CreateTime filled in; three tries in all."""
    style = style or PushStyle()
    now = int(world.clock.wall())
    full = {"ToUserName": ACCOUNT, "FromUserName": phone.open_id, "CreateTime": now, **message}
    plain = json.dumps(full, ensure_ascii=False, separators=(",", ":")) if style.form == "json" else _xml(full)
    query, body = _sealed(world, phone, plain, style, now)
    base = world.config.public_url
    parcel = Parcel(
        kind=f"wechat:{message.get('Event') or message.get('MsgType')}",
        url=f"{base}{WECHAT_CALLBACK}?{urlencode(query)}" if base else "",
        body=body,
        content_type="application/json" if style.form == "json" else "text/xml",
        accept=_acceptance(world, phone),
        pauses_s=(world.config.push_retry_s,) * (TRIES - 1),
        timeout_s=world.config.push_timeout_s,
    )
    return world.courier.send(parcel, wait=wait)


def verification_query(world: World, echo: str) -> str:
    """The query string of the GET that WeChat's console sends when the URL is entered."""
    timestamp, nonce = str(int(world.clock.wall())), str(secrets.randbelow(10**10))
    signature = world.cipher.signature(timestamp, nonce)
    return urlencode({"signature": signature, "timestamp": timestamp, "nonce": nonce, "echostr": echo})


def _sealed(world: World, phone: Phone, plain: str, style: PushStyle, now: int) -> tuple[dict[str, str], bytes]:
    timestamp = str(now - (OLD_S if style.tamper == "old_timestamp" else 0))
    nonce = str(secrets.randbelow(10**10))
    query = {"signature": world.cipher.signature(timestamp, nonce), "timestamp": timestamp, "nonce": nonce}
    query["openid"] = phone.open_id
    if style.tamper == "plain":
        return query, plain.encode()
    encrypted = world.cipher.encrypt(plain.encode(), app_id="wx0000000000000000" if style.tamper == "app_id" else None)
    query["encrypt_type"] = "aes"
    query["msg_signature"] = world.cipher.signature(timestamp, nonce, encrypted)
    if style.tamper == "msg_signature":
        query["msg_signature"] = query["signature"]
    if style.tamper == "body":
        encrypted = world.cipher.encrypt(plain.encode() + b" ")
    if style.form == "xml":
        return query, _xml({"ToUserName": ACCOUNT, "Encrypt": encrypted}).encode()
    return query, json.dumps({"ToUserName": ACCOUNT, "Encrypt": encrypted}).encode()


def _xml(message: dict[str, Any]) -> str:
    body = dict(message)
    items = body.pop("List", None)
    if items is not None:
        entries = items if isinstance(items, list) else [items]
        body[WRAPPERS.get(str(message.get("Event")), "List")] = entries
    return f"<xml>{''.join(_element(name, value) for name, value in body.items())}</xml>"


def _element(name: str, value: Any) -> str:
    if isinstance(value, list):
        rows = "".join(f"<List>{''.join(_element(k, v) for k, v in row.items())}</List>" for row in value)
        return f"<{name}>{rows}</{name}>"
    if isinstance(value, int):
        return f"<{name}>{value}</{name}>"
    text = str(value)
    return f"<{name}>{escape(text)}</{name}>" if "]]>" in text else f"<{name}><![CDATA[{text}]]></{name}>"


def _acceptance(world: World, phone: Phone) -> Callable[[int, bytes], bool]:
    def accept(status: int, body: bytes) -> bool:
        """Empty or ``success`` stops the resending; so does an encrypted passive reply that opens."""
        if status != 200:
            return False
        if body.strip() in (b"", b"success"):
            return True
        return _passive_reply(world, phone, body)

    return accept


def _members(text: bytes) -> dict[str, Any]:
    """The members of a JSON object or of a flat XML message. Raises ValueError."""
    if not text.lstrip().startswith(b"<"):
        found = json.loads(text)
        if not isinstance(found, dict):
            raise ValueError("not an object")
        return found
    return {m[1]: m[2] if m[2] is not None else m[3] for m in _XML_MEMBER.finditer(text.decode())}


def _passive_reply(world: World, phone: Phone, body: bytes) -> bool:
    try:
        sealed = _members(body)
        plain = world.cipher.open_reply(
            str(sealed["Encrypt"]), str(sealed["MsgSignature"]), str(sealed["TimeStamp"]), str(sealed["Nonce"])
        )
        reply = _members(plain)
        kind = str(reply["MsgType"])
    except (BadCiphertext, KeyError, TypeError, ValueError):
        return False
    with world.lock:
        world.phones.show(phone, world.clock.wall(), "passive", title=kind, text=str(reply.get("Content", "")))
    return True
