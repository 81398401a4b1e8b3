"""`lantai check`: a cohort inside the archive, or a package in a stranger's hands; `lantai package`: one going out."""

from __future__ import annotations

import sys
from pathlib import Path
from uuid import UUID

import click
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from app.actors import SYSTEM
from app.checks.offline import SEAL_BY_ID, Verification, verify
from app.checks.registry import BY_ID
from app.checks.rules import (
    OUTCOME_LABELS,
    PROPERTY_LABELS,
    STAGE_LABELS,
    VERDICT_LABELS,
    Outcome,
    Property,
    Result,
    Stage,
    Verdict,
)
from app.checks.sources import Unreadable, source_at
from app.checks.views import RunView
from app.errors import DomainError
from app.office_time import office_date
from commands.parts import wired
from parts import Lantai
from providers.clock import SystemClock
from providers.probe import ChildProber
from providers.signing import key_id_of, raw_public

PASSED, FAILED, UNREADABLE = 0, 1, 2
_MARKS = {
    Outcome.PASS: "✓",
    Outcome.FAIL: "✗",
    Outcome.NOT_RUN: "?",
    Outcome.NOT_APPLICABLE: "-",
    Outcome.WAITING: "…",
}
_SHOWN = 8
_END = "-----END PUBLIC KEY-----"


def public_keys_in(path: Path) -> dict[str, bytes]:
    """Every Ed25519 key of a file as `lantai keys public` prints it, by id."""
    keys: dict[str, bytes] = {}
    for block in path.read_text("utf-8", errors="replace").split(_END)[:-1]:
        start = block.find("-----BEGIN PUBLIC KEY-----")
        try:
            key = load_pem_public_key((block[start:] + _END + "\n").encode())
        except ValueError:
            continue
        if isinstance(key, Ed25519PublicKey):
            raw = raw_public(key)
            keys[key_id_of(raw)] = raw
    if not keys:
        raise click.ClickException("公钥文件里没有可用的公钥：请用 lantai keys public 的输出")
    return keys


def _lines(results: list[Result]) -> None:
    for result in results:
        check = BY_ID.get(result.check_id) or SEAL_BY_ID[result.check_id]
        if result.outcome in (Outcome.PASS, Outcome.NOT_APPLICABLE):
            continue
        veto = "（否决项）" if check.veto and result.outcome is Outcome.FAIL else ""
        click.echo(f"  {_MARKS[result.outcome]} {check.id} {check.title}{veto}：{OUTCOME_LABELS[result.outcome]}")
        if result.note:
            click.echo(f"      {result.note}")
        for finding in result.findings[:_SHOWN]:
            click.echo(f"      {finding.where}：{finding.words}")
        if len(result.findings) > _SHOWN:
            click.echo(f"      … 共 {len(result.findings)} 处")


def _tell(found: Verification) -> None:
    click.echo(f"环节：{STAGE_LABELS[found.stage]}")
    everything = (*found.results, *found.seal)
    for which in Property:
        mine = [r for r in everything if (BY_ID.get(r.check_id) or SEAL_BY_ID[r.check_id]).property is which]
        count = {o: sum(r.outcome is o for r in mine) for o in Outcome}
        parts = [f"{OUTCOME_LABELS[o]} {n}" for o, n in count.items() if n]
        click.echo(f"{PROPERTY_LABELS[which]}：{'、'.join(parts)}")
        _lines(mine)
    if found.report is not None:
        _tell_report(found)
    words = {True: "签名由所给公钥的持有者签发", False: "签名不是所给公钥签发的", None: "未提供公钥，不能证明由谁签发"}
    click.echo(f"签发者：{words[found.trusted]}")
    click.echo(f"结论（系统检测部分）：{VERDICT_LABELS[found.verdict]}")


def _tell_report(found: Verification) -> None:
    report = found.report
    assert report is not None
    human = [c for c in report.checks if c.mode != "machine"]
    done = sum(c.outcome == Outcome.PASS.value for c in human)
    verdict = VERDICT_LABELS[Verdict(report.verdict)] if report.verdict in set(Verdict) else report.verdict
    click.echo(f"随包报告：{report.at}，结论“{verdict}”，人工项 {len(human)} 项中 {done} 项已确认（不能离线重做）")


