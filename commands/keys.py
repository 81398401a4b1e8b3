"""`lantai keys …`: the master keys outside the database."""

from __future__ import annotations

import click

from app.settings import Settings, load_settings
from providers.keys import FileKeys


@click.group("keys")
def group() -> None:
    """主密钥：初始化与查看。密钥文件须与数据库分开备份。"""


def _settings() -> Settings:
    return load_settings()


@group.command("init")
def init_command() -> None:
    """生成缺少的密钥文件（权限 0400），不覆盖已有的。"""
    settings = _settings()
    keys = FileKeys.create(settings.key_dir)
    click.echo(f"密钥已就绪，共 {len(keys.describe())} 个主密钥版本。")
    click.echo("请立即离线备份密钥目录：丢失后所有档案数据都无法解密。")


@group.command("list")
def list_command() -> None:
    """列出主密钥版本与指纹，不显示密钥。"""
    for key in FileKeys(_settings().key_dir).describe():
        mark = "（当前）" if key.primary else ""
        click.echo(f"版本 {key.version}  指纹 {key.fingerprint}{mark}")
