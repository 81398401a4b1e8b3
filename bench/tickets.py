"""The ticket list and a ticket's page against the same templates rendered by a bare Flask page with constant data, and
the list at two sizes of the desk asked in turn.

python -m bench tickets        sizes: LANTAI_BENCH_TICKETS=2000,200000 (the default)
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from statistics import median
from uuid import UUID, uuid4

import psycopg
from flask.testing import FlaskClient
from pydantic import SecretStr

from app.actors import SYSTEM, Actor, ActorKind, Assurance, Purpose, Role, StepUp
from app.corrections.queue_rules import Order, Queue, Wanted
from app.corrections.rules import Kind
from app.corrections.views import OpenTicket
from app.people.models import StaffMember
from auth.guards import STAFF_COOKIE
from bench.bulk_tickets import fill_tickets
from bench.load import Load, closed_loop
from bench.stand import Stand, file_graduate, gunicorn, stand
from commands.database import upgrade
from parts import Lantai
from providers.embedded.services import ServiceUrls
from providers.sandbox import cohort_tables as vocabulary
from staff_console.queue import address
from wiring import build, libpq_url
from wsgi import create_app

SIZES = tuple(int(n) for n in os.environ.get("LANTAI_BENCH_TICKETS", "2000,200000").split(","))
ROUNDS = int(os.environ.get("LANTAI_BENCH_ROUNDS", "5"))
SECONDS = float(os.environ.get("LANTAI_BENCH_SECONDS", "2.0"))
ASKED = int(os.environ.get("LANTAI_BENCH_ASKED", "60"))
CLIENTS = 8
SHARE, GROWTH = 0.3, 1.3


@dataclass(frozen=True, slots=True)
class Desk:
    """A wired desk of one size: ``token`` is a clerk's session, ``ticket`` one that was opened as graduates do."""

    size: int
    parts: Lantai
    urls: ServiceUrls
    token: str
    ticket: UUID
    paths: dict[str, str]


def _clerk(parts: Lantai) -> tuple[UUID, str]:
    made = parts.staff.add(SYSTEM, f"bench{uuid4().hex[:6]}", "员工", (Role.ARCHIVIST,))
    with parts.db.transaction() as session:
        session.get_one(StaffMember, made.staff_id).must_change_password = False
        return made.staff_id, parts.sessions.open_staff(session, made.staff_id).token


def _opened(parts: Lantai) -> UUID:
    file_graduate(parts, 1)
    graduate = parts.people.find_by_student_number(
        Actor(ActorKind.STAFF, UUID(int=1), frozenset({Role.ARCHIVIST})), "2022000001"
    )
    steps = tuple(StepUp(p, parts.clock.now()) for p in (Purpose.VIEW_DOSSIER, Purpose.CORRECT))
    actor = Actor(ActorKind.GRADUATE, graduate.id, assurance=Assurance.L3_STEPPED_UP, step_ups=steps)
    record = parts.dossiers.section_by_name(actor, "course").records[0]
    asked = OpenTicket(Kind.TRANSCRIPTION, "成绩有误，请核对。", record.id, record.version, {"grade": "95"})
    return parts.corrections.open_ticket(actor, asked).line.id


def _paths(parts: Lantai, clerk: UUID) -> dict[str, str]:
    """The lists that are asked for; the deep one begins behind a hundred pages, or as many as there are."""
    actor = Actor(ActorKind.STAFF, clerk, frozenset({Role.ARCHIVIST}))
    place = None
    for _ in range(100):
        following = parts.ticket_queues.page(actor, Wanted(cursor=place)).following
        if following is None:
            break
        place = following
    kinds = {
        "open": Wanted(),
        "mine": Wanted(queue=Queue.MINE),
        "team": Wanted(queue=Queue.TEAM),
        "unassigned": Wanted(queue=Queue.UNASSIGNED),
        "overdue": Wanted(queue=Queue.OVERDUE),
        "closed": Wanted(queue=Queue.CLOSED),
        "newest": Wanted(queue=Queue.ALL, order=Order.NEWEST),
        "of a kind": Wanted(kind=Kind.STATUTORY_IDENTITY),
        "of a college": Wanted(college=vocabulary.COLLEGES[0].name),
        "deep": Wanted(cursor=place),
    }
    return {name: address(wanted, wanted.cursor) for name, wanted in kinds.items()}


@contextmanager
def filled(on: Stand, size: int) -> Iterator[Desk]:
    """A database of its own in the stand's server."""
    name = f"bench_{size}"
    with psycopg.connect(libpq_url(on.urls.database_owner_url), autocommit=True) as connection:
        connection.execute(f"create database {name}")
    urls = replace(
        on.urls,
        database_url=f"{on.urls.database_url.rsplit('/', 1)[0]}/{name}",
        database_owner_url=f"{on.urls.database_owner_url.rsplit('/', 1)[0]}/{name}",
    )
    upgrade(urls)
    settings = on.parts.settings.model_copy(update={"database_url": SecretStr(urls.database_url)})
    parts = build(settings, urls)
    try:
        clerk, token = _clerk(parts)
        others = [_clerk(parts)[0] for _ in range(9)]
        began = time.perf_counter()
        fill_tickets(parts, size, [clerk, *others])
        with psycopg.connect(libpq_url(urls.database_owner_url), autocommit=True) as connection:
            connection.execute("vacuum (analyze)")  # as the server's own vacuum does within minutes
        print(f"  {size:,} tickets in {time.perf_counter() - began:,.0f} s", flush=True)
        keeper = Actor(ActorKind.STAFF, clerk, frozenset({Role.REVIEWER}))
        parts.assigning.set_team(keeper, vocabulary.COLLEGES[0].name, [clerk])
        yield Desk(size, parts, urls, token, _opened(parts), _paths(parts, clerk))
    finally:
        parts.close()


