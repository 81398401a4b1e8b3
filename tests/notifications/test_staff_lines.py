"""The staff group's robot: at most twenty messages in any minute over all workers, digests, and nothing lost."""

from __future__ import annotations

import threading

import pytest
from sqlalchemy import func, select

from app.ports import SendFailed, SendFault
from notifications.channel_models import LineState, StaffLine
from notifications.staff_lines import AT_ONCE, BURST, FULL_REST, KEEP, MAX_BYTES, SHORT_REST, StaffLines, digest
from parts import Lantai
from tests.fakes import FakeClock

PER_MINUTE = 20


class Robot:
    """Keeps what was said and when; ``faults`` are raised first, one per call. Refuses the 21st of a minute itself."""

    def __init__(self, clock: FakeClock) -> None:
        self._clock = clock
        self.said: list[tuple[float, str]] = []
        self.faults: list[SendFault] = []

    def alert(self, text: str) -> None:
        if self.faults:
            raise SendFailed(self.faults.pop(0), "scripted")
        now = self._clock.now().timestamp()
        assert len([at for at, _ in self.said if now - at < 60]) < PER_MINUTE
        assert len(text.encode()) <= MAX_BYTES
        self.said.append((now, text))


@pytest.fixture
def robot(clock: FakeClock) -> Robot:
    return Robot(clock)


@pytest.fixture
def lines(lantai: Lantai, robot: Robot, clock: FakeClock) -> StaffLines:
    return StaffLines(lantai.db, robot, clock)


def waiting(lantai: Lantai) -> int:
    with lantai.db.transaction() as session:
        return session.scalar(select(func.count(StaffLine.id)).where(StaffLine.state != LineState.SENT)) or 0


def test_a_lone_line_is_said_at_once_and_as_it_is(lines: StaffLines, robot: Robot, lantai: Lantai) -> None:
    lines.say("收到新的更正申请")
    assert [text for _, text in robot.said] == ["收到新的更正申请"]
    assert waiting(lantai) == 0


def test_a_flood_is_coalesced_and_never_more_than_twenty_a_minute(
    lines: StaffLines, robot: Robot, lantai: Lantai, clock: FakeClock
) -> None:
    sent = 0
    for second in range(180):
        for n in range(3):
            lines.say(f"第 {second * 3 + n} 条提醒，请到工作台办理")
            sent += 1
        lines.tick()
        clock.advance(seconds=1)
    clock.advance(minutes=2)
    lines.tick()
    assert waiting(lantai) == 0
    assert len(robot.said) <= BURST + 45 + 5
    everything = "\n".join(text for _, text in robot.said)
    assert all(f"第 {n} 条提醒" in everything for n in range(sent))


def test_after_the_limit_the_robot_rests_a_whole_minute(
    lines: StaffLines, robot: Robot, lantai: Lantai, clock: FakeClock
) -> None:
    robot.faults = [SendFault.LATER]
    lines.say("甲")
    clock.advance(seconds=59)
    lines.say("乙")
    assert robot.said == []
    assert waiting(lantai) == 2
    clock.advance(seconds=FULL_REST.total_seconds() - 59)
    assert lines.tick() == 1
    assert robot.said[0][1] == "共 2 条提醒：\n· 甲\n· 乙"
    assert waiting(lantai) == 0


@pytest.mark.parametrize("fault", [SendFault.RETRY, SendFault.CONFIG])
def test_what_the_robot_did_not_take_stays(
    fault: SendFault, lines: StaffLines, robot: Robot, lantai: Lantai, clock: FakeClock
) -> None:
    robot.faults = [fault]
    lines.say("甲")
    assert waiting(lantai) == 1
    clock.advance(seconds=SHORT_REST.total_seconds())
    assert lines.tick() == 1
    assert [text for _, text in robot.said] == ["甲"]


def test_what_may_have_arrived_is_not_said_again(lines: StaffLines, robot: Robot, lantai: Lantai) -> None:
    robot.faults = [SendFault.UNKNOWN]
    lines.say("甲")
    assert waiting(lantai) == 0
    assert lines.tick() == 0


def test_lines_of_a_worker_that_died_are_said_by_another(
    lines: StaffLines, robot: Robot, lantai: Lantai, clock: FakeClock
) -> None:
    class Killed(BaseException):
        pass

    class Dying(Robot):
        def alert(self, text: str) -> None:
            raise Killed

    with pytest.raises(Killed):
        StaffLines(lantai.db, Dying(clock), clock).say("甲")
    assert lines.tick() == 0  # it may still be at it
    clock.advance(seconds=61)
    assert lines.tick() == 1
    assert [text for _, text in robot.said] == ["甲"]


def test_several_workers_share_a_bucket_and_say_each_line_once(lantai: Lantai, robot: Robot, clock: FakeClock) -> None:
    workers = [StaffLines(lantai.db, robot, clock) for _ in range(4)]

    def chatter(n: int) -> None:
        for line in range(5):
            workers[n].say(f"工作进程 {n} 第 {line} 条")

    threads = [threading.Thread(target=chatter, args=(n,)) for n in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert len(robot.said) <= BURST
    for _ in range(5):
        clock.advance(seconds=30)
        workers[0].tick()
    everything = "\n".join(text for _, text in robot.said)
    assert all(everything.count(f"工作进程 {n} 第 {line} 条") == 1 for n in range(4) for line in range(5))
    assert waiting(lantai) == 0


def test_old_lines_are_forgotten(lines: StaffLines, lantai: Lantai, clock: FakeClock) -> None:
    lines.say("甲")
    assert lines.sweep() == 0
    clock.advance(days=KEEP.days + 1)
    assert lines.sweep() == 1


def test_without_a_robot_nothing_is_kept(lantai: Lantai, clock: FakeClock) -> None:
    StaffLines(lantai.db, None, clock).say("甲")
    assert waiting(lantai) == 0


@pytest.mark.parametrize("line", ["短", "档案转递" * 60, "字" * 900])
def test_a_digest_fits_in_bytes_and_says_how_many_are_left(line: str) -> None:
    given = [f"{n}{line}" for n in range(AT_ONCE)]
    text, taken = digest(given)
    assert len(text.encode()) <= MAX_BYTES or taken == 1
    assert 1 <= taken <= len(given)
    if 1 < taken < len(given):
        assert text.endswith(f"另有 {len(given) - taken} 条，随后发送")
    assert taken == 1 or f"共 {taken} 条提醒" in text


def test_equal_lines_are_said_once_with_their_number() -> None:
    assert digest(["甲", "乙", "甲", "甲"]) == ("共 4 条提醒：\n· 甲（3 次）\n· 乙", 4)
