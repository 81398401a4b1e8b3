"""A campaign to 100,000 and to 1,000: how much memory a worker takes at its most, how many a second are told, how long
the start takes that freezes them; each size in a process of its own.

python -m bench campaign
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import psycopg

from app.actors import SYSTEM, Actor, ActorKind, Role
from app.settings import load_settings
from bench.stand import PROJECT, Stand, stand
from notifications.campaigns.desk import Wish
from notifications.campaigns.rules import Result, Segment, State
from notifications.campaigns.texts import CampaignNotice, Field
from parts import Lantai
from wiring import build, libpq_url, service_urls

SIZES = (1_000, int(os.environ.get("LANTAI_BENCH_CAMPAIGN", "100000")))
COHORTS = (2041, 2042)
PER_SECOND = 2000
TARGET_FLAT = 1.2
_PEOPLE = """
insert into graduate (id, sealed_card, student_number_bidx, id_number_bidx, cohort_year, college, major, degree_level,
                      card_version, created_at)
select gen_random_uuid(), '-', uuid_send(gen_random_uuid()), uuid_send(gen_random_uuid()), %(year)s,
       '学院' || n %% 20, '专业', '本科', 1, now() from generate_series(1, %(many)s) n
"""
_ACCOUNTS = """
insert into platform_identity (id, platform, app_id, open_id, state, graduate_id, bound_at, created_at)
select gen_random_uuid(), 'wechat', 'app', id::text, 'bound', id, now(), now() from graduate where cohort_year = %s
"""


def people(on: Stand, year: int, many: int) -> None:
    """Of whom everybody has an account: each of them is pushed to."""
    with psycopg.connect(libpq_url(on.urls.database_owner_url), autocommit=True) as connection:
        connection.execute(_PEOPLE, {"year": year, "many": many})
        connection.execute(_ACCOUNTS, (year,))
        connection.execute("analyze")


def forget_peak() -> None:
    """The most so far was taken by starting up; what the campaign itself takes begins here (proc(5), clear_refs)."""
    Path("/proc/self/clear_refs").write_text("5", "ascii")


def peak_mb() -> float:
    status = Path("/proc/self/status").read_text("ascii", errors="replace")
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


def clerk(parts: Lantai, staff_id: UUID) -> Actor:
    return Actor(ActorKind.STAFF, staff_id, frozenset({Role.ARCHIVIST}), factor_at=parts.clock.now())


def made_ready(parts: Lantai, year: int) -> tuple[UUID, UUID]:
    """(the campaign, who may start it). Not in the child: hashing new members' passwords takes 64 MB at once."""
    first, second = (
        parts.staff.add(SYSTEM, f"bench{year}{n}", "工作人员", (Role.ARCHIVIST,)).staff_id for n in range(2)
    )
    until = (parts.clock.now() + timedelta(days=30)).date().isoformat()
    wish = Wish(CampaignNotice.CHECK_DOSSIER, {Field.UNTIL: until}, Segment(year))
    made = parts.campaigns.create(clerk(parts, first), wish)
    parts.campaigns.propose(clerk(parts, first), made, 1)
    return made, second


def child(campaign: UUID, starter: UUID) -> None:
    """From the start to the last recipient, as one worker carries it out; its own numbers as JSON."""
    settings = load_settings()
    parts = build(settings, service_urls(settings))
    forget_peak()
    began = time.perf_counter()
    parts.campaigns.start(clerk(parts, starter), campaign, 2)
    start_s, began = time.perf_counter() - began, time.perf_counter()
    while parts.campaign_reading.campaign(SYSTEM, campaign).state is State.RUNNING:
        if not parts.campaign_sending.tick():
            time.sleep(0.01)
    seconds, peak = time.perf_counter() - began, peak_mb()
    began = time.perf_counter()
    figures = parts.campaign_reading.figures(SYSTEM, campaign)
    read_s = time.perf_counter() - began
    told = figures.results[Result.INBOX]
    print(json.dumps({"told": told, "start": start_s, "seconds": seconds, "peak": peak, "figures": read_s}))
    parts.close()


def measured(on: Stand, year: int, many: int) -> dict[str, float]:
    """Ends the bench when somebody was left out."""
    run = subprocess.run(
        [sys.executable, "-m", "bench.campaign", *map(str, made_ready(on.parts, year))],
        cwd=PROJECT,
        env={
            **on.environment,
            "LANTAI_CAMPAIGN_PER_SECOND": str(PER_SECOND),
            "LANTAI_QUIET_BEGINS": "00:00",  # at whatever hour this is measured
            "LANTAI_QUIET_ENDS": "00:00",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    if run.returncode:
        raise SystemExit(f"campaign: {run.stderr[-2000:]}")
    said: dict[str, float] = json.loads(run.stdout.splitlines()[-1])
    if said["told"] != many:
        raise SystemExit(f"campaign: {said['told']} told of {many}")
    return said


def run() -> bool:
    print("campaign: one worker tells a cohort, each a line in the inbox and a job for the push, one process per size")
    print(f"  {'recipients':>10}{'start s':>9}{'told/s':>8}{'peak MB':>9}{'figures s':>11}")
    peaks = []
    with stand() as on:
        for year, many in zip(COHORTS, SIZES, strict=True):
            people(on, year, many)
            said = measured(on, year, many)
            rate = many / said["seconds"]
            print(
                f"  {many:>10}{said['start']:>9.2f}{rate:>8.0f}{said['peak']:>9.0f}{said['figures']:>11.2f}", flush=True
            )
            peaks.append(said["peak"])
    flat = peaks[1] / peaks[0]
    print(f"  peak at {SIZES[1]} to {SIZES[0]} recipients: {flat:.2f}  (flat: ≤ {TARGET_FLAT})", end="")
    print(f"  {'kept' if flat <= TARGET_FLAT else 'MISSED'}")
    return flat <= TARGET_FLAT


if __name__ == "__main__":
    child(UUID(sys.argv[1]), UUID(sys.argv[2]))
