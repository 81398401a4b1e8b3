"""What the staff's group is told: rows until the robot took them, at most twenty messages a minute over all workers.

What waits is said in one message. The robot refuses the 21st message of a minute for the rest of it (45009), and then
rests for a whole minute. Lines whose worker died are said again: a second hint does no harm. Lines that may have
arrived though no answer came are not, or a slow robot would repeat them without end.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

import structlog
from sqlalchemy import and_, delete, or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from app.db import Database, new_id
from app.errors import Unavailable
from app.ports import Clock, SendFailed, SendFault, StaffAlerts
from notifications.channel_models import LineState, RobotTurn, StaffLine

log = structlog.get_logger(__name__)

ROBOT = "staff_group"
BURST, EVERY_S = 5.0, 4.0  # 5 at once and 15 more within the minute: never more than 20 in any minute
FULL_REST = timedelta(seconds=65)  # after 45009; others wait 65 s too, for the platform's minute is not ours
SHORT_REST = timedelta(seconds=10)
LOST_AFTER = timedelta(minutes=1)
KEEP = timedelta(days=30)
MAX_BYTES = 2048
AT_ONCE = 200
HEAD, MORE = "共 {n} 条提醒：", "另有 {n} 条，随后发送"


def digest(lines: Sequence[str], limit: int = MAX_BYTES) -> tuple[str, int]:
    """(one message of at most ``limit`` UTF-8 bytes, how many of the lines stand in it).

    Equal lines are said once with their number. A single line that is too long is said alone and cut by the sender.
    """
    if len(lines) == 1:
        return lines[0], 1
    taken = len(lines)
    while taken > 1:
        text = _joined(lines[:taken], len(lines) - taken)
        if len(text.encode()) <= limit:
            return text, taken
        taken -= 1
    return lines[0], 1


def _joined(lines: Sequence[str], left: int) -> str:
    counts: dict[str, int] = {}
    for line in lines:
        counts[line] = counts.get(line, 0) + 1
    said = [f"· {line}" + (f"（{n} 次）" if n > 1 else "") for line, n in counts.items()]
    return "\n".join([HEAD.format(n=len(lines)), *said, *([MORE.format(n=left)] if left else [])])


class StaffLines:
    """app.ports.StaffAlerts for the house: never raises for a robot that does not answer."""

    def __init__(self, db: Database, robot: StaffAlerts | None, clock: Clock) -> None:
        self._db, self._robot, self._clock = db, robot, clock

    def alert(self, text: str) -> None:
        self.say(text)

    def say(self, text: str) -> None:
        """Keep the line, and send what waits if the robot may speak now; the rest goes with ``tick``."""
        if self._robot is None:
            return
        with self._db.transaction() as session:
            session.add(StaffLine(id=new_id(), text=text, state=LineState.WAITING, created_at=self._clock.now()))
        self.tick()

    def tick(self) -> int:
        """Send what waits, as far as the robot may speak now. Gives the number of messages."""
        sent = 0
        while self._robot is not None and self._speak(self._robot):
            sent += 1
        return sent

    @property
    def open(self) -> bool:
        """Whether there is a robot."""
        return self._robot is not None

    def say_now(self, text: str) -> None:
        """One message by itself and at once, out of the same twenty a minute; it is not kept for later.

        Raises SendFailed (LATER, "resting" while the robot may not speak; CONFIG without one), Unavailable.
        """
        if self._robot is None:
            raise SendFailed(SendFault.CONFIG, "no_robot")
        with self._db.transaction() as session:
            now = self._clock.now()
            turn = self._turn(session, now)
            if not self._may_speak(turn, now):
                raise SendFailed(SendFault.LATER, "resting")
            turn.tokens -= 1
        try:
            self._robot.alert(text)
        except SendFailed as error:
            if error.fault is SendFault.LATER:
                self._put_back((), FULL_REST)
            raise

    def sweep(self) -> int:
        """Forget lines that were sent a month ago."""
        old = delete(StaffLine).where(StaffLine.sent_at < self._clock.now() - KEEP).returning(StaffLine.id)
        with self._db.transaction() as session:
            return len(session.scalars(old).all())

    def _speak(self, robot: StaffAlerts) -> bool:
        """One message. False when nothing waits, the robot may not speak now or did not take it."""
        taken = self._take()
        if taken is None:
            return False
        text, ids = taken
        try:
            robot.alert(text)
        except (SendFailed, Unavailable) as error:
            fault = error.fault if isinstance(error, SendFailed) else SendFault.RETRY
            log.warning("staff_alert_failed", reason=error.code, fault=fault.value)
            if fault is not SendFault.UNKNOWN:
                self._put_back(ids, FULL_REST if fault is SendFault.LATER else SHORT_REST)
                return False
        with self._db.transaction() as session:
            settled = {"state": LineState.SENT, "sent_at": self._clock.now()}
            session.execute(update(StaffLine).where(StaffLine.id.in_(ids)).values(**settled))
        return True

    def _take(self) -> tuple[str, list[UUID]] | None:
        """A token and the lines it is spent for, committed before the call."""
        with self._db.transaction() as session:
            now = self._clock.now()
            lost = and_(StaffLine.state == LineState.SENDING, StaffLine.sending_at < now - LOST_AFTER)
            due = or_(StaffLine.state == LineState.WAITING, lost)
            # nobody else may take a token meanwhile, so nobody else takes these lines
            turn = self._turn(session, now)
            rows = session.scalars(select(StaffLine).where(due).order_by(StaffLine.serial).limit(AT_ONCE)).all()
            if not rows or not self._may_speak(turn, now):
                return None
            text, count = digest([r.text for r in rows])
            turn.tokens -= 1
            for row in rows[:count]:
                row.state, row.sending_at = LineState.SENDING, now
            return text, [r.id for r in rows[:count]]

    @staticmethod
    def _turn(session: Session, now: datetime) -> RobotTurn:
        fresh = insert(RobotTurn).values(robot=ROBOT, tokens=BURST, filled_at=now)
        session.execute(fresh.on_conflict_do_nothing(index_elements=["robot"]))
        return session.get_one(RobotTurn, ROBOT, with_for_update=True, populate_existing=True)

    @staticmethod
    def _may_speak(turn: RobotTurn, now: datetime) -> bool:
        if turn.rest_until is not None and now < turn.rest_until:
            return False
        if now > turn.filled_at:
            turn.tokens = min(BURST, turn.tokens + (now - turn.filled_at).total_seconds() / EVERY_S)
            turn.filled_at = now
        return turn.tokens >= 1

    def _put_back(self, ids: Sequence[UUID], rest: timedelta) -> None:
        with self._db.transaction() as session:
            turn = self._turn(session, self._clock.now())
            turn.rest_until = self._clock.now() + rest
            session.execute(update(StaffLine).where(StaffLine.id.in_(ids)).values(state=LineState.WAITING))
