"""WeChat and Alipay calling us, with their real crypto."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import select

from app.people.models import PlatformIdentity
from parts import Lantai
from providers.alipay.notify import AlipayNotifications
from providers.wechat.crypto import PushCrypto, signature
from providers.wechat.push import WeChatPushDecoder
from tests.auth.conftest import Rebuild
from tests.conftest import ApiClient, Person
from tests.fakes import FakeClock
from tests.providers.alipay.fake_alipay import APP_ID as ALIPAY_APP
from tests.providers.alipay.fake_alipay import public_pem

APP, TOKEN, AES = "wx0000000000000001", "push-token", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"
TEMPLATE = "tmpl-ticket"


@pytest.fixture
def door(rebuilt: Rebuild, clock: FakeClock, lantai: Lantai) -> Any:
    """A client of the machines' door with the real decoders in place."""
    outside = {
        "wechat_push": WeChatPushDecoder(APP, TOKEN, AES, clock, seen=lantai.outside.cache),
        "alipay_notify": AlipayNotifications(ALIPAY_APP, public_pem("alipay")),
    }
    return rebuilt(outside, wechat_template_ticket_decided=TEMPLATE)().http


def wechat(message: dict[str, Any], at: int, *, app: str = APP, key: str = AES, nonce: str = "") -> dict[str, Any]:
    """Sealed anew every time; with a nonce of its own unless one is given."""
    crypto, text = PushCrypto(app, TOKEN, key), json.dumps(message)
    sealed, stamp, nonce = crypto.seal(text), str(at), nonce or secrets.token_hex(8)
    query = {
        "timestamp": stamp,
        "nonce": nonce,
        "encrypt_type": "aes",
        "signature": signature(TOKEN, stamp, nonce),
        "msg_signature": crypto.sign(stamp, nonce, sealed),
    }
    return {"query_string": query, "data": json.dumps({"ToUserName": "gh", "Encrypt": sealed})}


def popup(
    clock: FakeClock, open_id: str, *items: dict[str, str], event: str = "subscribe_msg_popup_event"
) -> dict[str, Any]:
    holder = {
        "subscribe_msg_popup_event": "SubscribeMsgPopupEvent",
        "subscribe_msg_change_event": "SubscribeMsgChangeEvent",
        "subscribe_msg_sent_event": "SubscribeMsgSentEvent",
    }
    entries: Any = list(items) if len(items) > 1 else items[0]
    return {
        "ToUserName": "gh",
        "FromUserName": open_id,
        "CreateTime": int(clock.now().timestamp()),
        "MsgType": "event",
        "Event": event,
        holder[event]: {"List": entries},
    }


def accepted(status: str = "accept") -> dict[str, str]:
    return {"TemplateId": TEMPLATE, "SubscribeStatusString": status, "PopupScene": "0"}


@pytest.fixture
def open_id(graduate_factory: Callable[..., Person], signed_in: Callable[..., ApiClient], lantai: Lantai) -> str:
    signed_in(graduate_factory(), 2)
    with lantai.db.transaction() as session:
        return session.scalars(select(PlatformIdentity.open_id)).one()
