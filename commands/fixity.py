"""`lantai fixity …`: verify everything that is kept, now."""

from __future__ import annotations

import sys

import click

from app.actors import SYSTEM
from app.materials.views import RunView
from commands.parts import wired

BAR_WIDTH = 30


def _bar(view: RunView) -> str:
    full = view.percent * BAR_WIDTH // 100
    counts = f"{view.rows}/{view.total} 条，文件 {view.files} 个，损坏 {view.damaged}，已修复 {view.repaired}"
    return f"[{'█' * full}{'·' * (BAR_WIDTH - full)}] {view.percent:3d}%  {counts}"


@click.group("fixity")
def group() -> None:
    """长期保存：密文校验、文件摘要复核与修复（DA/T 70-2018）。"""


@group.command("run")
@click.option("--all", "afresh", is_flag=True, help="放弃进行中的一轮，从头检查全部内容。")
def run_command(afresh: bool) -> None:
    """检查到底：接着进行中的一轮，没有则开始新的一轮。有未修复的损坏时退出码为 1。"""
    live = sys.stdout.isatty()
    with wired() as parts:

        def tell(view: RunView) -> None:
            if live:
                click.echo(f"\r{_bar(view)}", nl=False)

        view = parts.fixity.run_to_end(SYSTEM, tell, afresh=afresh)
        left = parts.fixity_board.damaged()
        click.echo(f"\r{_bar(view)}" if live else _bar(view))
        if view.erased:
            click.echo(f"已依法销毁密钥、无法也不应打开的：{view.erased} 条。")
        if left:
            click.echo(f"未修复的损坏 {left} 处：请到工作台“完整性检查”查看，并从备份恢复。", err=True)
            sys.exit(1)
        click.echo("全部完好。")
