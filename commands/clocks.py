"""`lantai clocks …`: the clocks of correction tickets against their events, and a round of the watch."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from datetime import UTC, datetime, time

import click

from app.office_time import OFFICE_TIME
from commands.parts import wired

SHOWN = 20


@dataclass(frozen=True, slots=True)
class StandingClock:
    """app.ports.Clock that stands at one moment."""

    moment: datetime

    def now(self) -> datetime:
        return self.moment


@click.group("clocks")
def group() -> None:
    """更正申请的期限：核对、重算、提醒与上报。"""


@group.command("check")
@click.option("--repair", is_flag=True, help="把不一致的按事件记录改正，期限有变动的留下记录。")
def check_command(repair: bool) -> None:
    """用事件记录重算全部未办结申请的期限，与存储的逐项核对。有未改正的不一致时退出码为 1。"""
    with wired() as parts:
        found = parts.clock_watch.check(repair=repair)
    for each in found[:SHOWN]:
        click.echo(f"{each.number}：{'、'.join(each.names)}")
    if len(found) > SHOWN:
        click.echo(f"……共 {len(found)} 件")
    if not found:
        click.echo("全部一致。")
    elif repair:
        click.echo(f"已改正 {len(found)} 件。")
    else:
        click.echo(f"{len(found)} 件不一致：核实后可用 --repair 按事件记录改正。", err=True)
        sys.exit(1)


@group.command("watch")
@click.option("--digest", is_flag=True, help="不等办公时间，立即发送摘要。")
@click.option("--on", "day", type=click.DateTime(["%Y-%m-%d"]), help="演练：当作这一天的 9 时执行；正式环境拒绝。")
def watch_command(digest: bool, day: datetime | None) -> None:
    """立即执行一轮：按现行工作日历重算、提醒经办人、上报超期。平时由后台进程每十分钟执行。"""
    with wired() as parts:
        watch = parts.clock_watch
        if day is not None:
            if parts.settings.environment == "production":
                raise click.UsageError("--on 会以虚拟时间写入记录，正式环境不可使用。")
            watch = watch.by(StandingClock(datetime.combine(day, time(9), OFFICE_TIME).astimezone(UTC)))
        moved, made = watch.realign(), watch.remind()
        told = watch.digest(at_any_hour=digest)
    click.echo(f"重算 {moved} 件，提醒与上报 {made} 件，摘要 {told} 条。")
