"""What a notice is made of: its template, how surely and how urgently it is told, what it is about, its words."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Template(StrEnum):
    TICKET_DECIDED = "ticket_decided"
    TRANSFER_STEP = "transfer_step"
    ACCOUNT_NOTICE = "account_notice"


class Promise(StrEnum):
    """How often a push may arrive when a crash leaves the outcome open (4-trust, writes and jobs)."""

    AT_MOST_ONCE = "at_most_once"
    AT_LEAST_ONCE = "at_least_once"


class Importance(StrEnum):
    """``URGENT`` is told at any hour, ``IMPORTANT`` has a deadline or decides something, ``ORDINARY`` is a step."""

    URGENT = "urgent"
    IMPORTANT = "important"
    ORDINARY = "ordinary"


class Topic(StrEnum):
    """What a graduate may choose by."""

    SECURITY = "security"
    TRANSFER = "transfer"
    CORRECTION = "correction"
    MATERIAL = "material"
    CHAT = "chat"


@dataclass(frozen=True, slots=True)
class NoticeText:
    """``phrase`` is at most five Chinese characters, ``hint`` at most twenty: WeChat's value rules.

    ``key`` names the notice in the catalogue, ``version`` is the edition that last changed its words.
    """

    key: str
    version: str
    template: Template
    promise: Promise
    importance: Importance
    topic: Topic
    title: str
    body: str
    phrase: str
    hint: str
    page: str
    subject: str = ""
    """What the message is about, where the template serves for more than its own subject."""
    calls: bool = False
    """Whether the inbox adds whom to call."""
