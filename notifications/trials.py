"""Test sends: a notice on sample data to one's own mailbox, or through the staff's group robot.

No graduate is told anything, and every test stands in the log before it goes out.
"""

from __future__ import annotations

from app.actors import Actor, Role
from app.db import Database
from app.errors import Conflict, Forbidden, NotFound, Unavailable
from app.events import EventLog
from app.ports import Clock, RateLimiter, SendFailed
from notifications.catalogue.preview import Preview, previews, sample
from notifications.catalogue.text import NoticeText
from notifications.staff_lines import StaffLines
from notifications.staff_mailbox import StaffMailboxes

MOST, WINDOW_S = 5, 600
"""Of one person. The robot takes twenty messages a minute from everybody together: tests take theirs from the same
bucket as alarms (``StaffLines``), and wait where it is empty.
"""
TRIERS = (Role.ADMINISTRATOR, Role.ARCHIVIST)


def trial_line(key: str, version: str, shown: Preview) -> str:
    """One line for the group, within the robot's 2,048 bytes for every notice of the catalogue."""
    words = "；".join(f"{label}：{' '.join(said.split())}" for label, said in shown.lines)
    return f"【测试，未发给毕业生】{key}（{version}）{shown.channel}　{words}"


def trial_letter(key: str, text: NoticeText, shown: Preview) -> tuple[str, str]:
    """(subject, body)."""
    words = "\n".join(f"{label}：{said}" for label, said in shown.lines)
    return f"【测试】{shown.channel}：{text.title}", f"这是测试，未发给毕业生。\n{key}（{text.version}）\n\n{words}\n"


class NoticeTrials:
    def __init__(
        self,
        db: Database,
        log: EventLog,
        limits: RateLimiter,
        lines: StaffLines,
        mailboxes: StaffMailboxes,
        clock: Clock,
        school: str,
        contact: str,
    ) -> None:
        self._db, self._log, self._limits, self._lines, self._clock = db, log, limits, lines, clock
        self._mailboxes, self._school, self._contact = mailboxes, school, contact

    @property
    def open(self) -> bool:
        """Whether there is a robot to send through."""
        return self._lines.open

    def previews(self, key: str) -> list[Preview]:
        """Raises NotFound."""
        text = sample(key)
        if text is None:
            raise NotFound("notice_not_found")
        return list(previews(text, self._school, self._contact, self._clock.now()))

    def send(self, actor: Actor, key: str, channel: int, *, by_mail: bool) -> None:
        """``channel`` counts the previews from 0. Raises NotFound, Forbidden, RateLimited, Conflict, Unavailable."""
        if not any(actor.has_role(role) for role in TRIERS):
            raise Forbidden("role_required")
        text, shown = sample(key), self.previews(key)
        if text is None or not 0 <= channel < len(shown):
            raise NotFound("notice_not_found")
        if not self._lines.open and not by_mail:
            raise Conflict("robot_not_configured")
        self._limits.hit("notice-trial", str(actor.id), limit=MOST, window_s=WINDOW_S)
        with self._db.transaction() as session:
            way = "mail" if by_mail else "robot"
            data = {"notice": key, "version": text.version, "channel": shown[channel].channel, "way": way}
            self._log.record(session, actor, "notice.tried", data=data)
        if by_mail:
            self._mailboxes.send(actor, *trial_letter(key, text, shown[channel]))
        else:
            self._say(trial_line(key, text.version, shown[channel]))

    def _say(self, line: str) -> None:
        try:
            self._lines.say_now(line)
        except SendFailed as error:
            raise Unavailable("robot_refused", params={"reason": error.reason}) from None
