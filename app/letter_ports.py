"""Protocols of e-mail and SMS. Failures are app.ports.SendFailed and app.errors.Unavailable, as for all messages."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Protocol


class Mailer(Protocol):
    def send(self, to: str, subject: str, body: str, *, message_id: str) -> None:
        """A letter in plain text. ``message_id`` as RFC 5322 writes it, with its angle brackets; the same letter sent
        again has the same. Raises SendFailed; Unavailable where no server took it.
        """
        ...


class SmsKind(StrEnum):
    """What the vendor approved a template for; none takes free text."""

    NOTICE = "notice"  # subject, state, check
    CODE = "code"  # code, minutes


class SmsSender(Protocol):
    def send(self, to: str, kind: SmsKind, values: Mapping[str, str], *, request_id: str) -> str:
        """The vendor's message id. ``to`` is a mainland number, eleven digits; ``values`` fill the approved template;
        a ``request_id`` sent again is not delivered again. Raises SendFailed.
        """
        ...
