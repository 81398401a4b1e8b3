"""Letters to verified addresses: what an e-mail and an SMS say, and which sender takes them.

Like pushes they name nobody and hold no content and no link: they say where to look.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from app.errors import Unavailable
from app.letter_ports import Mailer, SmsKind, SmsSender
from notifications.catalogue.fields import MAIL_FOOT, mail_text, sms_values
from notifications.catalogue.text import NoticeText
from notifications.channel_rules import ContactKind
from notifications.check_codes import CheckCodes

CODE_MINUTES = 10


@dataclass(frozen=True, slots=True)
class Letter:
    """Whom to, in the sender's memory only; ``reference`` names the letter."""

    reference: UUID
    kind: ContactKind
    value: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class LetterWriter:
    """``domain`` is the right-hand side of Message-IDs; ``contact`` whom a graduate calls."""

    mailer: Mailer | None
    sms: SmsSender | None
    school: str
    contact: str
    domain: str
    codes: CheckCodes

    @property
    def kinds(self) -> Collection[ContactKind]:
        """The kinds of address that can be written to."""
        senders = {ContactKind.EMAIL: self.mailer, ContactKind.PHONE: self.sms}
        return frozenset(kind for kind, sender in senders.items() if sender is not None)

    def send_notice(self, to: Letter, notice_id: UUID, text: NoticeText, at: datetime) -> str:
        """The provider's message id. The same ``to.reference`` is the same letter, however often it is sent.

        Raises SendFailed, Unavailable.
        """
        code = self.codes.of(notice_id)
        if to.kind is ContactKind.EMAIL:
            return self._mail(to, *mail_text(text, self.school, self.contact, at, code))
        return self._text(to, SmsKind.NOTICE, sms_values(text, code))

    def send_code(self, to: Letter, code: str) -> None:
        """Raises SendFailed, Unavailable."""
        if to.kind is ContactKind.EMAIL:
            body = (
                f"您正在添加接收档案通知的邮箱，验证码：{code}，{CODE_MINUTES} 分钟内有效，只能使用一次。\n"
                "请勿将验证码告诉他人；学校不会向您索要。如非本人操作，请忽略本邮件。\n"
            )
            self._mail(to, f"【{self.school}】邮箱验证码", body + self._foot())
        else:
            self._text(to, SmsKind.CODE, {"code": code, "minutes": str(CODE_MINUTES)})

    def _foot(self) -> str:
        ask = f"咨询：{self.contact}。" if self.contact else ""
        return f"\n{self.school}\n{ask}{MAIL_FOOT}\n"

    def _mail(self, to: Letter, subject: str, body: str) -> str:
        if self.mailer is None:
            raise Unavailable("contact_kind_closed")
        message_id = f"<{to.reference.hex}@{self.domain}>"
        self.mailer.send(to.value, subject, body, message_id=message_id)
        return message_id

    def _text(self, to: Letter, kind: SmsKind, values: dict[str, str]) -> str:
        if self.sms is None:
            raise Unavailable("contact_kind_closed")
        return self.sms.send(to.value, kind, values, request_id=to.reference.hex)
