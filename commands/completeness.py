"""`lantai completeness …`: what dossiers lack, computed anew for a cohort."""

from __future__ import annotations

import sys

import click

from app.dossiers import class_map
from commands.parts import wired


@click.group("completeness")
def group() -> None:
    """档案完整性：材料清单与毕业前预测。"""


@group.command("recompute")
@click.option("--cohort", type=click.IntRange(1950, 2100), help="毕业年份；不填为全部届别。")
@click.option("--all", "everything", is_flag=True, help="连同没有变化的一并重算。")
def recompute_command(cohort: int | None, *, everything: bool) -> None:
    """重算完整性：默认只算没有结果、档案有变化或清单已更新的。"""
    with wired() as parts, click.progressbar(length=1, label="计算中", file=sys.stderr) as bar:

        def progress(done: int, total: int) -> None:
            bar.length = total
            bar.update(done - bar.pos)

        done, unread = parts.completeness.recompute(cohort, everything=everything, progress=progress)
    click.echo(f"已计算 {done} 份档案；无法读取 {unread} 份。")
    if unread:
        click.echo("无法读取的档案请查看管理台的“完好性检查”。", err=True)
        sys.exit(1)


@group.command("rules")
def rules_command() -> None:
    """显示在用的类别映射、材料清单及其历史版本。"""
    with wired() as parts:
        kinds, listed = class_map.current(), parts.completeness.checklist
    click.echo(f"类别映射 {kinds.version}（{kinds.valid_from} 起，{len(kinds.kinds)} 个种类，{kinds.digest[:12]}）")
    for old in class_map.history():
        click.echo(f"  历史 {old.version}（{old.valid_from} 起，{old.digest[:12]}）{old.note}")
    click.echo(f"材料清单 {listed.version}（{listed.valid_from} 起，{len(listed.items)} 项，{listed.digest[:12]}）")
