"""`lantai doctor`: looks at settings, database, Redis, keys, files, platforms, fonts, face stack; says what to do."""

from __future__ import annotations

import importlib.metadata
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from urllib.parse import urlsplit

import click
import redis
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, text
from sqlalchemy.exc import SQLAlchemyError

from app.completeness import checklist
from app.completeness.rules import Checklist
from app.dossiers import class_map
from app.office_time import office_date
from app.settings import Settings, SettingsError, load_settings
from app.transfers import channel_file
from app.transfers.channel_rules import ChannelSet
from app.working_days import notices
from app.working_days.calendar import WorkingDays
from commands.database import alembic_config
from commands.files import probe
from providers.clock import SystemClock
from providers.embedded.records import ServiceUrls
from providers.keys import FileKeys
from providers.outside import build_files
from wiring import service_urls

POSTGRES_LEAST, REDIS_LEAST = 15, (6, 2)
CALENDAR_AHEAD = timedelta(days=60)  # the longest deadline of a kind is 30 working days


@dataclass(frozen=True, slots=True)
class Finding:
    """``ok`` None is a hint: works, but look at it."""

    name: str
    ok: bool | None
    words: str


def _database(urls: ServiceUrls) -> Finding:
    try:
        engine = create_engine(urls.database_url, connect_args={"connect_timeout": 3})
        with engine.connect() as connection:
            version = int(connection.scalar(text("show server_version_num")) or 0) // 10000
            at = connection.scalar(text("select version_num from alembic_version"))
    except SQLAlchemyError as error:
        return Finding(
            "数据库",
            False,
            f"连接失败或尚未升级（{type(error).__name__}）：检查 DATABASE_URL，再运行 lantai db upgrade",
        )
    if version < POSTGRES_LEAST:
        return Finding("数据库", False, f"PostgreSQL {version} 过旧，需要 {POSTGRES_LEAST} 或更新")
    head = ScriptDirectory.from_config(alembic_config(urls.database_owner_url)).get_current_head()
    if at != head:
        return Finding("数据库", False, f"结构版本 {at} 落后于 {head}：请运行 lantai db upgrade")
    return Finding("数据库", True, f"PostgreSQL {version}，结构版本 {at}")


def _redis(urls: ServiceUrls) -> Finding:
    try:
        client = redis.Redis.from_url(urls.redis_url, socket_timeout=3, socket_connect_timeout=3)
        version = str(client.info("server")["redis_version"])
    except redis.RedisError as error:
        return Finding("Redis", False, f"连接失败（{type(error).__name__}）：检查 REDIS_URL")
    if tuple(int(n) for n in version.split(".")[:2]) < REDIS_LEAST:
        return Finding("Redis", False, f"Redis {version} 过旧，需要 6.2 或更新")
    try:
        saves = str(client.config_get("save").get("save", ""))
        saves += str(client.config_get("appendonly").get("appendonly", "no")).replace("no", "")
    except redis.RedisError:
        return Finding("Redis", None, f"Redis {version}，不允许查看配置：请自行确认已关闭 RDB 与 AOF 落盘")
    if saves:
        return Finding("Redis", None, f'Redis {version} 会落盘：人脸画面经过 Redis，请设置 save "" 并关闭 AOF')
    return Finding("Redis", True, f"Redis {version}，不落盘")


def _keys(settings: Settings) -> Finding:
    try:
        found = FileKeys(settings.key_dir).describe()
    except (SettingsError, OSError) as error:
        return Finding("密钥", False, f"{error}；首次使用请运行 lantai keys init")
    return Finding("密钥", True, f"{len(found)} 个主密钥版本，权限正确")


def _files(settings: Settings) -> Finding:
    store, replica = build_files(settings)
    kind = "S3 兼容存储" if settings.file_store == "s3" else "本地目录"
    fault = probe(store)
    if fault:
        return Finding("文件存储", False, f"{kind}{fault}")
    if replica is None:
        return Finding("文件存储", None, f"{kind}可读写；没有副本，损坏的文件无法修复：可设置 LANTAI_REPLICA_DIR")
    return Finding("文件存储", True, f"{kind}可读写，已配置副本（每日运行 lantai files sync）")


