"""WeChat subscription messages: values fitted to the template's types, every refusal sorted."""

from __future__ import annotations

import logging
import re
import unicodedata
from collections.abc import Callable
from datetime import date

from wechatpy.exceptions import WeChatClientException

from app.ports import OutboundMessage, SendFailed, SendFault
from providers.outbound import PlatformUnavailable
from providers.wechat.client import TOKEN_TROUBLE, WeChatClient, refusal_code

log = logging.getLogger(__name__)

FAULT_OF = {
    -1: SendFault.RETRY,
    40003: SendFault.RECIPIENT,
    40037: SendFault.CONFIG,
    43101: SendFault.NO_CREDIT,
    43107: SendFault.CONFIG,
    43108: SendFault.RETRY,  # another message to this person is under way
    45168: SendFault.CONTENT,
    47003: SendFault.CONTENT,
    41030: SendFault.CONFIG,
    45009: SendFault.LATER,
    45011: SendFault.LATER,
    **dict.fromkeys(TOKEN_TROUBLE, SendFault.RETRY),
}

CJK = "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
TIME = re.compile(r"(?:(\d{4})年(\d{1,2})月(\d{1,2})日 )?([01]?\d|2[0-3]):[0-5]\d", re.ASCII)
DATE = re.compile(r"(\d{4})(?:年(\d{1,2})月(\d{1,2})日|([-/.])(\d{1,2})\4(\d{1,2}))", re.ASCII)
PATTERNS = {
    "number": re.compile(r"(?=.{1,32}$)\d+(?:\.\d+)?", re.ASCII),
    "letter": re.compile(r"[A-Za-z]{1,32}"),
    "symbol": re.compile(rf"[^A-Za-z0-9\s{CJK}]{{1,5}}"),
    "character_string": re.compile(r"[\x20-\x7e]{1,32}"),
    "amount": re.compile(r"[¥￥$€£]?(?=(?:\D?\d){1,10}元?$)\d+(?:\.\d+)?元?", re.ASCII),
    "phone_number": re.compile(r"(?=.*\d)[\d+() -]{1,17}", re.ASCII),
    "car_number": re.compile(rf"[A-Z0-9{CJK}][A-Za-z0-9·]{{0,6}}[A-Z0-9{CJK}]?"),
    "name": re.compile(rf"[{CJK}·]{{1,10}}|[A-Za-z .'-]{{1,20}}"),
    "phrase": re.compile(rf"[{CJK}]{{1,5}}"),
}
THING_LENGTH = 20


def _cut(text: str) -> str:
    """Only prose may lose its end; a shortened number, name or phrase would say something else."""
    return text if len(text) <= THING_LENGTH else text[: THING_LENGTH - 1].rstrip() + "…"


def _is_day(year: str, month: str, day: str) -> bool:
    try:
        date(int(year), int(month), int(day))
    except ValueError:
        return False
    return True


def _is_date(text: str) -> bool:
    found = DATE.fullmatch(text)
    return found is not None and _is_day(found[1], found[2] or found[5], found[3] or found[6])


def _is_time(text: str) -> bool:
    found = TIME.fullmatch(text)
    return found is not None and (found[1] is None or _is_day(found[1], found[2], found[3]))


_CHECKS: dict[str, Callable[[str], bool]] = {"date": _is_date, "time": _is_time, "enum": bool}


def fit_value(key: str, value: str) -> str:
    """``value`` as it may be sent under ``key`` ("thing1", "date2" …; the letters name the type).

    White space and control characters become single blanks; a "thing" of more than 20 characters is cut with "…".
    Raises SendFailed(CONTENT) for anything else that breaks the type; the reason names the key, never the value.
    """
    kind = key.rstrip("0123456789")
    text = " ".join("".join(" " if unicodedata.category(c) in ("Cc", "Zl", "Zp") else c for c in value).split())
    if not text:
        raise SendFailed(SendFault.CONTENT, f"{key}:empty")
    if kind == "thing":
        return _cut(text)
    pattern = PATTERNS.get(kind)
    check = _CHECKS.get(kind)
    if pattern is None and check is None:
        raise SendFailed(SendFault.CONTENT, f"{key}:unknown_type")
    if not (pattern.fullmatch(text) if pattern else check and check(text)):
        raise SendFailed(SendFault.CONTENT, f"{key}:bad_{kind}")
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
    fault = FAULT_OF.get(code, SendFault.CONFIG)
    if fault in (SendFault.CONFIG, SendFault.CONTENT):
        log.error("wechat refused a message: %s", error)
    return SendFailed(fault, str(code))
