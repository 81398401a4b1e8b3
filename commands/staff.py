"""`lantai staff …`: the first administrator, and the way back after a lost authenticator."""

from __future__ import annotations

import click
import segno

from app.actors import SYSTEM, Role
from auth.staff import Credentials
from commands.parts import wired

ROLE_WORDS = {
    Role.ADMINISTRATOR: "管理员",
    Role.ARCHIVIST: "档案员",
    Role.REVIEWER: "复核员",
    Role.DISPATCHER: "转递员",
    Role.AUDITOR: "审计员",
}


@click.group("staff")
def group() -> None:
    """工作人员账号。"""


def show(credentials: Credentials, *, qr: bool = True) -> None:
    click.echo("以下内容只显示一次，请当面交给本人：")
    click.echo(f"  用户名      {credentials.username}")
    click.echo(f"  初始密码    {credentials.password}")
    click.echo(f"  动态口令密钥 {credentials.totp_secret}")
    if qr:
        segno.make(credentials.totp_uri, error="m").terminal(compact=True)
    click.echo("  恢复码（每个只能用一次）：")
    for code in credentials.recovery_codes:
        click.echo(f"    {code}")


@group.command("add")
@click.option("--username", prompt="用户名")
@click.option("--name", "display_name", prompt="姓名")
@click.option(
    "--role",
    "roles",
    multiple=True,
    type=click.Choice([r.value for r in Role]),
    default=[Role.ADMINISTRATOR.value],
    show_default=True,
    help="可重复；管理员不能查看档案内容。",
)
@click.option("--same-person-as", default="", help="同一自然人已有的用户名：两个账号只算一人，不能互相复核。")
@click.option("--no-qr", is_flag=True, help="不在终端画二维码。")
def add_command(username: str, display_name: str, roles: tuple[str, ...], same_person_as: str, no_qr: bool) -> None:
    """新建账号，显示初始密码、动态口令和恢复码。"""
    with wired() as parts:
        made = parts.staff.add(SYSTEM, username, display_name, [Role(r) for r in roles], same_person_as=same_person_as)
        show(made, qr=not no_qr)


@group.command("disable")
@click.argument("username")
@click.confirmation_option(prompt="将停用该账号并退出其所有登录，确定继续？")
def disable_command(username: str) -> None:
    """停用账号（离岗）。"""
    with wired() as parts:
        parts.staff.disable(SYSTEM, username)
    click.echo(f"账号 {username} 已停用。")


@group.command("reset-authenticator")
@click.argument("username")
@click.option("--no-qr", is_flag=True, help="不在终端画二维码。")
@click.confirmation_option(prompt="将重置密码、动态口令和恢复码并退出其所有登录，确定继续？")
def reset_command(username: str, no_qr: bool) -> None:
    """动态口令丢失后的找回：重新签发全部凭证。"""
    with wired() as parts:
        show(parts.staff.reset_authenticator(SYSTEM, username), qr=not no_qr)
