"""`lantai receivers …`: the registry of bodies that may receive dossiers, from lists and as a list."""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path
from typing import BinaryIO

import click

from app.actors import SYSTEM
from app.problems import FAULT_WORDS
from app.receivers.importing import OUTCOME_LABELS, ImportReport
from app.receivers.rules import KIND_LABELS, STANDING_LABELS, ReceiverKind
from app.receivers.table import template
from app.receivers.views import Wanted
from commands.parts import wired
from parts import Lantai

LISTED = 50
_DAY = click.DateTime(["%Y-%m-%d"])


def _day(at: datetime | None) -> date | None:
    return at.date() if at is not None else None


@click.group("receivers")
def group() -> None:
    """接收单位名录：可以接收档案的机构。"""


def print_report(report: ImportReport) -> None:
    for row in report.refused:
        why = "；".join(f"{f.column}：{FAULT_WORDS.get(f.code, ('有误', ''))[0]}" for f in row.faults)
        click.echo(f"  第 {row.line} 行（{row.name or row.code}）不能导入：{why}", err=True)
    click.echo("，".join(f"{label} {report.count(o)} 行" for o, label in OUTCOME_LABELS.items()) + "。")


def take_in(
    parts: Lantai, opened: Callable[[], BinaryIO], *, dry_run: bool = False, since: date | None = None
) -> ImportReport:
    """With a bar on stderr."""
    with click.progressbar(length=1, label="检查中" if dry_run else "导入中", file=sys.stderr) as bar:

        def progress(done: int, total: int) -> None:
            bar.length = max(total, 1)
            bar.update(done - bar.pos)

        act = parts.receiver_import.try_out if dry_run else parts.receiver_import.take_in
        return act(SYSTEM, opened, progress, since)


@group.command("import")
@click.argument("path", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--dry-run", is_flag=True, help="只检查，不导入。")
@click.option("--since", type=_DAY, default=None, help="内容有变的单位自哪一日起用新内容；默认今天。")
def import_command(path: Path, since: datetime | None, *, dry_run: bool) -> None:
    """导入名录（CSV，UTF-8 或 GB18030）：整份导入，有一行不对就全部不导入；重复导入不产生新版本。"""
    with wired() as parts:
        report = take_in(parts, lambda: path.open("rb"), dry_run=dry_run, since=_day(since))
    print_report(report)
    if not report.usable:
        click.echo("没有导入任何一行。" if report.rows else "文件中没有数据行。", err=True)
        sys.exit(1)
    click.echo("预检通过，没有写入。" if dry_run else "已导入。")


@group.command("list")
@click.argument("text", default="")
@click.option("--region", default="", help="行政区划代码的开头，如 3301。")
@click.option("--kind", type=click.Choice([k.value for k in ReceiverKind]), default=None, help="只列出此类。")
@click.option("--on", type=_DAY, default=None, help="只列出当日可接收的。")
@click.option("--expiring", type=click.IntRange(1, 3650), default=None, help="只列出这么多天内到期的。")
@click.option("--page", type=click.IntRange(1, 10_000), default=1, show_default=True)
def list_command(
    text: str, region: str, kind: str | None, on: datetime | None, expiring: int | None, page: int
) -> None:
    """列出接收单位，可按名称、地区、类型和日期筛选。"""
    wanted = Wanted(
        text=text.strip(),
        region=region.strip(),
        kind=ReceiverKind(kind) if kind else None,
        valid_on=_day(on),
        expiring_within=expiring,
    )
    with wired() as parts:
        found = parts.receivers.search(SYSTEM, wanted, offset=(page - 1) * LISTED, limit=LISTED)
    for line in found.lines:
        ends = f"至 {line.facts.valid_to}（不含）" if line.facts.valid_to else "起长期"
        click.echo(
            f"{line.code}  {line.facts.region_code}  {line.facts.name}  {KIND_LABELS[line.facts.kind]}"
            f"  {STANDING_LABELS[line.standing]}  {line.facts.valid_from} {ends}"
        )
    click.echo(f"共 {found.total} 个。" + (f"下一页：--page {page + 1}" if found.total > page * LISTED else ""))


@group.command("template")
@click.argument("path", type=click.Path(dir_okay=False, path_type=Path))
def template_command(path: Path) -> None:
    """写出空白模板。"""
    path.write_bytes(template())
    click.echo(f"模板已写入 {path}")
