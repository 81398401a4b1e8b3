"""`lantai partner …`: campus systems and receiving offices that come through the partner door."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import click

from auth.rules import SCOPE_LABELS, Scope
from commands import machine_keys, webhooks
from commands.checks import public_keys_in
from commands.parts import wired


def _day(at: datetime | None) -> str:
    return f"{at:%Y-%m-%d}" if at is not None else "从未"


def _show(name: str, credential: str) -> None:
    click.echo(f"接入系统“{name}”的凭证（只显示一次）：")
    click.echo(credential)


@click.group("partner")
def group() -> None:
    """接入系统（校内业务系统、数据终端、接收单位）。"""


@group.command("add")
@click.argument("name")
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    type=click.Choice([s.value for s in Scope]),
    default=[Scope.PUSH_DOSSIERS.value],
    show_default=True,
    help="；".join(f"{s.value} {label}" for s, label in SCOPE_LABELS.items()),
)
@click.option(
    "--receiver", "receiver_code", default="", help="接收单位代码；dossiers:receive 必须指定，且只能看到该单位的档案包"
)
@click.option(
    "--receipt-key",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="接收单位签发电子回执的 Ed25519 公钥（PEM）；登记后回执必须签名",
)
@click.option("--sandbox", is_flag=True, help="测试用：提交的数据只校验不入库，通知只预览不发送")
def add_command(
    name: str, scopes: tuple[str, ...], receiver_code: str, receipt_key: Path | None, *, sandbox: bool
) -> None:
    """登记一个接入系统，显示其凭证（只显示一次）。"""
    raw = None
    if receipt_key is not None:
        raw = next(iter(public_keys_in(receipt_key).values()))
    with wired() as parts:
        _, credential = parts.partners.add(name, scopes, receiver_code, raw, sandbox=sandbox)
    _show(name, credential)


@group.command("list")
def list_command() -> None:
    """列出接入系统。"""
    with wired() as parts:
        for client in parts.partners.clients():
            state = "使用中" if client.disabled_at is None else "已停用"
            used = _day(client.last_used_at)
            bound = f"  接收单位 {client.receiver_code}" if client.receiver_code else ""
            bound += "  测试用" if client.sandbox else ""
            click.echo(
                f"{client.name}  {','.join(client.scopes)}{bound}  登记 {_day(client.created_at)}  最近 {used}  {state}"
            )


@group.command("rotate")
@click.argument("name")
@click.option(
    "--overlap-hours", type=click.IntRange(0, 168), default=24, show_default=True, help="旧凭证继续有效的时间"
)
def rotate_command(name: str, overlap_hours: int) -> None:
    """更换凭证（只显示一次）；凭证泄露时请用 --overlap-hours 0。"""
    with wired() as parts:
        credential = parts.partners.rotate(name, timedelta(hours=overlap_hours))
    _show(name, credential)


@group.command("disable")
@click.argument("name")
@click.confirmation_option(prompt="将停用该接入系统，确定继续？")
def disable_command(name: str) -> None:
    """停用接入系统（泄露、下线或更换）。"""
    with wired() as parts:
        parts.partners.disable(name)
    click.echo(f"接入系统“{name}”已停用。")


group.add_command(machine_keys.group)
group.add_command(webhooks.group)
