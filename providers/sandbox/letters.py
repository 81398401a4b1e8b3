"""The sandbox's post box: e-mails by SMTP and text messages by HTTP that arrived. The caller holds the world's lock."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from email.message import EmailMessage
from typing import Any

from providers.sandbox.clock import SandboxClock

PER_HOUR, HOUR_S = 30, 3600
KEEP = 500


@dataclass(frozen=True, slots=True)
class Mail:
    seq: int
    at: float
    to: tuple[str, ...]
    sender: str
    subject: str
    body: str
    message_id: str

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True, slots=True)
class TextMessage:
    """``content`` is what the phone shows, with the signature in front as carriers ask for."""

    seq: int
    at: float
    phone: str
    template: str
    content: str
    message_id: str

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


class LetterBox:
    def __init__(self, clock: SandboxClock) -> None:
        self._clock = clock
        self._mails: list[Mail] = []
        self._texts: list[TextMessage] = []
        self._asked: dict[str, str] = {}
        self._seq = 0

    def mails(self) -> list[Mail]:
        return list(self._mails)

    def texts(self) -> list[TextMessage]:
        return list(self._texts)

    def take_mail(self, to: tuple[str, ...], letter: EmailMessage) -> None:
        part = letter.get_body(("plain",))
        body = str(part.get_content()).replace("\r\n", "\n") if part is not None else ""
        heads = {name: str(letter.get(name, "")) for name in ("From", "Subject", "Message-ID")}
        self._seq += 1
        mail = Mail(self._seq, self._clock.wall(), to, heads["From"], heads["Subject"], body, heads["Message-ID"])
        self._mails = [*self._mails, mail][-KEEP:]

    def full(self, phone: str) -> bool:
        """Whether the phone got as many in the last hour as a vendor lets through."""
        since = self._clock.wall() - HOUR_S
        return len([t for t in self._texts if t.phone == phone and t.at > since]) >= PER_HOUR

    def take_text(self, request_id: str, phone: str, template: str, content: str) -> str:
        """The message id; a request that was taken before is not delivered again."""
        if request_id in self._asked:
            return self._asked[request_id]
        self._seq += 1
        message_id = self._asked[request_id] = f"sms-{self._seq:08d}"
        text = TextMessage(self._seq, self._clock.wall(), phone, template, content, message_id)
        self._texts = [*self._texts, text][-KEEP:]
        return message_id


TEMPLATES: Mapping[str, tuple[frozenset[str], str]] = {
    "notice": (frozenset({"subject", "state", "check"}), "{subject}（{state}），请进入小程序查看。核验码{check}"),
    "code": (frozenset({"code", "minutes"}), "验证码 {code}，{minutes} 分钟内有效。请勿告诉他人；学校不会向您索要。"),
}
"""What the vendor approved: the values a template wants, and its text."""
