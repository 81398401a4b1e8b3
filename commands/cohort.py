"""`lantai import …`: a cohort from a folder, a zip or a lone table; its state, and taking it back."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import BinaryIO
from uuid import UUID

import click

from app.actors import SYSTEM
from app.imports.bundle import packed_folder
from app.imports.paging import BatchPage, Wanted
from app.imports.reports import reason
from app.imports.rules import STATE_WORDS, BatchSource, BatchState
from app.imports.views import BatchView, ImportReport, RowReport
from commands.parts import wired
from parts import Lantai

LISTED = 20
STATES = tuple(s.value for s in BatchState if s is not BatchState.RECEIVING)
SOURCES = tuple(s.value for s in BatchSource)


def stream_of(path: Path) -> BinaryIO:
    return packed_folder(path) if path.is_dir() else path.open("rb")


def print_rows(rows: Sequence[RowReport]) -> None:
    for row in rows:
        if row.outcome == "refused":
            why = "；".join(reason(f) for f in row.faults)
            sheet = "" if row.sheet == "graduates" else f"{row.sheet} "
            click.echo(f"  {sheet}第 {row.line} 行（{row.student}）未导入：{why}")


def print_report(report: ImportReport) -> None:
    print_rows(report.rows)
    click.echo(f"共 {len(report.rows)} 行，导入 {report.filed} 行，未导入 {report.refused} 行。")


def print_totals(view: BatchView, *, dry: bool = False) -> None:
    total = view.filed + view.refused + view.skipped
    skipped = f"，已有 {view.skipped} 行" if view.skipped else ""
    done = "可导入" if dry else "导入"
    click.echo(f"共 {total} 行，{done} {view.filed} 行{skipped}，未导入 {view.refused} 行。")


def print_problems(view: BatchView) -> None:
    for problem in view.problems:
        click.echo(f"  {problem.pointer or '文件'}：{problem.words}", err=True)


def _mapping(pairs: Sequence[str]) -> dict[str, str]:
    mapping = {}
    for pair in pairs:
        header, sign, field = pair.partition("=")
        if not sign:
            raise click.BadParameter(f"应写成 列=字段：{pair}", param_hint="--map")
        mapping[header] = field
    return mapping


def _work(parts: Lantai, view: BatchView, *, dry: bool) -> tuple[BatchView, list[RowReport]]:
    """Refused rows are kept to be printed after the bar: there are few of them, or the file is of no use."""
    refused: list[RowReport] = []
    with click.progressbar(length=1, label="检查中" if dry else "导入中", file=sys.stderr) as bar:

        def progress(done: int, total: int, rows: Sequence[RowReport]) -> None:
            refused.extend(r for r in rows if r.outcome == "refused")
            bar.length = max(total, 1)
            bar.update(done - bar.pos)

        act = parts.importer.check_now if dry else parts.importer.import_now
        return act(SYSTEM, view.id, progress), refused


def _write_errors(parts: Lantai, batch_id: UUID, path: Path) -> Path:
    """Rows of several tables come as a ZIP, whatever the name asked for says."""
    found = parts.importer.error_file(SYSTEM, batch_id)
    path = path.with_suffix(".zip") if found.name.endswith(".zip") else path
    path.touch(mode=0o600)
    path.write_bytes(found.data)
    return path


@click.command("import")
@click.argument("path", type=click.Path(exists=True, path_type=Path))
@click.option("--batch-key", default=None, help="批次键；默认取自文件内容。同键同内容即同一批次，中断后重跑会接着做。")
@click.option("--parent", type=click.UUID, default=None, help="改正后重报时，原批次的编号。")
@click.option("--dry-run", is_flag=True, help="只检查，不导入。")
@click.option(
    "--errors",
    type=click.Path(path_type=Path),
    default=None,
    help="把未导入的行写入此 CSV 文件；涉及其他表时写成 ZIP。",
)
@click.option("--map", "pairs", multiple=True, metavar="列=字段", help="指定列对应的字段；可多次给出。")
def import_command(
    path: Path, batch_key: str | None, parent: UUID | None, dry_run: bool, errors: Path | None, pairs: tuple[str, ...]
) -> None:
    """导入一届毕业生：文件夹、ZIP、CSV 或 XLSX（可附 photos/ 照片）。已存在的学号不会重复导入。"""
    with wired() as parts, closing(stream_of(path)) as stream:
        view = parts.importer.receive(
            SYSTEM, name=path.name, stream=stream, source=BatchSource.COMMAND, batch_key=batch_key, parent=parent
        )
        if pairs:
            view = parts.importer.set_mapping(SYSTEM, view.id, _mapping(pairs), view.version)
        if view.state is BatchState.DONE:
            click.echo(f"批次 {view.id} 已导入过，没有重复导入。")
            refused: list[RowReport] = []
        else:
            view, refused = _work(parts, view, dry=dry_run)
        print_rows(refused)
        print_problems(view)
        if view.state is not BatchState.FAILED:
            print_totals(view, dry=dry_run)
        if errors is not None and view.refused:
            click.echo(f"未导入的行已写入 {_write_errors(parts, view.id, errors)}")
        click.echo(f"批次 {view.id}")
    if view.state is BatchState.FAILED or not (view.filed or view.skipped):
        sys.exit(1)


def _print_page(page: BatchPage) -> None:
    for view in page.batches:
        state = STATE_WORDS[view.state]
        click.echo(
            f"{view.id}  {view.created_at:%Y-%m-%d %H:%M}  {view.source.value:<7}  {state}  {view.done}/{view.rows}"
        )
    if page.newer is not None:
        click.echo(f"较新的批次：--after {page.newer}")
    if page.older is not None:
        click.echo(f"更早的批次：--before {page.older}")


@click.command("import-status")
@click.argument("batch", type=click.UUID, required=False)
@click.option("--state", type=click.Choice(list(STATES)), default=None, help="只列出此状态的批次。")
@click.option("--source", type=click.Choice(list(SOURCES)), default=None, help="只列出此来源的批次。")
@click.option("--before", type=click.UUID, default=None, help="列出比此批次更早的。")
@click.option("--after", type=click.UUID, default=None, help="列出比此批次更新的。")
def status_command(
    batch: UUID | None, state: str | None, source: str | None, before: UUID | None, after: UUID | None
) -> None:
    """显示一个批次的进度；不给编号时列出最近的批次，可按状态、来源筛选并前后翻页。"""
    with wired() as parts:
        if batch is None:
            wanted = Wanted(
                BatchState(state) if state else None, BatchSource(source) if source else None, before, after
            )
            _print_page(parts.importer.batches(SYSTEM, wanted, limit=LISTED))
            return
        view = parts.importer.batch(SYSTEM, batch)
    click.echo(f"批次 {view.id}：{STATE_WORDS[view.state]}，{view.done}/{view.rows} 行（{view.percent}%）")
    print_problems(view)
    print_totals(view, dry=view.state in (BatchState.CHECKED, BatchState.CHECKING))


@click.command("import-undo")
@click.argument("batch", type=click.UUID)
@click.confirmation_option(prompt="将删除该批次导入的全部毕业生与档案，确定继续？")
def undo_command(batch: UUID) -> None:
    """撤销整个批次；已有后续业务时不做任何改动，并说明原因。"""
    with wired() as parts:
        found = parts.importer.hindrances(SYSTEM, batch)
        for each in found:
            click.echo(f"  第 {each.line} 行：{each.words}", err=True)
        view = parts.importer.undo(SYSTEM, batch, at_once=True)
    click.echo(f"批次 {view.id}：已撤销，{view.filed} 名毕业生的档案已删除。")
