"""What operators watch: figures, the queue alarms, the sweeps' times."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import TypedDict

from app.job_worker import STALLED_AFTER_S
from app.jobs import ALL_JOBS
from app.operations.alarms import QueueAlarms
from app.operations.figures import OperationsFigures
from app.operations.sweeps import SweepBook
from notifications.figures import TellingFigures
from notifications.staff_lines import StaffLines
from wired.ground import Ground

MIGRATIONS = Path(__file__).resolve().parent.parent / "migrations" / "versions"


class OperationsParts(TypedDict):
    figures: OperationsFigures
    telling_figures: TellingFigures
    queue_alarms: QueueAlarms
    sweep_book: SweepBook


def newest_schema() -> str:
    """Migrations are numbered in their file names; reading them all would cost each process its start."""
    return max(path.name.partition("_")[0] for path in MIGRATIONS.glob("[0-9]*_*.py"))


def wire_operations(ground: Ground, lines: StaffLines) -> OperationsParts:
    db, clock, cache = ground.db, ground.clock, ground.outside.cache
    figures = OperationsFigures(
        db, {job.queue for job in ALL_JOBS}, newest_schema(), timedelta(seconds=STALLED_AFTER_S)
    )
    late_after = timedelta(seconds=ground.settings.queue_late_s)
    return {
        "figures": figures,
        "telling_figures": TellingFigures(db, clock),
        "queue_alarms": QueueAlarms(db, figures, cache, lines if ground.outside.alerts else None, clock, late_after),
        "sweep_book": SweepBook(cache, clock),
    }
