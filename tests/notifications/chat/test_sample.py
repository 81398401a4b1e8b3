"""The demo's sample conversation: answered by the bot, and waiting for staff."""

from __future__ import annotations

from collections.abc import Callable

from commands.demo_cases import open_chat
from notifications.chat.desk import Look
from notifications.chat.rules import Author
from parts import Lantai
from tests.conftest import Person, StaffLogin


def test_the_sample_waits_for_staff(
    lantai: Lantai,
    graduate_factory: Callable[..., Person],
    staff_factory: Callable[..., StaffLogin],
    run_jobs: Callable[[], None],
) -> None:
    open_chat(lantai, graduate_factory().id)
    run_jobs()
    staff = staff_factory().actor
    ((line,), total) = lantai.chat_desk.listed(staff, Look.WAITING, offset=0, limit=5)
    messages = lantai.chat_desk.read(staff, line.id).messages
    assert (total, [m.author for m in messages]) == (1, [Author.PERSON, Author.BOT] * 3)
