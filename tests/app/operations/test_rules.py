"""When staff hear of a queue, by plain figures and a clock."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from app.operations.rules import AGAIN_AFTER, News, QueueFigures, Told, judge, sentence

NOW = datetime(2026, 6, 1, 1, 0, tzinfo=UTC)
LIMIT = timedelta(minutes=5)
LATE = QueueFigures("default", waiting=4, due=3, oldest_due_s=301)
JUST = QueueFigures("default", waiting=4, due=3, oldest_due_s=300)
GAVE_UP = QueueFigures("default", failed=2)
LONG_AGO = NOW - AGAIN_AFTER
A_MOMENT_AGO = NOW - timedelta(minutes=1)


@pytest.mark.parametrize(
    ("figures", "told", "news", "known"),
    [
        (JUST, None, None, None),
        (LATE, None, News.TROUBLE, Told(NOW, True, 0)),
        (GAVE_UP, None, News.TROUBLE, Told(NOW, False, 2)),
        (LATE, Told(LONG_AGO, True, 0), None, Told(LONG_AGO, True, 0)),
        (JUST, Told(A_MOMENT_AGO, True, 0), News.WELL, Told(A_MOMENT_AGO, False, 0)),
        # it comes and goes within the hour: silence, and it is told when the hour is over
        (LATE, Told(A_MOMENT_AGO, False, 0), None, Told(A_MOMENT_AGO, False, 0)),
        (LATE, Told(LONG_AGO, False, 0), News.TROUBLE, Told(NOW, True, 0)),
        # one more failure is news, the same ones are not, fewer are remembered
        (GAVE_UP, Told(LONG_AGO, False, 1), News.TROUBLE, Told(NOW, False, 2)),
        (GAVE_UP, Told(A_MOMENT_AGO, False, 1), None, Told(A_MOMENT_AGO, False, 1)),
        (GAVE_UP, Told(LONG_AGO, False, 2), None, Told(LONG_AGO, False, 2)),
        (GAVE_UP, Told(LONG_AGO, False, 5), None, Told(LONG_AGO, False, 2)),
        # caught up although failures lie there: said, with their count
        (GAVE_UP, Told(LONG_AGO, True, 2), News.WELL, Told(LONG_AGO, False, 2)),
        (QueueFigures("default"), Told(LONG_AGO, False, 2), News.WELL, Told(LONG_AGO, False, 0)),
        (QueueFigures("default"), Told(LONG_AGO, False, 0), None, Told(LONG_AGO, False, 0)),
    ],
)
def test_what_is_said_and_known(
    figures: QueueFigures, told: Told | None, news: News | None, known: Told | None
) -> None:
    assert judge(figures, LIMIT, told, NOW) == (news, known)


def test_the_words_hold_counts_and_say_what_to_do() -> None:
    both = QueueFigures("webhooks", waiting=9, due=7, failed=2, oldest_due_s=725)
    assert sentence(News.TROUBLE, both, LIMIT) == (
        "后台任务（事件推送）需要处理：有 7 项到期未办，最早一项已等待 12 分钟；"
        "2 项任务多次重试后仍失败，不再自动执行。请通知运维人员查看任务进程。"
    )
    assert "到期未办" not in sentence(News.TROUBLE, GAVE_UP, LIMIT)
    assert "没有失败的任务" in sentence(News.WELL, QueueFigures("default"), LIMIT)
    assert "2 项任务" in sentence(News.WELL, GAVE_UP, LIMIT)
