"""WeChat's customer-service messages: text replies within the platform's window."""

from __future__ import annotations

import logging

from wechatpy.exceptions import WeChatClientException

from app.ports import SendFailed, SendFault
from providers.outbound import PlatformUnavailable
from providers.send_faults import TOKEN_TROUBLE
from providers.wechat.client import WeChatClient, refusal_code

log = logging.getLogger(__name__)

MAX_BYTES = 2048
FAULT_OF = {
    -1: SendFault.RETRY,
    40003: SendFault.RECIPIENT,
    45002: SendFault.CONTENT,
    45009: SendFault.LATER,
    45011: SendFault.LATER,
    45015: SendFault.NO_CREDIT,  # more than 48 hours (one minute after entering) since the person wrote
    45047: SendFault.NO_CREDIT,  # five (two) messages went out since then
    48001: SendFault.CONFIG,
    70000: SendFault.RECIPIENT,  # the platform takes no such message to minors
    **dict.fromkeys(TOKEN_TROUBLE, SendFault.RETRY),
}


class WeChatChat:
    """app.ports.ChatSender."""

    def __init__(self, client: WeChatClient) -> None:
        self._client = client

    def send(self, open_id: str, text: str) -> None:
        if not text or len(text.encode()) > MAX_BYTES:
            raise SendFailed(SendFault.CONTENT, "length")
        body = {"touser": open_id, "msgtype": "text", "text": {"content": text}}
        try:
            self._client.post_json("/cgi-bin/message/custom/send", body)
        except PlatformUnavailable as error:
            raise SendFailed(SendFault.UNKNOWN if error.sent else SendFault.RETRY, error.reason) from None
        except WeChatClientException as error:
            code = refusal_code(error)
            fault = FAULT_OF.get(code, SendFault.CONFIG)
            if fault in (SendFault.CONFIG, SendFault.CONTENT):
                log.error("wechat refused a chat message: %s", error)
            raise SendFailed(fault, str(code)) from None
