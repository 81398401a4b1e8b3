"""`lantai keys …`: the master keys outside the database."""

from __future__ import annotations

import click

from app.settings import Settings, load_settings
from providers.keys import FileKeys
from providers.signing import FileSigner, public_pem


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


@group.command("public")
def public_command() -> None:
    """打印检测报告签名的公钥（PEM），供接收单位离线校验；请在网站等独立渠道公布。"""
    signer = FileSigner(_settings().key_dir)
    for key_id, raw in signer.public_keys().items():
        mark = "（当前）" if key_id == signer.key_id else "（已停用，仅用于校验旧报告）"
        click.echo(f"# 四性检测报告签名公钥 {key_id}{mark}")
        click.echo(public_pem(raw), nl=False)


@group.command("new-signing-key")
def new_signing_key_command() -> None:
    """新增一把报告签名密钥：重启后启用；旧公钥继续公布，旧报告仍可校验。"""
    folder = _settings().key_dir
    FileSigner.add_key(folder)
    click.echo(f"新的报告签名密钥已生成：{FileSigner(folder).key_id}。请重启服务并重新公布 lantai keys public 的输出。")
