"""A dossier read and a staff search, at two sizes of the archive in one server, asked in turn.

python -m bench retrieval        sizes: LANTAI_BENCH_DOSSIERS=10000,1000000 (the default; the second takes a while)
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from random import Random
from uuid import UUID, uuid4

import psycopg
from pydantic import SecretStr
from sqlalchemy import text

from app.actors import SYSTEM, Actor, ActorKind, Role
from app.retrieval.rules import Filters
from bench.bulk_dossiers import fill
from bench.stand import Stand, stand
from commands.database import upgrade
from parts import Lantai
from providers.embedded.services import ServiceUrls
from providers.sandbox import cohort_tables as vocabulary
from wiring import build, libpq_url

SIZES = tuple(int(n) for n in os.environ.get("LANTAI_BENCH_DOSSIERS", "10000,1000000").split(","))
ROUNDS = int(os.environ.get("LANTAI_BENCH_ASKED", "400"))
TARGET = 1.3
MAJORS = [major for college in vocabulary.COLLEGES for major in college.majors]


@dataclass(frozen=True, slots=True)
class Archive:
    size: int
    parts: Lantai
    staff: Actor
    seconds: float
    urls: ServiceUrls


def _renamed(urls: ServiceUrls, name: str) -> ServiceUrls:
    return replace(
        urls,
        database_url=f"{urls.database_url.rsplit('/', 1)[0]}/{name}",
        database_owner_url=f"{urls.database_owner_url.rsplit('/', 1)[0]}/{name}",
    )


@contextmanager
def archive(on: Stand, size: int) -> Iterator[Archive]:
    """A database of its own in the stand's server, filled."""
    name = f"bench_{size}"
    with psycopg.connect(libpq_url(on.urls.database_owner_url), autocommit=True) as connection:
        connection.execute(f"create database {name}")
    urls = _renamed(on.urls, name)
    upgrade(urls)
    print(f"  filling {size:,} dossiers …", flush=True)
    seconds = fill(urls, on.folder / "keys", size)
    print(f"  {size:,} dossiers in {seconds:,.0f} s ({1e6 * seconds / size:,.0f} µs each)", flush=True)
    settings = on.parts.settings.model_copy(
        update={
            "database_url": SecretStr(urls.database_url),
            "database_owner_url": SecretStr(urls.database_owner_url),
        }
    )
    parts = build(settings, urls)
    try:
        made = parts.staff.add(SYSTEM, f"bench{uuid4().hex[:6]}", "员工", (Role.ARCHIVIST,))
        yield Archive(size, parts, Actor(ActorKind.STAFF, made.staff_id, frozenset({Role.ARCHIVIST})), seconds, urls)
    finally:
        parts.close()


def _some_dossier(held: Archive, chance: Random) -> UUID:
    start = UUID(int=chance.getrandbits(128))
    with held.parts.db.transaction() as session:
        query = text("select id from dossier where id >= :start order by id limit 1")
        found = session.scalar(query, {"start": start}) or session.scalar(query, {"start": UUID(int=0)})
    assert isinstance(found, UUID)
    return found


