"""`lantai import`: a cohort from a folder, a zip or a lone table."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from app.actors import SYSTEM
from app.imports.bundle import Bundle, FolderBundle, open_upload
from app.imports.service import ImportReport
from commands.parts import wired


def bundle_at(path: Path) -> Bundle:
    return FolderBundle(path) if path.is_dir() else open_upload(path.name, path.read_bytes())


def print_report(report: ImportReport) -> None:
    for row in report.rows:
        if row.outcome != "filed":
            why = "；".join(f"{f.column}：{f.words}" for f in row.faults)
            click.echo(f"  第 {row.line} 行（{row.student}）未导入：{why}")
    click.echo(f"共 {len(report.rows)} 行，导入 {report.filed} 行，未导入 {report.refused} 行。")


@click.command("import")
@click.argument("path", type=click.Path(exists=True, path_type=Path))
def import_command(path: Path) -> None:
    """导入一届毕业生：文件夹、ZIP、CSV 或 XLSX（可附 photos/ 照片）。已存在的学号不会重复导入。"""
    with wired() as parts, click.progressbar(length=1, label="导入中", file=sys.stderr) as bar:

        def progress(done: int, total: int) -> None:
            bar.length = total
            bar.update(done - bar.pos)

        report = parts.importer.run(SYSTEM, bundle_at(path), progress)
    print_report(report)
    if report.filed == 0:
        sys.exit(1)
