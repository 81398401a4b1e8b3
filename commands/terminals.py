"""`lantai terminal …`: campus self-service terminals."""

from __future__ import annotations

import click

from commands.parts import wired


@click.group("terminal")
def group() -> None:
    """校园自助终端。"""


@group.command("add")
@click.argument("name")
def add_command(name: str) -> None:
    """登记一台终端，显示其凭证（只显示一次）。"""
    with wired() as parts:
        _, credential = parts.logins.add_terminal(name)
    click.echo(f"终端“{name}”的凭证（只显示一次）：")
    click.echo(credential)


@group.command("list")
def list_command() -> None:
    """列出终端。"""
    with wired() as parts:
        for name, added, in_service in parts.logins.terminals():
            click.echo(f"{name}  {added:%Y-%m-%d}  {'使用中' if in_service else '已停用'}")


@group.command("disable")
@click.argument("name")
@click.confirmation_option(prompt="将停用该终端并结束其上的登录，确定继续？")
def disable_command(name: str) -> None:
    """停用终端（遗失、被盗或报废）。"""
    with wired() as parts:
        parts.logins.disable_terminal(name)
    click.echo(f"终端“{name}”已停用。")