def _platform(name: str, url: str, configured: bool) -> Finding:
    if not configured:
        return Finding(name, None, "未配置，该渠道不可用")
    parts = urlsplit(url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    try:
        with socket.create_connection((parts.hostname or "", port), timeout=3):
            return Finding(name, True, f"{parts.hostname}:{port} 可连接")
    except OSError as error:
        return Finding(name, False, f"{parts.hostname}:{port} 无法连接（{type(error).__name__}）：检查网络与出口防火墙")


def _passkeys(settings: Settings) -> Finding:
    if settings.passkey_origin:
        return Finding("通行密钥", True, f"可在 {settings.passkey_origin} 使用")
    if settings.passkeys == "off":
        return Finding("通行密钥", None, "已关闭（LANTAI_PASSKEYS=off），工作人员只用密码和动态口令")
    return Finding("通行密钥", None, f"不可用，工作人员只用密码和动态口令：{settings.passkey_fault}")


def _fonts() -> Finding:
    tool = shutil.which("fc-list")
    if tool is None:
        return Finding("中文字体", None, "没有 fontconfig：服务器无需字体；打印与截图请在装有中文字体的电脑上进行")
    listed = subprocess.run([tool, ":lang=zh-cn", "family"], capture_output=True, text=True, check=False).stdout  # noqa: S603
    if not listed.strip():
        return Finding("中文字体", None, "本机没有中文字体，浏览器截图会缺字：apt-get install fonts-noto-cjk")
    return Finding("中文字体", True, f"{len(listed.splitlines())} 个字体可用")


def _face_stack() -> Finding:
    installed = {d.metadata["Name"].lower().replace("_", "-") for d in importlib.metadata.distributions()}
    if "dlib" in installed:
        return Finding("人脸库", False, "装有会现场编译的 dlib：请卸载，只保留 dlib-bin")
    missing = {"dlib-bin", "face-recognition", "face-recognition-models"} - installed
    if missing:
        return Finding("人脸库", False, f"缺少 {'、'.join(sorted(missing))}：请运行 make setup")
    return Finding("人脸库", True, "已安装，仅由人脸核验进程加载")


def working_days(own: Path | None, today: date) -> Finding:
    """A hint as soon as a deadline that starts today may reach into a year whose holidays nobody knows yet."""
    try:
        calendar = WorkingDays(notices.load(own))
    except notices.NoticesInvalid as error:
        return Finding("工作日历", False, "；".join(error.faults) + "：请改正 LANTAI_WORKING_DAYS 所指文件")
    unknown = [y for y in sorted({today.year, (today + CALENDAR_AHEAD).year}) if not calendar.arranged(y)]
    if unknown:
        return Finding(
            "工作日历",
            None,
            f"没有 {unknown[0]} 年的放假调休安排，期限暂按周一至周五（扣除已知放假日）推算、可能偏早："
            "通知发布后请升级 chinesecalendar，或在 LANTAI_WORKING_DAYS 所指文件补录，期限会自动重算",
        )
    return Finding("工作日历", True, f"节假日与调休已知（历表 {calendar.version}）")


def lists_in_force(settings: Settings) -> Iterator[Finding]:
    """Which class map and which checklist dossiers are filed and measured by, the school's own or the shipped ones."""
    try:
        kinds = class_map.use(settings.class_map)
    except class_map.ClassMapInvalid as error:
        yield Finding("类别映射", False, "；".join(error.faults) + "：检查 LANTAI_CLASS_MAP")
        return
    yield Finding("类别映射", True, f"{_version(kinds, settings.class_map)}，{len(kinds.kinds)} 个种类")
    try:
        listed = checklist.load(settings.checklist, kinds)
    except checklist.ChecklistInvalid as error:
        yield Finding("材料清单", False, "；".join(error.faults) + "：检查 LANTAI_CHECKLIST")
        return
    yield Finding("材料清单", True, f"{_version(listed, settings.checklist)}，{len(listed.items)} 项")


def channels_in_force(settings: Settings) -> Finding:
    """Which rules of channels transfers go by."""
    try:
        rules = channel_file.load(settings.channel_rules)
    except channel_file.ChannelRulesInvalid as error:
        return Finding("转递方式规则", False, "；".join(error.faults) + "：检查 LANTAI_CHANNEL_RULES")
    return Finding("转递方式规则", True, f"{_version(rules, settings.channel_rules)}，{len(rules.rules)} 条")


def _version(held: class_map.ClassMap | Checklist | ChannelSet, own: Path | None) -> str:
    whose = own.name if own is not None else "随程序附带"
    return f"{held.version}（{held.valid_from} 起，{held.digest[:12]}，{whose}）"


def _findings(settings: Settings, urls: ServiceUrls) -> Iterator[Finding]:
    checks: list[Callable[[], Finding]] = [
        lambda: _database(urls),
        lambda: _redis(urls),
        lambda: _keys(settings),
        lambda: _files(settings),
        lambda: _platform("微信", settings.wechat_base_url, bool(settings.wechat_app_id)),
        lambda: _platform("支付宝", settings.alipay_gateway_url, bool(settings.alipay_app_id)),
        lambda: _platform("企业微信", settings.wecom_base_url, bool(settings.wecom_robot_key.get_secret_value())),
        lambda: working_days(settings.working_days, office_date(SystemClock().now())),
        lambda: _passkeys(settings),
        _fonts,
        _face_stack,
    ]
    for check in checks:
        yield check()
    yield from lists_in_force(settings)
    yield channels_in_force(settings)


@click.command("doctor")
def doctor_command() -> None:
    """检查配置、数据库、Redis、密钥、文件存储、平台、工作日历、字体和人脸库，列出在用的类别映射、材料清单和转递方式规则版本，并说明如何处理。"""
    settings = load_settings()
    click.echo(f"环境：{settings.environment}" + ("（沙箱平台）" if settings.uses_sandbox else ""))
    bad = 0
    for finding in _findings(settings, service_urls(settings)):
        mark = {True: "正常", False: "异常", None: "注意"}[finding.ok]
        bad += finding.ok is False
        click.echo(f"[{mark}] {finding.name}：{finding.words}")
    click.echo("全部正常。" if not bad else f"有 {bad} 项异常，请按提示处理。")
    if bad:
        sys.exit(1)
