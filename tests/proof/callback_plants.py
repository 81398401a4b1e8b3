"""Each lane with the real parser, and with one that has a fault the lane must find."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping

from app.ports import CallbackRejected, PushedMessage
from providers.alipay.notify import AlipayNotifications
from providers.sandbox.wechat_crypto import BadCiphertext
from providers.wechat.push import WeChatPushDecoder
from tests.fakes import FakeClock
from tests.proof import callback_lanes as lanes


class _Stumbling(WeChatPushDecoder):
    """Takes it for granted that several finished sends come with an error code each."""

    def decode(self, query: Mapping[str, str], body: bytes) -> PushedMessage:
        message = super().decode(query, body)
        if len(message.items) > 1 and message.event == "subscribe_msg_sent_event":
            int(message.items[-1]["ErrorCode"])
        return message


class _ForEveryApp(WeChatPushDecoder):
    """Opens what was sealed for another app."""

    def __init__(self, opened: lanes.Opened) -> None:
        super().__init__(lanes.APP_ID, lanes.TOKEN, lanes.AES_KEY, FakeClock(lanes.NOW), seen=opened)
        self._opened_by, self._cipher = opened, lanes.Platform().cipher

    def decode(self, query: Mapping[str, str], body: bytes) -> PushedMessage:
        try:
            return super().decode(query, body)
        except CallbackRejected as refusal:
            if refusal.code != "callback_envelope":
                raise
        try:
            found = self._cipher.decrypt(body.decode().split('"')[-2])
        except (BadCiphertext, UnicodeDecodeError):
            raise CallbackRejected from None
        self._opened_by.add("", hashlib.sha256(found.message).digest(), 1)
        return PushedMessage("k", "text", "", "o", 1)


class _Believing(WeChatPushDecoder):
    """Reads a plain message whatever its signature."""

    def decode(self, query: Mapping[str, str], body: bytes) -> PushedMessage:
        try:
            return super().decode(query, body)
        except CallbackRejected as refusal:
            if refusal.code != "callback_not_secure" or b"MsgType" not in body:
                raise
            return PushedMessage("k", "text", "", "o", 1)


class _Forgiving(AlipayNotifications):
    """Takes a notification whose signature does not fit, if it is for us."""

    def decode(self, form: Mapping[str, str]) -> Mapping[str, str]:
        try:
            return super().decode(form)
        except CallbackRejected as refusal:
            if refusal.code != "callback_signature" or form.get("app_id") != lanes.ALIPAY_APP:
                raise
            return form


def _keyed(kind: type[WeChatPushDecoder]) -> lanes.Decoder:
    clock = FakeClock(lanes.NOW)
    return lambda opened: kind(lanes.APP_ID, lanes.TOKEN, lanes.AES_KEY, clock, seen=opened)


REAL: Mapping[str, Callable[[], lanes.Lane]] = {
    "sealed": lambda: lanes.sealed(_keyed(WeChatPushDecoder)),
    "members": lambda: lanes.members(_keyed(WeChatPushDecoder)),
    "envelope": lambda: lanes.envelope(_keyed(WeChatPushDecoder)),
    "forged": lambda: lanes.forged(_keyed(WeChatPushDecoder)),
    "alipay": lambda: lanes.alipay(lambda pem: AlipayNotifications(lanes.ALIPAY_APP, pem)),
}
PLANTED: Mapping[str, Callable[[], lanes.Lane]] = {
    "sealed": lambda: lanes.sealed(_keyed(_Stumbling)),
    "members": lambda: lanes.members(_keyed(_Stumbling)),
    "envelope": lambda: lanes.envelope(_ForEveryApp),
    "forged": lambda: lanes.forged(_keyed(_Believing)),
    "alipay": lambda: lanes.alipay(lambda pem: _Forgiving(lanes.ALIPAY_APP, pem)),
}