# --- the list at two sizes --------------------------------------------------------------------------------------------


def _client(desk: Desk) -> FlaskClient:
    http = create_app(desk.parts).test_client()
    http.set_cookie(STAFF_COOKIE, desk.token, path="/console")
    return http


def _took(http: FlaskClient, path: str) -> float:
    began = time.perf_counter()
    reply = http.get(path)
    took = time.perf_counter() - began
    if reply.status_code != 200:
        raise SystemExit(f"{path}: {reply.status_code}")
    return took


def growth(desks: list[Desk]) -> bool:
    clients = [(desk, _client(desk)) for desk in desks]
    times: dict[str, dict[int, list[float]]] = {}
    for number in range(ASKED + ASKED // 10):
        for name in desks[0].paths:
            for desk, http in clients if number % 2 else clients[::-1]:
                took = _took(http, desk.paths[name])
                if number >= ASKED // 10:
                    for kind in (name, "all lists"):
                        times.setdefault(kind, {}).setdefault(desk.size, []).append(took)
    small, large = desks[0].size, desks[-1].size
    print(f"tickets: the list at {small:,} and at {large:,} tickets, {ASKED} rounds in turn, milliseconds")
    print(f"  {'':<16}{'p50':>8}{'p95':>8}{'p50':>8}{'p95':>8}{'ratio p95':>11}")
    kept = True
    for kind, by_size in times.items():
        low, high = by_size[small], by_size[large]
        ratio = _at(high, 0.95) / _at(low, 0.95)
        words = ""
        if kind == "all lists":
            kept = ratio <= GROWTH
            words = f"  ≤ {GROWTH}: {'kept' if kept else 'MISSED'}"
        print(
            f"  {kind:<16}{_at(low, 0.5):>8.1f}{_at(low, 0.95):>8.1f}{_at(high, 0.5):>8.1f}{_at(high, 0.95):>8.1f}"
            f"{ratio:>11.2f}{words}"
        )
    ratios = {kind: _at(by_size[large], 0.95) / _at(by_size[small], 0.95) for kind, by_size in times.items()}
    worst = max(ratios, key=lambda kind: ratios[kind])
    print(f"  the worst of them: {worst}, {ratios[worst]:.2f}")
    return kept


def _at(times: list[float], share: float) -> float:
    return 1000 * sorted(times)[min(len(times) - 1, int(share * len(times)))]


# --- against rendering alone ------------------------------------------------------------------------------------------


def _get(path: str, token: str = "") -> bytes:
    lines = [f"GET {path} HTTP/1.1", "Host: bench", "Accept: text/html"]
    if token:
        lines.append(f"Cookie: {STAFF_COOKIE}={token}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def against_bare(on: Stand, desk: Desk) -> bool:
    pages = {"list": "/console/tickets", "ticket": f"/console/tickets/{desk.ticket}"}
    database = {"DATABASE_URL": desk.urls.database_url, "DATABASE_OWNER_URL": desk.urls.database_owner_url}
    extra = {**database, "BENCH_PAGES": json.dumps(pages), "BENCH_STAFF": desk.token}
    results: dict[tuple[str, str], list[Load]] = {}
    with ExitStack() as running:
        full, _ = running.enter_context(gunicorn(on, "wsgi:create_app()", "/readyz", **database))
        bare, _ = running.enter_context(gunicorn(on, "bench.bare_pages:create_bare_app()", "/ready", **extra))
        variants = {
            (name, who): (port, _get(path if who == "full" else f"/{name}", desk.token if who == "full" else ""))
            for name, path in pages.items()
            for who, port in (("full", full), ("bare", bare))
        }
        for port, request in variants.values():
            closed_loop(port, [request], clients=CLIENTS, seconds=1.0)
        for _ in range(ROUNDS):
            for variant, (port, request) in variants.items():
                found = closed_loop(port, [request], clients=CLIENTS, seconds=SECONDS)
                if set(found.statuses) != {"200"}:
                    raise SystemExit(f"{variant}: answers {found.statuses}")
                results.setdefault(variant, []).append(found)
    kept = True
    print(
        f"tickets: at {desk.size:,}, {CLIENTS} closed-loop clients, {ROUNDS} rounds of {SECONDS:g} s each, requests/s"
    )
    for name in pages:
        ours, theirs = (median(load.rate for load in results[name, who]) for who in ("full", "bare"))
        met = ours / theirs >= SHARE
        kept &= met
        print(f"  {name:<16}{ours:>8.0f}{theirs:>8.0f}{ours / theirs:>8.2f}  ≥ {SHARE}: {'kept' if met else 'MISSED'}")
    return kept


def run() -> bool:
    with stand() as on, filled(on, SIZES[0]) as small, filled(on, SIZES[-1]) as large:
        grown = growth([small, large])
        return against_bare(on, large) and grown
