"""Deliveries end to end, by one worker and by two, beside Celery with Redis and beside the bare calls.

End to end: the event and its job in one transaction, the inbox, the attempt's row, the call to the sandbox, the answer
settled. The sandbox answers after 50 ms; Celery makes the same calls with as many places, without any row.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import cast
from uuid import UUID

import redis
import requests
from sqlalchemy import func, select

from app.actors import SYSTEM
from app.dossiers.incoming import NewDossier
from app.jobs import Announce
from app.people.rules import id_check_digit
from app.people.service import Card
from app.ports import OutboundMessage, Platform, PlatformAccount
from app.settings import load_settings
from bench.stand import PROJECT, Stand, stand
from deploy.programs import answers, next_free_port
from notifications.catalogue.fields import platform_fields
from notifications.catalogue.words import notice_for
from notifications.models import AttemptState, DeliveryAttempt
from parts import Lantai
from providers.sandbox.setup import read_environment_file, write_demo_environment
from wiring import build
from worker import AT_ONCE

PEOPLE, MESSAGES, WARM = 200, 800, 40
SLOW_S = 0.05
TO_CELERY_LEAST, TO_ONE_LEAST = 0.5, 1.7
PER_SECOND, STEADY_S, P99_MOST_S = 20, 15, 1.0
LIMIT_S = 240.0
EVENT, DATA = "ticket.decided", {"state": "applied"}
CONTROL, SEND = "/control", "wechat:/cgi-bin/message/subscribe/send"


@dataclass(frozen=True, slots=True)
class Person:
    graduate: UUID
    open_id: str
    phone: str


@dataclass(frozen=True, slots=True)
class Place:
    """A stand with a sandbox; ``environment`` is for the workers."""

    parts: Lantai
    environment: dict[str, str]
    redis_url: str
    sandbox: str
    people: Sequence[Person]
    messages: Sequence[OutboundMessage]


def run(messages: int = MESSAGES) -> bool:
    with stand() as on, _place(on) as place:
        bare = _bare(place, messages)
        celery = _celery(place, messages)
        one, late = _ours(place, messages, 1), _steady(place)
        two = _ours(place, messages, 2)
    for name, rate in (("bare calls", bare), ("Celery with Redis", celery), ("one worker", one), ("two workers", two)):
        print(f"notices: {name}: {rate:.0f} messages/s ({AT_ONCE} at once each, answered after {1000 * SLOW_S:.0f} ms)")
    print(f"notices: one worker to Celery: {one / celery:.2f} (target at least {TO_CELERY_LEAST})")
    print(f"notices: one worker to the bare calls: {one / bare:.2f}")
    print(f"notices: two workers to one: {two / one:.2f} (target at least {TO_ONE_LEAST})")
    print(
        f"notices: at {PER_SECOND}/s, from commit to arrival p50 {1000 * _at(late, 0.5):.0f} ms,"
        f" p99 {1000 * _at(late, 0.99):.0f} ms (target below {1000 * P99_MOST_S:.0f} ms)"
    )
    return one / celery >= TO_CELERY_LEAST and two / one >= TO_ONE_LEAST and _at(late, 0.99) < P99_MOST_S


# --- the four ways ----------------------------------------------------------------------------------------------------


def _bare(place: Place, messages: int) -> float:
    sender = place.parts.outside.senders[Platform.WECHAT]
    started = time.monotonic()
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for _ in pool.map(sender.send, _first(place, messages)):
            pass
    return messages / (time.monotonic() - started)


def _celery(place: Place, messages: int) -> float:
    from bench import celery_calls  # noqa: PLC0415 - reads the environment when it is loaded

    done = redis.Redis.from_url(place.redis_url)
    argv = ["-m", "celery", "-A", "bench.celery_calls", "worker", "--pool", "threads", "--concurrency", str(AT_ONCE)]
    with _process(place, [*argv, "--without-gossip", "--without-mingle", "--loglevel", "ERROR"]):
        for count in (WARM, messages):
            done.delete(celery_calls.DONE)
            started = time.monotonic()
            for message in _first(place, count):
                celery_calls.send.delay(message.open_id, message.template_id, message.page, dict(message.fields))
            _until(partial(_counted, done, celery_calls.DONE, count))
    return messages / (time.monotonic() - started)


def _ours(place: Place, messages: int, workers: int) -> float:
    with _workers(place, workers):
        started, before = time.monotonic(), _settled(place)
        for n in range(messages):
            _tell(place, place.people[n % len(place.people)])
        _until(partial(_all_settled, place, before + messages))
        return messages / (time.monotonic() - started)


def _steady(place: Place) -> Sequence[float]:
    """Seconds from each commit to the arrival at the sandbox, by one worker, at an even rate."""
    requests.delete(f"{place.sandbox}{CONTROL}/faults", timeout=5).raise_for_status()
    committed: dict[int, float] = {}
    number = PER_SECOND * STEADY_S
    with _workers(place, 1):
        shown = [len(_screen(place, person)) for person in place.people]
        began, before = time.monotonic(), _settled(place)
        for n in range(number):
            time.sleep(max(began + n / PER_SECOND - time.monotonic(), 0.0))
            _tell(place, place.people[n % len(place.people)])
            committed[n] = time.time()
        _until(partial(_all_settled, place, before + number))
    late = []
    for index, person in enumerate(place.people):
        mine = sorted(at for n, at in committed.items() if n % len(place.people) == index)
        arrived = sorted(message["at"] for message in _screen(place, person)[shown[index] :])
        late += [came - at for at, came in zip(mine, arrived, strict=True)]
    _answer_late(place.sandbox)
    return late


# --- the stand --------------------------------------------------------------------------------------------------------


@contextmanager
def _place(on: Stand) -> Iterator[Place]:
    port = next_free_port(18700)
    file = write_demo_environment(on.folder / "sandbox", port, "http://127.0.0.1:9")
    own = {k: v for k, v in read_environment_file(file).items() if k != "LANTAI_PUBLIC_URL"}
    environment = {**on.environment, **own}
    with ExitStack() as stack:
        sandbox = f"http://127.0.0.1:{port}"
        server = subprocess.Popen(
            [sys.executable, "-m", "providers.sandbox", "--port", str(port)],
            cwd=PROJECT,
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        stack.callback(server.wait, 20)
        stack.callback(server.terminate)
        _until(lambda: answers(f"{sandbox}{CONTROL}/phones"))
        os.environ.update(environment)  # the Celery module reads it here as in its worker
        settings = load_settings()
        parts = build(settings, on.urls)
        stack.callback(parts.close)
        template_id = settings.wechat_template_ticket_decided
        body = {"platform": "wechat", "template_id": template_id, "title": "通知", "long_term": True}
        requests.post(f"{sandbox}{CONTROL}/templates", json=body, timeout=5).raise_for_status()
        people = [_person(parts, sandbox, template_id, serial) for serial in range(PEOPLE)]
        text = notice_for(EVENT, DATA)
        assert text is not None
        fields = platform_fields(Platform.WECHAT, text, settings.school_name, parts.clock.now())
        messages = [OutboundMessage(person.open_id, template_id, text.page, fields) for person in people]
        _answer_late(sandbox)
        yield Place(parts, environment, on.urls.redis_url, sandbox, people, messages)


def _person(parts: Lantai, sandbox: str, template_id: str, serial: int) -> Person:
    body = f"11010520050315{serial:03d}"
    card = Card("测试戊", body + id_check_digit(body), f"2023{serial:06d}", f"137{serial:08d}")
    graduate = parts.filing.file_dossier(SYSTEM, NewDossier(card, 2026, "文学院", "档案学", "本科", {}, []))
    phone = {"platform": "wechat", "real_name": card.name, "id_number": card.id_number, "phone_number": card.phone}
    made = requests.post(f"{sandbox}{CONTROL}/phones", json=phone, timeout=5).json()
    agreed = {"template_ids": [template_id], "wait": False}
    requests.post(f"{sandbox}{CONTROL}/phones/{made['id']}/subscribe", json=agreed, timeout=5).raise_for_status()
    account = PlatformAccount(Platform.WECHAT, parts.settings.wechat_app_id, made["open_id"])
    with parts.db.transaction() as session:
        identity = parts.people.remember_identity(session, account)
        parts.people.bind(session, identity.id, graduate)
    return Person(graduate, made["open_id"], made["id"])


def _answer_late(sandbox: str) -> None:
    fault = {"target": SEND, "kind": "slow", "value": SLOW_S, "times": 10**9}
    requests.post(f"{sandbox}{CONTROL}/faults", json=fault, timeout=5).raise_for_status()


@contextmanager
def _workers(place: Place, number: int) -> Iterator[None]:
    """That many, each warm."""
    with ExitStack() as stack:
        for _ in range(number):
            stack.enter_context(_process(place, ["worker.py"]))
            before = _settled(place)
            for person in place.people[:WARM]:
                _tell(place, person)
            _until(partial(_all_settled, place, before + WARM))
        time.sleep(5.0)  # the last one to come has begun as well
        yield


@contextmanager
def _process(place: Place, argv: Sequence[str]) -> Iterator[None]:
    process = subprocess.Popen(
        [sys.executable, *argv],
        cwd=PROJECT,
        env=place.environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield
    finally:
        process.terminate()
        process.wait(30)


def _tell(place: Place, person: Person) -> None:
    parts = place.parts
    with parts.db.transaction() as session:
        event = parts.log.record(session, SYSTEM, EVENT, graduate_id=person.graduate, data=DATA)
        parts.queue.enqueue(session, Announce(event))


def _settled(place: Place) -> int:
    with place.parts.db.transaction() as session:
        query = select(func.count()).select_from(DeliveryAttempt).where(DeliveryAttempt.state == AttemptState.SENT)
        return session.scalar(query) or 0


def _all_settled(place: Place, number: int) -> bool:
    return _settled(place) >= number


def _counted(done: redis.Redis, key: str, number: int) -> bool:
    return int(cast("bytes | None", done.get(key)) or 0) >= number


def _screen(place: Place, person: Person) -> list[dict[str, float]]:
    url = f"{place.sandbox}{CONTROL}/phones/{person.phone}/messages"
    found: list[dict[str, float]] = requests.get(url, timeout=5).json()["messages"]
    return found


def _first(place: Place, number: int) -> Iterator[OutboundMessage]:
    return (place.messages[n % len(place.messages)] for n in range(number))


def _at(values: Sequence[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


def _until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + LIMIT_S
    while not true():
        if time.monotonic() > deadline:
            raise SystemExit("the messages do not get on")
        time.sleep(0.05)
