"""Who agreed to which message, and how many messages a chat still allows. The caller holds the world's lock."""

from __future__ import annotations

from dataclasses import dataclass

from providers.sandbox.clock import SandboxClock
from providers.sandbox.config import Template

CHAT_WINDOW_S = 48 * 3600
CHAT_MESSAGES = 5
ENTER_WINDOW_S = 60
ENTER_MESSAGES = 2


class Subscriptions:
    """One-shot credits add up, one per accept; a long-term accept lasts until it is taken back."""

    def __init__(self, templates: tuple[Template, ...]) -> None:
        self._templates = {template.template_id: template for template in templates}
        self._credits: dict[tuple[str, str], int] = {}
        self._lasting: set[tuple[str, str]] = set()

    def template(self, template_id: str) -> Template | None:
        return self._templates.get(template_id)

    def templates(self) -> list[Template]:
        return list(self._templates.values())

    def define(self, template: Template) -> None:
        self._templates[template.template_id] = template

    def accept(self, open_id: str, template: Template) -> None:
        key = (open_id, template.template_id)
        if template.long_term:
            self._lasting.add(key)
        else:
            self._credits[key] = self._credits.get(key, 0) + 1

    def withdraw(self, open_id: str, template_id: str) -> None:
        """The person switched this message off in the platform's settings."""
        self._lasting.discard((open_id, template_id))
        self._credits.pop((open_id, template_id), None)

    def left(self, open_id: str, template_id: str) -> int | None:
        """Sends still open; None means no limit."""
        key = (open_id, template_id)
        return None if key in self._lasting else self._credits.get(key, 0)

    def spend(self, open_id: str, template_id: str) -> bool:
        """False when there is no consent left."""
        left = self.left(open_id, template_id)
        if left is None:
            return True
        if left < 1:
            return False
        self._credits[(open_id, template_id)] = left - 1
        return True


@dataclass(slots=True)
class _Window:
    until: float
    left: int


class ChatWindows:
    """Customer-service windows: 5 messages in 48 h after the person wrote, 2 in a minute after they came in."""

    def __init__(self, clock: SandboxClock) -> None:
        self._clock = clock
        self._windows: dict[str, list[_Window]] = {}

    def wrote(self, open_id: str) -> None:
        self._windows[open_id] = [_Window(self._clock.age() + CHAT_WINDOW_S, CHAT_MESSAGES)]

    def entered(self, open_id: str) -> None:
        windows = self._windows.setdefault(open_id, [])
        windows.append(_Window(self._clock.age() + ENTER_WINDOW_S, ENTER_MESSAGES))

    def spend(self, open_id: str) -> int:
        """0 when a message may go out, else WeChat's errcode: 45015 no window, 45047 window used up."""
        now = self._clock.age()
        living = [window for window in self._windows.get(open_id, []) if window.until > now]
        if not living:
            return 45015
        open_windows = [window for window in living if window.left > 0]
        if not open_windows:
            return 45047
        min(open_windows, key=lambda window: window.until).left -= 1
        return 0
