"""The way out to the machines that subscribe to events. app.ports holds the rest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True, slots=True)
class WebhookCall:
    """One signed POST. ``timeout_s`` bounds the whole exchange; ``keep`` is how many bytes of the answer's body are
    wanted (0: none is read).
    """

    url: str = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    timeout_s: float
    keep: int = 0


@dataclass(frozen=True, slots=True)
class WebhookAnswer:
    """``retry_after`` is the header as it came, empty without one."""

    status: int
    retry_after: str = ""
    body: bytes = field(default=b"", repr=False)


class WebhookFailed(Exception):
    """No answer came. ``reason`` is one word for the delivery log: ``target_refused``, ``unknown_host``,
    ``connection``, ``tls``, ``timeout``, ``malformed``. Never chained to the transport's own exception, whose text
    holds the address.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class WebhookCaller(Protocol):
    def call(self, call: WebhookCall) -> WebhookAnswer:
        """Goes to public addresses alone, follows no redirect. Raises WebhookFailed."""
        ...