def check_offline(path: Path, public_key: Path | None, stage: Stage | None) -> int:
    """The exit code: 0 passed, 1 failed, 2 cannot be looked at."""
    trusted = public_keys_in(public_key) if public_key is not None else None
    try:
        source = source_at(path)
        found = verify(source, ChildProber(), office_date(SystemClock().now()), trusted=trusted, stage=stage)
    except Unreadable as error:
        click.echo(f"无法检测：{error.words}", err=True)
        return UNREADABLE
    _tell(found)
    return PASSED if found.verdict in (Verdict.PASSED, Verdict.NOTED) else FAILED


def check_cohort(parts: Lantai, cohort: int, stage: Stage) -> int:
    """Goes on where it was stopped: what was checked as it stands is not checked again."""
    counts = dict.fromkeys(Verdict, 0)
    stuck = 0
    due = parts.checks.due(cohort, stage)
    with click.progressbar(due, label="检测中", file=sys.stderr) as bar:
        for graduate_id in bar:
            try:
                counts[parts.checks.run(SYSTEM, graduate_id, stage).outcome] += 1
            except DomainError as error:
                stuck += 1
                click.echo(f"  {graduate_id} 未能检测（{error.code}）", err=True)
    told = "，".join(f"{VERDICT_LABELS[v]} {n}" for v, n in counts.items())
    click.echo(f"{cohort} 届，{STAGE_LABELS[stage]}：本次检测 {len(due) - stuck} 份，{told}；未能检测 {stuck} 份。")
    return FAILED if counts[Verdict.FAILED] or stuck else PASSED


@click.command("check")
@click.option("--cohort", type=int, help="检测这一届的全部档案，可中断后继续")
@click.option("--stage", type=click.Choice([s.value for s in Stage]), help="环节；默认 archiving，离线时以报告为准")
@click.option("--offline", "package", type=click.Path(path_type=Path), help="只凭档案包（文件夹或 ZIP）重新检测")
@click.option("--public-key", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="立档单位公布的公钥")
def check_command(cohort: int | None, stage: str | None, package: Path | None, public_key: Path | None) -> None:
    """四性检测。退出码：0 通过，1 未通过，2 无法检测。--offline 不需要数据库、设置、密钥和网络。"""
    if (cohort is None) == (package is None):
        raise click.UsageError("请指定 --cohort 或 --offline 之一")
    chosen = Stage(stage) if stage is not None else None
    if package is not None:
        sys.exit(check_offline(package, public_key, chosen))
    assert cohort is not None
    with wired() as parts:
        code = check_cohort(parts, cohort, chosen or Stage.ARCHIVING)
    sys.exit(code)


def export(parts: Lantai, graduate_id: UUID, stage: Stage, target: Path) -> RunView:
    """A half-written zip does not stay."""
    run = parts.checks.run(SYSTEM, graduate_id, stage)
    if target.suffix != ".zip":
        parts.checks.write_package(SYSTEM, graduate_id, run.id, target)
        return run
    made = parts.checks.package(SYSTEM, graduate_id, run.id)
    draft = target.with_suffix(".part")
    try:
        with draft.open("xb") as out:
            for chunk in made.write():
                out.write(chunk)
        draft.rename(target)
    finally:
        draft.unlink(missing_ok=True)
    return run


@click.command("package")
@click.argument("graduate_id", type=click.UUID)
@click.argument("target", type=click.Path(path_type=Path))
@click.option("--stage", type=click.Choice([s.value for s in Stage]), default=Stage.HAND_OVER.value, show_default=True)
def package_command(graduate_id: UUID, target: Path, stage: str) -> None:
    """检测一份档案并导出档案包：TARGET 以 .zip 结尾则写成 ZIP，否则写成文件夹。"""
    if target.exists():
        raise click.ClickException("目标已存在，请另选一个")
    with wired() as parts:
        run = export(parts, graduate_id, Stage(stage), target)
    click.echo(f"检测结论：{VERDICT_LABELS[run.outcome]}；档案包已写入 {target}")
