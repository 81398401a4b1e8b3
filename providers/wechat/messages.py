"""WeChat subscription messages: values fitted to the template's types, every refusal sorted."""

from __future__ import annotations

import logging

from wechatpy.exceptions import WeChatClientException

from app.message_values import THING_LENGTH, breaks_lines, units, wechat_fault
from app.ports import OutboundMessage, SendFailed, SendFault
from providers import send_faults
from providers.outbound import PlatformUnavailable
from providers.wechat.client import WeChatClient, refusal_code

log = logging.getLogger(__name__)


def _cut(text: str) -> str:
    """Only prose may lose its end; a shortened number, name or phrase would say something else."""
    if units(text) <= THING_LENGTH:
        return text
    while units(text) > THING_LENGTH - 1:
        text = text[:-1]
    return text.rstrip() + "…"


def fit_value(key: str, value: str) -> str:
    """``value`` as it may be sent under ``key`` ("thing1", "date2" …; the letters name the type).

    White space and control characters become single blanks; a "thing" of more than 20 characters is cut with "…".
    Raises SendFailed(CONTENT) for anything else that breaks the type; the reason names the key, never the value.
    """
    text = " ".join("".join(" " if breaks_lines(c) else c for c in value).split())
    if key.rstrip("0123456789") == "thing":
        text = _cut(text)
    fault = wechat_fault(key, text)
    if fault:
        raise SendFailed(SendFault.CONTENT, f"{key}:{fault}")
    return text


class WeChatMessages:
    """app.ports.MessageSender. The caller serialises per open id (43108)."""

    def __init__(self, client: WeChatClient, *, miniprogram_state: str = "formal") -> None:
        """``miniprogram_state``: which version a tap opens: formal, trial or developer."""
        if miniprogram_state not in ("formal", "trial", "developer"):
            raise ValueError("miniprogram_state must be formal, trial or developer")
        self._client = client
        self._state = miniprogram_state

    def send(self, message: OutboundMessage) -> str:
        body = {
            "touser": message.open_id,
            "template_id": message.template_id,
            "page": message.page,
            "data": {key: {"value": fit_value(key, value)} for key, value in message.fields.items()},
            "miniprogram_state": self._state,
            "lang": "zh_CN",
        }
        if not message.page:
            del body["page"]
        try:
            answer = self._client.post_json("/cgi-bin/message/subscribe/send", body)
        except PlatformUnavailable as error:
            raise SendFailed(SendFault.UNKNOWN if error.sent else SendFault.RETRY, error.reason) from None
        except WeChatClientException as error:
            raise _failed(error) from None
        return str(answer.get("msgid", ""))


def _failed(error: WeChatClientException) -> SendFailed:
    """A code we do not know was still a refusal, so nothing arrived; somebody should look at it."""
    code = refusal_code(error)
    fault = send_faults.of_wechat(code)
    if fault in (SendFault.CONFIG, SendFault.CONTENT):
        log.error("wechat refused a message: %s", error)
    return SendFailed(fault, str(code))
