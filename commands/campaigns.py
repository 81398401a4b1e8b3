"""`lantai campaign …`: campaigns for operators, who may look, pause and resume; starting one is for the desk."""

from __future__ import annotations

from uuid import UUID

import click

from app.actors import SYSTEM
from app.office_time import OFFICE_TIME
from commands.parts import wired
from notifications.campaigns.reading import CampaignView
from notifications.campaigns.rules import RESULT_LABELS, STATE_LABELS, State
from notifications.campaigns.texts import NOTICE_LABELS

SHOWN = 50


def _line(view: CampaignView) -> str:
    total = "未启动" if view.total is None else f"{view.dealt_with} / {view.total}"
    at = f"{view.created_at.astimezone(OFFICE_TIME):%Y-%m-%d %H:%M}"
    where = f"{view.segment.cohort} 届 {'、'.join(view.segment.colleges) or '全部学院'}"
    return f"{view.id}  {view.number}  {NOTICE_LABELS[view.notice]}  {where}  {STATE_LABELS[view.state]}  {total}  {at}"


@click.group("campaign")
def group() -> None:
    """群发通知：查看、暂停、继续。"""


@group.command("list")
@click.option("--state", type=click.Choice([s.value for s in State]), help="只看一种状态。")
def list_command(state: str | None) -> None:
    """最近的群发通知，新的在前。"""
    wanted = State(state) if state is not None else None
    with wired() as parts:
        for view in parts.campaign_reading.campaigns(SYSTEM, state=wanted, limit=SHOWN)[0]:
            click.echo(_line(view))


@group.command("show")
@click.argument("campaign_id", type=click.UUID)
def show_command(campaign_id: UUID) -> None:
    """一个群发通知的进度和结果，只有人数。"""
    with wired() as parts:
        view = parts.campaign_reading.campaign(SYSTEM, campaign_id)
        figures = parts.campaign_reading.figures(SYSTEM, campaign_id)
    click.echo(_line(view))
    click.echo("  ".join(f"{label} {figures.results[result]}" for result, label in RESULT_LABELS.items()))
    click.echo(f"未绑定账号 {figures.unbound}")


@group.command("pause")
@click.argument("campaign_id", type=click.UUID)
def pause_command(campaign_id: UUID) -> None:
    """暂停：立即停止向其余的人发送。"""
    with wired() as parts:
        parts.campaigns.pause(SYSTEM, campaign_id)
    click.echo("已暂停。")


@group.command("resume")
@click.argument("campaign_id", type=click.UUID)
def resume_command(campaign_id: UUID) -> None:
    """继续：从暂停处接着发送。"""
    with wired() as parts:
        parts.campaigns.resume(SYSTEM, campaign_id)
    click.echo("已继续。")
