"""What pushes go through: a sender and the template ids of each platform, and who writes the messages."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from app.ports import MessageSender, Platform
from notifications.catalogue.text import Template
from notifications.check_codes import MessageWriter


@dataclass(frozen=True, slots=True)
class Channels:
    senders: Mapping[Platform, MessageSender]
    template_ids: Mapping[str, Mapping[Template, str]]
    writer: MessageWriter
