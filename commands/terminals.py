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
