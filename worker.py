"""The job worker's entry: inbox, pushes, call-backs and webhooks."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable, Mapping
from datetime import timedelta
from functools import partial

import procrastinate
import structlog
from sqlalchemy.exc import SQLAlchemyError

from app import logs
from app.errors import DomainError
from app.job_worker import work
from app.jobs import DeliverWebhooks
from app.settings import load_settings
from notifications.campaigns.pacing import InTurn
from parts import Lantai
from wiring import build, build_queue_app, register_work, service_urls

HOUSEKEEPING_S = 600.0
AT_ONCE = 4
WEBHOOKS_S, WEBHOOKS_AT_ONCE = 0.25, 8
BULK_S = 0.25
ALARMS_S = 60.0
STAFF_LINES_S = 2.0
REFUSALS_S = 60.0
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
        except SQLAlchemyError as error:
            # the class alone: a statement's text may hold data
            log.warning("housekeeping_failed", sweep=name, code=type(error).__name__)
    parts.sweep_book.note(swept)
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
        "holds": parts.hold_watch.tick,
        "loans": parts.loan_watch.tick,
        "traces": parts.tracking.tick,
        "traces_missed": parts.trace_expiry.tick,
        "electronic_clocks": parts.electronic_watch.tick,
        "packages": parts.electronic.sweep,
        "left_work": parts.left_work.resume,
        "half_written": partial(_half_written, parts),
        "chat": parts.chat.sweep,
        "event_feed": parts.event_feed.sweep,
        "templates": parts.template_watch.tick,
        "staff_lines": parts.staff_lines.sweep,
        "partner_notices": parts.partner_sending.sweep,
        "partner_refusals": parts.partner_refusals.sweep,
        "replays": parts.replay_sending.sweep,
        "meters": parts.meters.snapshot_if_due,
    }


def _half_written(parts: Lantai) -> int:
    """What killed writers left in the store; no honest writer takes a day for one file."""
    store = parts.outside.scratch
    return store.sweep((parts.clock.now() - HALF_WRITTEN).timestamp()) if store is not None else 0


def run(queue: procrastinate.App, parts: Lantai) -> None:
    """Until a signal to stop; webhooks have jobs of their own, for they wait for others' machines."""
    register_work(queue, parts)
    # what the application is made of stays for good: the collector need not look through it again and again
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)
    asyncio.run(
        work(
            queue,
            ["default"],
            concurrency=AT_ONCE,
            apart={DeliverWebhooks.queue: WEBHOOKS_AT_ONCE},
            tick=partial(housekeeping, parts),
            tick_s=HOUSEKEEPING_S,
            beats={
                parts.webhook_delivery.tick: WEBHOOKS_S,
                InTurn(parts.campaign_sending.tick, parts.replay_sending.tick).tick: BULK_S,
                parts.queue_alarms.tick: ALARMS_S,
                parts.partner_refusals.copy: REFUSALS_S,
                parts.staff_lines.tick: STAFF_LINES_S,
            },
        )
    )


def main() -> None:
    logs.configure()
    settings = load_settings()
    urls = service_urls(settings)
    run(build_queue_app(urls), build(settings, urls))


if __name__ == "__main__":
    main()
