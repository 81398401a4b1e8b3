"""When staff are told of a queue of jobs: once of trouble, once that it is over. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

AGAIN_AFTER = timedelta(hours=1)
"""Between two alarms about one queue, however often it comes and goes."""
QUEUE_LABELS: Mapping[str, str] = {"default": "常规", "webhooks": "事件推送", "face": "人脸核验"}


@dataclass(frozen=True, slots=True)
class QueueFigures:
    """``waiting`` counts ``due`` too; ``oldest_due_s``: for how many seconds the oldest due job has been due, 0 without
    one; ``failed``: given up after the last retry.
    """

    queue: str
    waiting: int = 0
    due: int = 0
    doing: int = 0
    failed: int = 0
    oldest_due_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Told:
    """What staff know of a queue: ``at`` is the last alarm, ``failed`` the failures they were told of."""

    at: datetime
    late: bool
    failed: int


class News(StrEnum):
    TROUBLE = "trouble"
    WELL = "well"


def judge(
    figures: QueueFigures, late_after: timedelta, told: Told | None, now: datetime
) -> tuple[News | None, Told | None]:
    """What to say, if anything, and what staff know once it is said."""
    late = figures.oldest_due_s > late_after.total_seconds()
    knows_late, knows_failed = (told.late, told.failed) if told is not None else (False, 0)
    if (late and not knows_late) or figures.failed > knows_failed:
        if told is not None and now - told.at < AGAIN_AFTER:
            return None, told
        return News.TROUBLE, Told(now, late, figures.failed)
    if told is None:
        return None, None
    known = Told(told.at, late, figures.failed)
    caught_up = knows_late and not late
    cleared = knows_failed > 0 and figures.failed == 0 and not late
    return (News.WELL if caught_up or cleared else None), known


def sentence(news: News, figures: QueueFigures, late_after: timedelta) -> str:
    """One line for the staff's group: counts and minutes."""
    queue = QUEUE_LABELS.get(figures.queue, figures.queue)
    failed = f"{figures.failed} 项任务多次重试后仍失败，不再自动执行"
    if news is News.WELL:
        rest = f"；另有 {failed}，请运维人员处理" if figures.failed else "，也没有失败的任务"
        return f"后台任务（{queue}）已恢复正常：没有超时等待的任务{rest}。"
    parts = []
    if figures.oldest_due_s > late_after.total_seconds():
        minutes = int(figures.oldest_due_s // 60)
        parts.append(f"有 {figures.due} 项到期未办，最早一项已等待 {minutes} 分钟")
    if figures.failed:
        parts.append(failed)
    return f"后台任务（{queue}）需要处理：{'；'.join(parts)}。请通知运维人员查看任务进程。"
