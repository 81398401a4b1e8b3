"""`lantai files …`: the sealed files' stores."""

from __future__ import annotations

import secrets

import click

from app.errors import Conflict, DomainError, NotFound
from app.file_ports import FileStore
from app.settings import load_settings
from providers.outside import build_files

_WRONG = "没有按要求工作"


@click.group("files")
def group() -> None:
    """文件存储：检查主存储与副本，补齐副本缺少的文件。"""


@group.command("sync")
def sync_command() -> None:
    """把副本缺少的文件从主存储补齐；建议每日运行，可重复执行。"""
    _, replica = build_files(load_settings())
    if replica is None:
        raise click.ClickException("没有配置副本：请设置 LANTAI_REPLICA_DIR 或 LANTAI_REPLICA_S3_*")
    report = replica.sync()
    click.echo(f"主存储共 {report.seen} 个文件，补齐副本 {report.copied} 个。")
    if report.missing_in_primary:
        click.echo(
            f"另有 {report.missing_in_primary} 个文件只在副本中：已删除的残留，或主存储丢失的文件；定期核查会指出后者。"
        )


def probe(store: FileStore) -> str:
    """What is wrong with the store, in words; empty when an object can be written once, read and deleted."""
    name, data = secrets.token_hex(32), secrets.token_bytes(1000)
    try:
        store.put(name, data)
        if store.get(name) != data:
            return f"读出的内容与写入的不同，{_WRONG}"
        try:
            store.put(name, b"second")
            return f"同名文件被覆盖，{_WRONG}：请更换支持“不覆盖写入”的存储"
        except Conflict:
            pass
        store.delete(name)
        try:
            store.get(name)
            return f"删除后仍能读出，{_WRONG}"
        except NotFound:
            return ""
    except DomainError as error:
        reason = error.params.get("reason") or error.params.get("errno") or error.code
        return f"无法读写（{reason}）：检查目录权限、磁盘空间，或存储地址、桶与密钥"
