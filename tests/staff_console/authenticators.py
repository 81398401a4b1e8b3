"""Browsers with a virtual authenticator, at an address where browsers offer passkeys."""

from __future__ import annotations

import socket
from typing import Any

from playwright.sync_api import Browser, BrowserContext, CDPSession, Page

_ABILITIES = {
    "protocol": "ctap2",
    "transport": "internal",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
    "automaticPresenceSimulation": True,
}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Device:
    """A browser with one authenticator. ``complaints`` are what the browser's console said."""

    def __init__(self, browser: Browser, **options: Any) -> None:
        self.context: BrowserContext = browser.new_context(locale="zh-CN", **options)
        self.page: Page = self.context.new_page()
        self.tools: CDPSession = self.context.new_cdp_session(self.page)
        self.tools.send("WebAuthn.enable")
        made = self.tools.send("WebAuthn.addVirtualAuthenticator", {"options": _ABILITIES})
        self.authenticator: str = made["authenticatorId"]
        self.complaints = list[str]()
        self.page.on("console", lambda m: self.complaints.append(m.text) if m.type in ("error", "warning") else None)
        self.page.on("pageerror", lambda e: self.complaints.append(str(e)))

    def credentials(self) -> list[dict[str, Any]]:
        told = self.tools.send("WebAuthn.getCredentials", {"authenticatorId": self.authenticator})
        return list(told["credentials"])

    def verified(self, yes: bool) -> None:
        self.tools.send("WebAuthn.setUserVerified", {"authenticatorId": self.authenticator, "isUserVerified": yes})