def _searches(size: int) -> Mapping[str, Callable[[Random], tuple[str, Filters]]]:
    """The kinds of search asked in turn."""
    return {
        "one title of its own": lambda c: (str(4 * c.randrange(size // 4)), Filters()),
        "an award": lambda c: (c.choice(vocabulary.AWARDS)[0], Filters()),
        "a common word": lambda c: (c.choice(("奖学金", "大学", "高等数学", "形势与政策")), Filters()),
        "two words": lambda c: (c.choice(("国家 奖学金", "湿地 监测系统", "高校 档案")), Filters()),
        "word and facets": lambda c: (
            "奖学金",
            Filters(level="national", major=c.choice(MAJORS), cohort=c.choice(range(2016, 2026))),
        ),
        "class and level": lambda c: ("", Filters(group="award", level="national", cohort=c.choice(range(2016, 2026)))),
        "major and cohort": lambda c: ("", Filters(major=c.choice(MAJORS), cohort=c.choice(range(2016, 2026)))),
        "nothing": lambda c: (c.choice(("量子菠萝", "奖学国家", "不存在的竞赛")), Filters()),
    }


def _timed(act: Callable[[], object]) -> float:
    began = time.perf_counter()
    act()
    return time.perf_counter() - began


def measure(archives: list[Archive]) -> dict[str, dict[int, list[float]]]:
    """Seconds by kind and size; one question goes to every size before the next is asked."""
    times: dict[str, dict[int, list[float]]] = {}
    chances = {a.size: Random(7) for a in archives}
    for number in range(ROUNDS + ROUNDS // 10):
        warm = number >= ROUNDS // 10
        for held in archives if number % 2 else archives[::-1]:
            chance = chances[held.size]
            dossier = _some_dossier(held, chance)
            took = _timed(lambda held=held, dossier=dossier: held.parts.dossiers.catalogue(held.staff, dossier))  # type: ignore[misc]
            if warm:
                times.setdefault("dossier read", {}).setdefault(held.size, []).append(took)
            for kind, make in _searches(held.size).items():
                words, filters = make(chance)
                took = _timed(
                    lambda held=held, words=words, filters=filters: held.parts.search.search(  # type: ignore[misc]
                        held.staff, words, filters
                    )
                )
                if warm:
                    times.setdefault(f"search: {kind}", {}).setdefault(held.size, []).append(took)
                    times.setdefault("search, all kinds", {}).setdefault(held.size, []).append(took)
    return times


def _at(times: list[float], share: float) -> float:
    return 1000 * sorted(times)[min(len(times) - 1, int(share * len(times)))]


def report(archives: list[Archive], times: dict[str, dict[int, list[float]]]) -> bool:
    small, large = archives[0].size, archives[-1].size
    print(f"retrieval: {small:,} against {large:,} dossiers, {ROUNDS} rounds in turn, milliseconds")
    print(f"  {'':<30}{'p50':>8}{'p95':>8}{'p50':>8}{'p95':>8}{'ratio p95':>11}")
    kept = True
    for kind, by_size in times.items():
        low, high = by_size[small], by_size[large]
        ratio = _at(high, 0.95) / _at(low, 0.95)
        judged = kind in ("dossier read", "search, all kinds")
        words = f"  ≤ {TARGET}: {'kept' if ratio <= TARGET else 'MISSED'}" if judged else ""
        kept &= ratio <= TARGET or not judged
        print(
            f"  {kind:<30}{_at(low, 0.5):>8.1f}{_at(low, 0.95):>8.1f}{_at(high, 0.5):>8.1f}{_at(high, 0.95):>8.1f}"
            f"{ratio:>11.2f}{words}"
        )
    for held in archives:
        _disk(held)
    return kept


def _disk(held: Archive) -> None:
    with psycopg.connect(libpq_url(held.urls.database_owner_url)) as connection:
        rows = connection.execute(
            "select relname, pg_table_size(oid), pg_indexes_size(oid), greatest(reltuples, 0)::bigint from pg_class"
            " where relkind = 'r' and relnamespace = 'public'::regnamespace order by pg_total_relation_size(oid) desc"
            " limit 9"
        ).fetchall()
        whole = connection.execute("select pg_database_size(current_database())").fetchone()
    assert whole is not None
    print(f"  disk at {held.size:,}: {whole[0] / 2**20:,.0f} MB; filled in {held.seconds:,.0f} s")
    for name, table, indexes, count in rows:
        print(f"    {name:<18}{count:>12,} rows{table / 2**20:>9,.0f} MB{indexes / 2**20:>9,.0f} MB of indexes")


def run() -> bool:
    with stand(fsync=False) as on, archive(on, SIZES[0]) as small, archive(on, SIZES[-1]) as large:
        archives = [small, large]
        return report(archives, measure(archives))
