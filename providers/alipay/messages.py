"""Alipay template messages: alipay.open.app.mini.templatemessage.send."""

from __future__ import annotations

import logging
import re

from app.message_values import DATA_BYTES, KEYWORD_LENGTH, PAGE_LENGTH, alipay_data, units
from app.ports import OutboundMessage, SendFailed, SendFault
from providers import send_faults
from providers.alipay.gateway import AlipayGateway, AlipayRefused
from providers.outbound import PlatformUnavailable

log = logging.getLogger(__name__)

OLD_USER_ID = re.compile(r"2088[0-9]{12}")


def fit_keyword(key: str, value: str) -> str:
    """One line of at most 50 characters; prose is cut with "…". Raises SendFailed(CONTENT) for a longer code."""
    text = " ".join(value.split())
    if not text:
        raise SendFailed(SendFault.CONTENT, f"{key}:empty")
    if units(text) <= KEYWORD_LENGTH:
        return text
    if text.isascii():  # a number, an address on the net: half of it is wrong, not short
        raise SendFailed(SendFault.CONTENT, f"{key}:too_long")
    while units(text) > KEYWORD_LENGTH - 1:
        text = text[:-1]
    return text.rstrip() + "…"


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
    text = alipay_data({key: fit_keyword(key, value) for key, value in message.fields.items()})
    if len(text.encode(errors="replace")) > DATA_BYTES:
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
    fault = send_faults.of_alipay(error.code, error.sub_code)
    if error.sub_code not in send_faults.ALIPAY_SUB_CODES:
        log.warning("alipay refused a message: %s", error)
    return SendFailed(fault, error.sub_code or error.code)
