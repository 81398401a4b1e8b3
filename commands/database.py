"""`lantai db …`: migrations, run by the owner role."""

from __future__ import annotations

from pathlib import Path

import click
from alembic import command
from alembic.config import Config
from sqlalchemy import create_engine, make_url, text

from app.settings import load_settings
from providers.embedded.records import ServiceUrls
from wiring import service_urls

APPEND_ONLY = (
    "event",
    "record_version",
    "material_version",
    "completeness_reminder",
    "retrieval_purpose",
    "check_run",
    "check_item",
    "ticket_decision",
    "voided_approval",
    "transfer_manifest",
    "dispatch",
    "receiver_version",
    "tracking_event",
    "custody_move",
)
MIGRATIONS = Path(__file__).resolve().parent.parent / "migrations"


def alembic_config(owner_url: str) -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["url"] = owner_url
    return config


def upgrade(urls: ServiceUrls, revision: str = "head") -> None:
    """Migrate, then grant the application's role what it may do and no more."""
    command.upgrade(alembic_config(urls.database_owner_url), revision)
    grant(urls)


def downgrade(urls: ServiceUrls, revision: str) -> None:
    command.downgrade(alembic_config(urls.database_owner_url), revision)


def grant(urls: ServiceUrls) -> None:
    """The log and the version rows are append-only for the application by grant as well as by trigger."""
    role = make_url(urls.database_url).username
    owner = make_url(urls.database_owner_url).username
    if role is None or role == owner:
        return
    engine = create_engine(urls.database_owner_url, hide_parameters=True)
    with engine.begin() as connection:
        quoted = connection.dialect.identifier_preparer.quote(role)
        for statement in (
            f"grant usage on schema public to {quoted}",
            f"grant select, insert, update, delete on all tables in schema public to {quoted}",
            f"grant usage, select on all sequences in schema public to {quoted}",
            f"grant execute on all functions in schema public to {quoted}",
        ):
            connection.execute(text(statement))
        for table in APPEND_ONLY:
            if connection.scalar(text("select to_regclass(:t)"), {"t": table}) is not None:
                connection.execute(text(f"revoke update, delete, truncate on {table} from {quoted}"))
    engine.dispose()


@click.group("db")
def group() -> None:
    """数据库结构的升级与回退。"""


@group.command("upgrade")
@click.option("--revision", default="head", show_default=True)
def upgrade_command(revision: str) -> None:
    """升级数据库结构，并授予应用账号最小权限。"""
    upgrade(service_urls(load_settings()), revision)
    click.echo("数据库结构已是最新。")


@group.command("downgrade")
@click.argument("revision")
@click.confirmation_option(prompt="回退会删除新结构中的数据，确定继续？")
def downgrade_command(revision: str) -> None:
    """回退到指定版本。"""
    downgrade(service_urls(load_settings()), revision)
    click.echo(f"数据库结构已回退到 {revision}。")


@group.command("current")
def current_command() -> None:
    """显示当前结构版本。"""
    command.current(alembic_config(service_urls(load_settings()).database_owner_url), verbose=True)
