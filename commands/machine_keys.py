"""`lantai partner key …`: the keys by which other systems sign their requests."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import click

from app.office_time import OFFICE_TIME
from auth.machine_keys import KeyView, MadeKey, NewKey, public_key_in
from auth.partners import REQUESTS_PER_MINUTE
from auth.rules import Scope
from commands.parts import wired

_PUBLIC = click.Path(exists=True, dir_okay=False, path_type=Path)


def _day(at: datetime | None, without: str) -> str:
    return f"{at.astimezone(OFFICE_TIME):%Y-%m-%d %H:%M}" if at is not None else without


def _office(at: datetime | None) -> datetime | None:
    """A day as typed begins at midnight in Beijing."""
    return at.replace(tzinfo=OFFICE_TIME).astimezone(UTC) if at is not None else None


def _raw(path: Path | None) -> bytes | None:
    return public_key_in(path.read_text("utf-8", errors="replace")) if path is not None else None


def _show(made: MadeKey) -> None:
    click.echo(f"密钥编号（keyid）：{made.key_id}")
    if made.secret is not None:
        click.echo("HMAC 密钥（只显示一次）：")
        click.echo(made.secret)


@click.group("key")
def group() -> None:
    """接入系统的签名密钥（RFC 9421）：登记、更换、吊销。"""


@group.command("add")
@click.argument("client")
@click.option("--public-key", type=_PUBLIC, help="对方的 Ed25519 公钥（PEM 或 JWK）；不提供则生成 HMAC 密钥")
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    type=click.Choice([s.value for s in Scope]),
    help="只给接入系统权限中的一部分，可重复；默认全部",
)
@click.option(
    "--per-minute", type=click.IntRange(1, REQUESTS_PER_MINUTE), help="该密钥每分钟的请求数；默认与接入系统相同"
)
@click.option("--not-before", type=click.DateTime(["%Y-%m-%d"]), help="自哪一天起有效（北京时间）；默认立即")
@click.option("--expires", type=click.DateTime(["%Y-%m-%d"]), help="到哪一天零时失效（北京时间）；默认不失效")
def add_command(
    client: str,
    public_key: Path | None,
    scopes: tuple[str, ...],
    per_minute: int | None,
    not_before: datetime | None,
    expires: datetime | None,
) -> None:
    """为接入系统登记一把签名密钥。"""
    wanted = NewKey(_raw(public_key), scopes or None, per_minute, _office(not_before), _office(expires))
    with wired() as parts:
        made = parts.machine_keys.add(client, wanted)
    _show(made)


def _state(key: KeyView, now: datetime) -> str:
    if key.revoked_at is not None:
        return "已吊销"
    if key.opens(now):
        return "使用中"
    return "未生效" if now < key.not_before else "已失效"


@group.command("list")
@click.argument("client", required=False)
def list_command(client: str | None) -> None:
    """列出签名密钥。"""
    with wired() as parts:
        names, now = {c.id: c.name for c in parts.partners.clients()}, parts.clock.now()
        for key in parts.machine_keys.all():
            if client is not None and names[key.client_id] != client:
                continue
            limit = f"每分钟 {key.per_minute} 次  " if key.per_minute is not None else ""
            used = f"{key.last_used_on:%Y-%m-%d}" if key.last_used_on is not None else "从未"
            click.echo(
                f"{key.key_id}  {names[key.client_id]}  {key.algorithm}  {','.join(key.scopes)}  {limit}"
                f"有效至 {_day(key.expires_at, '不限')}  最近 {used}  {_state(key, now)}"
            )


@group.command("rotate")
@click.argument("key_id")
@click.option("--public-key", type=_PUBLIC, help="Ed25519 密钥的接替者；HMAC 密钥由系统生成")
@click.option(
    "--overlap-hours", type=click.IntRange(0, 168), default=24, show_default=True, help="旧密钥继续有效的时间"
)
def rotate_command(key_id: str, public_key: Path | None, overlap_hours: int) -> None:
    """更换密钥；泄露时请用 --overlap-hours 0。"""
    with wired() as parts:
        made = parts.machine_keys.rotate(key_id, timedelta(hours=overlap_hours), _raw(public_key))
    _show(made)


@group.command("revoke")
@click.argument("key_id")
@click.confirmation_option(prompt="将吊销该密钥，下一个请求起即被拒绝，确定继续？")
def revoke_command(key_id: str) -> None:
    """吊销密钥（泄露或不再使用）。"""
    with wired() as parts:
        parts.machine_keys.revoke(key_id)
    click.echo("已吊销。")
