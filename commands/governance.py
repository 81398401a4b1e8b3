"""`lantai rules …` and `lantai meters …`: the rule texts an office begins with, and the day's counts."""

from __future__ import annotations

import click

from app.governance.seeds import SEED_RULES
from commands.parts import wired


@click.group("rules")
def rules_group() -> None:
    """制度文本与岗位责任表。"""


@rules_group.command("seed")
def seed_command() -> None:
    """装入四项制度的初始文本和常用职责；已有的不改动，可重复运行。"""
    with wired() as parts:
        rules, duties = parts.rulebook.seed(SEED_RULES), parts.duties.seed()
    click.echo(f"新增制度 {rules} 项、职责 {duties} 项。")


@click.group("meters")
def meters_group() -> None:
    """计划与完成情况。"""


@meters_group.command("snapshot")
def snapshot_command() -> None:
    """记录当日的数字化、齐全、转出进度；同一天再次运行以后一次为准。"""
    with wired() as parts:
        click.echo(f"已记录 {parts.meters.snapshot()} 项进度。")
