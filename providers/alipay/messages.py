"""Alipay template messages: alipay.open.app.mini.templatemessage.send."""

from __future__ import annotations

import json
import logging
import re

from app.ports import OutboundMessage, SendFailed, SendFault
from providers.alipay.gateway import AlipayGateway, AlipayRefused
from providers.outbound import PlatformUnavailable

log = logging.getLogger(__name__)

OLD_USER_ID = re.compile(r"2088[0-9]{12}")
VALUE_LENGTH, PAGE_LENGTH, DATA_LENGTH = 50, 128, 2048
BUSINESS = "40004"
FAULT_OF_SUB_CODE = {
    "USER_TEMPLATE_ILLEGAL": SendFault.CONFIG,
    "USER_TEMPLATE_LACK_KEYWORD": SendFault.CONTENT,
    "USER_KEYWORD_LENGTH_ERROR": SendFault.CONTENT,
    "FORM_ID_OVER_TIME": SendFault.NO_CREDIT,
    "FORM_ID_NOT_MATCH_APPID": SendFault.CONFIG,
    "TRADE_NO_NOT_MATCH_USERID": SendFault.RECIPIENT,
}
FAULT_OF_CODE = {
    "20000": SendFault.RETRY,
    "40005": SendFault.LATER,
    # any other 40004: final, and most likely "not subscribed", whose sub_code no source tells
    BUSINESS: SendFault.NO_CREDIT,
}


def fit_keyword(key: str, value: str) -> str:
    """One line of at most 50 characters; prose is cut with "…". Raises SendFailed(CONTENT) for a longer code."""
    text = " ".join(value.split())
    if not text:
        raise SendFailed(SendFault.CONTENT, f"{key}:empty")
    if len(text) <= VALUE_LENGTH:
        return text
    if text.isascii():  # a number, an address on the net: half of it is wrong, not short
        raise SendFailed(SendFault.CONTENT, f"{key}:too_long")
    return text[: VALUE_LENGTH - 1].rstrip() + "…"


class AlipayMessages:
    """app.ports.MessageSender. Alipay gives no message id, so send returns ''."""

    def __init__(self, gateway: AlipayGateway) -> None:
        self._gateway = gateway

    def send(self, message: OutboundMessage) -> str:
        content = _content(message)
        try:
            self._gateway.call("alipay.open.app.mini.templatemessage.send", content)
        except PlatformUnavailable as error:
            raise SendFailed(SendFault.UNKNOWN if error.sent else SendFault.RETRY, error.reason) from None
        except AlipayRefused as error:
            raise _failed(error) from None
        return ""


def _content(message: OutboundMessage) -> dict[str, str]:
    data = {key: {"value": fit_keyword(key, value)} for key, value in message.fields.items()}
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    if len(text) > DATA_LENGTH:
        raise SendFailed(SendFault.CONTENT, "data:too_long")
    if len(message.page) > PAGE_LENGTH:
        raise SendFailed(SendFault.CONFIG, "page:too_long")
    receiver = "to_user_id" if OLD_USER_ID.fullmatch(message.open_id) else "to_open_id"
    return {
        receiver: message.open_id,
        "user_template_id": message.template_id,
        "page": message.page,
        "data": text,
    }


def _failed(error: AlipayRefused) -> SendFailed:
    fault = FAULT_OF_SUB_CODE.get(error.sub_code) or FAULT_OF_CODE.get(error.code, SendFault.CONFIG)
    if error.sub_code not in FAULT_OF_SUB_CODE:
        log.warning("alipay refused a message: %s", error)
    return SendFailed(fault, error.sub_code or error.code)
