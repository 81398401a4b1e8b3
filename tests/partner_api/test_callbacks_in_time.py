"""WeChat cuts the connection after five seconds: it is answered before, whatever the worker and the database do."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest
from sqlalchemy import select, text

from notifications.models import InboundPush, Subscription
from parts import Lantai
from providers.embedded.services import ServiceUrls
from tests.auth.conftest import rebuilt
from tests.fakes import FakeClock
from tests.partner_api.platforms import accepted, door, open_id, popup, wechat
from tests.providers.alipay.fake_alipay import APP_ID as ALIPAY_APP
from tests.providers.alipay.fake_alipay import signed_by
from wiring import libpq_url

__all__ = ["door", "open_id", "rebuilt"]

LIMIT_S = 5.0


@contextmanager
def locked(urls: ServiceUrls, table: str) -> Iterator[None]:
    """Somebody else has the whole table."""
    with psycopg.connect(libpq_url(urls.database_owner_url)) as other:
        other.execute(f"lock table {table} in access exclusive mode".encode())
        yield


def timed(call: Callable[[], Any]) -> tuple[float, Any]:
    started = time.monotonic()
    reply = call()
    return time.monotonic() - started, reply


def alipay_form() -> dict[str, str]:
    params = {"app_id": ALIPAY_APP, "notify_id": "n1", "notify_type": "open_app_auth_notify"}
    text = "&".join(f"{k}={v}" for k, v in sorted(params.items()))
    return {**params, "sign_type": "RSA2", "sign": signed_by("alipay", text.encode())}


def kept(lantai: Lantai) -> list[tuple[bool, str]]:
    """Of each push whether it is handled, and of each job that is left its name."""
    with lantai.db.transaction() as session:
        rows = session.scalars(select(InboundPush).order_by(InboundPush.received_at)).all()
        left = session.scalars(text("select task_name from procrastinate_jobs where status = 'todo'")).all()
    return [(row.handled_at is not None, name) for row, name in zip(rows, left, strict=True)]


@pytest.fixture
def quiet(open_id: str, run_jobs: Callable[[], None]) -> str:
    run_jobs()
    return open_id


@pytest.mark.parametrize("table", ["inbound_push", "platform_identity", "procrastinate_jobs"])
def test_a_database_that_does_not_get_on_is_told_of_in_time_and_the_resend_is_kept(
    table: str, door: Any, quiet: str, clock: FakeClock, lantai: Lantai, urls: ServiceUrls
) -> None:
    request = wechat(popup(clock, quiet, accepted()), int(clock.now().timestamp()))
    calls = [
        lambda: door.post("/partner/callbacks/wechat", **request),
        lambda: door.post("/partner/callbacks/alipay", data=alipay_form()),
    ]
    with locked(urls, table):
        for call in calls:
            took, reply = timed(call)
            assert took < LIMIT_S
            assert reply.status_code in (409, 503)
            assert reply.text != "success"
    assert kept(lantai) == []
    for call in calls * 2:
        assert call().text == "success"
    assert kept(lantai) == [(False, "notifications.handle_push")] * 2


def test_two_of_the_same_at_once_are_kept_once(
    door: Any, quiet: str, clock: FakeClock, lantai: Lantai, urls: ServiceUrls
) -> None:
    now = int(clock.now().timestamp())
    request = wechat(popup(clock, quiet, accepted()), now)
    assert door.post("/partner/callbacks/wechat", **request).text == "success"
    with psycopg.connect(libpq_url(urls.database_owner_url)) as first:
        # the first try, of which nobody knows yet whether it will be committed
        (row,) = first.execute("delete from inbound_push returning dedupe_hash").fetchall()
        first.commit()
        first.execute(
            "insert into inbound_push (id, dedupe_hash, kind, event, items, received_at, handled_at)"
            " values (gen_random_uuid(), %s, 'event', 'subscribe_msg_popup_event', '[]', now(), now())",
            (row[0],),
        )
        took, reply = timed(lambda: door.post("/partner/callbacks/wechat", **request))
        assert took < LIMIT_S
        assert reply.status_code in (409, 503)
    assert door.post("/partner/callbacks/wechat", **request).text == "success"
    with lantai.db.transaction() as session:
        assert session.scalars(select(InboundPush.handled_at)).one() is not None


def test_a_worker_that_does_not_get_on_delays_no_answer(
    door: Any, quiet: str, clock: FakeClock, lantai: Lantai, urls: ServiceUrls, run_jobs: Callable[[], None]
) -> None:
    def push() -> Any:
        clock.advance(seconds=1)
        # the template of the worker, which has other settings than the door
        message = popup(clock, quiet, {**accepted(), "TemplateId": "wechat-ticket_decided"})
        return door.post("/partner/callbacks/wechat", **wechat(message, int(clock.now().timestamp())))

    assert push().text == "success"
    with locked(urls, "subscription"):
        worker = threading.Thread(target=run_jobs)
        worker.start()
        for _ in range(20):
            took, reply = timed(push)
            assert reply.text == "success"
            assert took < LIMIT_S
        with lantai.db.transaction() as session:
            assert session.scalars(select(InboundPush.handled_at)).all() == [None] * 21
    worker.join()
    with lantai.db.transaction() as session:  # what the lock made fail is tried again when it is due
        session.execute(text("update procrastinate_jobs set scheduled_at = null where status = 'todo'"))
    run_jobs()
    with lantai.db.transaction() as session:
        assert None not in session.scalars(select(InboundPush.handled_at)).all()
        assert session.scalars(select(Subscription.accepted)).one()
