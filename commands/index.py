"""`lantai index …`: the search index built anew and compared with the dossiers."""

from __future__ import annotations

import click

from app.settings import load_settings
from wiring import build, service_urls


@click.group("index")
def group() -> None:
    """检索索引：重建与核对。"""


@group.command("rebuild")
def rebuild_command() -> None:
    """逐份重建检索索引；中断后再次运行会接着做，期间检索照常。"""
    settings = load_settings()
    parts = build(settings, service_urls(settings))
    try:
        with click.progressbar(length=parts.upkeep.count(), label="重建索引") as bar:
            for done in parts.upkeep.rebuild():
                bar.update(done - bar.pos)
    finally:
        parts.close()
    click.echo("检索索引已重建。")


@group.command("check")
def check_command() -> None:
    """核对索引与档案是否一致；不一致时以状态 1 结束。"""
    settings = load_settings()
    parts = build(settings, service_urls(settings))
    try:
        with click.progressbar(length=parts.upkeep.count(), label="核对索引") as bar:
            for found in parts.upkeep.compare():
                bar.update(found.dossiers - bar.pos)
    finally:
        parts.close()
    click.echo(f"档案 {found.dossiers} 份，检索单元 {found.units} 个。")
    if found.faults:
        click.echo(
            f"缺失 {found.missing}，位置不符 {found.misplaced}，词条缺失 {found.unposted}，无主 {found.orphans}；"
            "请运行 lantai index rebuild。"
        )
        for unit_id in found.examples:
            click.echo(f"  {unit_id}")
        raise SystemExit(1)
    click.echo("索引与档案一致。")
