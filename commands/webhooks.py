"""`lantai partner webhook …`: the event subscriptions of other systems, for operators."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

import click

from app.actors import SYSTEM
from app.office_time import OFFICE_TIME
from commands.parts import wired
from notifications.feed import KEEP
from notifications.webhook_log import LogFilter
from notifications.webhook_rules import ENDED_LABELS, MESSAGE_LABELS, REASONS, STATE_LABELS, Message

SHOWN = 50


def _moment(at: datetime | None) -> str:
    return f"{at.astimezone(OFFICE_TIME):%Y-%m-%d %H:%M}" if at is not None else "从未"


@click.group("webhook")
def group() -> None:
    """接入系统的事件订阅：查看、测试、停用、重新投递。"""


@group.command("list")
def list_command() -> None:
    """列出全部事件订阅。"""
    with wired() as parts:
        names = {client.id: client.name for client in parts.partners.clients()}
        for each in parts.webhooks.everything():
            why = f"（{ENDED_LABELS[each.ended]}）" if each.ended is not None else ""
            click.echo(
                f"{each.id}  {names[each.client_id]}  {each.url}  {STATE_LABELS[each.state]}{why}"
                f"  待投递 {each.waiting}  未送达 {each.dead}  最近送达 {_moment(each.last_success_at)}"
            )


@group.command("log")
@click.argument("webhook_id", type=click.UUID)
@click.option("--state", type=click.Choice([m.value for m in Message]), help="只看一种结果。")
def log_command(webhook_id: UUID, state: str | None) -> None:
    """最近的投递记录，新的在前。"""
    wanted = LogFilter(Message(state) if state is not None else None)
    with wired() as parts:
        for line in parts.webhook_log.deliveries(SYSTEM, webhook_id, wanted, None, SHOWN):
            tried = "，".join(
                f"{a.status or ''}{REASONS.get(a.reason, '')}" or MESSAGE_LABELS[line.state] for a in line.attempts
            )
            click.echo(f"{_moment(line.at)}  {line.type}  {line.event_id}  {MESSAGE_LABELS[line.state]}  {tried}")


@group.command("test")
@click.argument("webhook_id", type=click.UUID)
def test_command(webhook_id: UUID) -> None:
    """发送一条已签名的测试消息；通过后订阅即启用。没有通过时退出码为 1。"""
    with wired() as parts:
        result = parts.webhooks.test_by_staff(SYSTEM, webhook_id)
    if not result.passed:
        raise click.ClickException(f"测试没有通过：{REASONS[result.reason]}。")
    click.echo("测试已通过，订阅已启用。")


@group.command("disable")
@click.argument("webhook_id", type=click.UUID)
@click.confirmation_option(prompt="将停用该事件订阅，确定继续？")
def disable_command(webhook_id: UUID) -> None:
    """停用事件订阅；待投递的消息记为未送达，以后可以重新投递。"""
    with wired() as parts:
        parts.webhooks.disable_by_staff(SYSTEM, webhook_id)
    click.echo("已停用。")


@group.command("replay")
@click.argument("webhook_id", type=click.UUID)
@click.option("--since", type=click.DateTime(["%Y-%m-%d"]), help="自哪一天（北京时间）。")
@click.option("--until", type=click.DateTime(["%Y-%m-%d"]), help="至哪一天，含当日。")
@click.option("--event", "events", type=click.UUID, multiple=True, help="消息编号，可重复；与日期二选一。")
def replay_command(webhook_id: UUID, since: datetime | None, until: datetime | None, events: tuple[UUID, ...]) -> None:
    """重新投递：按消息编号，或一段时间内的全部事件。"""
    if bool(events) is (since is not None and until is not None) or (since is None) is not (until is None):
        raise click.UsageError("请给出 --event，或同时给出 --since 和 --until。")
    with wired() as parts:
        if since is None or until is None:
            count = parts.webhook_log.replay_events(SYSTEM, webhook_id, events)
        else:
            first, last = (d.replace(tzinfo=OFFICE_TIME) for d in (since, until + timedelta(days=1)))
            if not timedelta(0) < last - first <= KEEP:
                raise click.UsageError(f"日期须由早到晚，最长 {KEEP.days} 天。")
            count = parts.webhook_log.replay_span(SYSTEM, webhook_id, first, last)
    click.echo(f"已安排重新投递 {count} 条。")
