"""The job worker's entry: inbox, pushes and call-backs."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from datetime import timedelta
from functools import partial

import structlog

from app import logs
from app.errors import DomainError
from app.job_worker import work
from app.settings import load_settings
from parts import Lantai
from wiring import build, build_queue_app, register_work, service_urls

HOUSEKEEPING_S = 600.0
HALF_WRITTEN = timedelta(days=1)
log = structlog.get_logger(__name__)


def housekeeping(parts: Lantai) -> None:
    """Forget what has had its time. A failure waits for the next round and holds up no other sweep."""
    swept = {}
    for name, sweep in _sweeps(parts).items():
        try:
            swept[name] = int(sweep())
        except DomainError as error:
            log.warning("housekeeping_failed", sweep=name, code=error.code)
    if any(swept.values()):
        log.info("housekeeping", **swept)


def _sweeps(parts: Lantai) -> Mapping[str, Callable[[], int]]:
    return {
        "replies": parts.idempotency.sweep,
        "claims": parts.claims.sweep,
        "evidence": parts.corrections.sweep_evidence,
        "drafts": parts.drafts.sweep,
        "completeness": parts.completeness.enqueue_sweep,
        "reminders": parts.reminders.remind_by_calendar,
        "digests": parts.reminders.digest,
        "statistics": parts.statistics.publish_if_due,
        "imports": parts.importer.sweep,
        "fixity": parts.fixity.tick,
        "clocks": parts.clock_watch.tick,
        "transfers": parts.transfer_watch.tick,
        "traces": parts.tracking.tick,
        "traces_missed": parts.trace_expiry.tick,
        "packages": parts.electronic.sweep,
        "left_work": parts.left_work.resume,
        "half_written": partial(_half_written, parts),
        "meters": parts.meters.snapshot_if_due,
    }


def _half_written(parts: Lantai) -> int:
    """What killed writers left in the store; no honest writer takes a day for one file."""
    store = parts.outside.scratch
    return store.sweep((parts.clock.now() - HALF_WRITTEN).timestamp()) if store is not None else 0


def main() -> None:
    logs.configure()
    settings = load_settings()
    urls = service_urls(settings)
    queue = build_queue_app(urls)
    parts = build(settings, urls)
    register_work(queue, parts)
    tick = partial(housekeeping, parts)
    asyncio.run(work(queue, ["default"], concurrency=4, tick=tick, tick_s=HOUSEKEEPING_S))


if __name__ == "__main__":
    main()
