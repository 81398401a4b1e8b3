"""`lantai statistics …`: reading award levels anew, and releasing the talent pool's tables."""

from __future__ import annotations

import click

from app.actors import SYSTEM
from commands.parts import wired


@click.group("statistics")
def group() -> None:
    """人才库统计。"""


@group.command("rebuild")
def rebuild_command() -> None:
    """从档案重新读取奖励级别（启用统计之前已归档的档案需要一次）。"""
    with wired() as parts:
        click.echo(f"已读取 {parts.award_census.rebuild()} 项奖励的级别。")


@group.command("publish")
def publish_command() -> None:
    """汇总并生成新一期统计。"""
    with wired() as parts:
        release = parts.statistics.publish(SYSTEM)
    click.echo(f"第 {release.number} 期已生成：{release.persons} 人，摘要 {release.digest[:16]}…")
