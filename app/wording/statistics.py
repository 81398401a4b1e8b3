"""The words of the talent pool's statistics."""

from __future__ import annotations

from collections.abc import Mapping

WORDING: Mapping[str, tuple[str, str]] = {
    "statistics_not_yet": ("还没有统计结果", "There are no statistics yet"),
    "statistics_not_published": (
        "这一组合不予公布：只公布固定的单项和两项交叉表，“只看”仅用于不分列的单项",
        "This combination is not published: only fixed single and two-way tables are",
    ),
    "statistics_too_few": ("在库不足 {k} 人，不生成统计", "Fewer than {k} persons are on file; no statistics are made"),
    "statistics_few_changes": (
        "与上一期相比变动不足 {k} 人，为防止由两期之差推知个人，不生成新一期",
        "Fewer than {k} persons changed since the last release, so a new one would tell about them",
    ),
}
FAULT_WORDS: Mapping[str, tuple[str, str]] = {}
