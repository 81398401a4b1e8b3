"""kill -9 of an importing process at random points, then resume: rows and opened contents equal an undisturbed run.

Planted at the end: one record is taken away by the owner's hand, and the comparison must find it.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from random import Random
from uuid import UUID

import psycopg
from pydantic import SecretStr
from sqlalchemy import select

from app.actors import SYSTEM
from app.imports.bundle import packed_folder
from app.people.models import Graduate
from app.settings import Settings
from commands.database import upgrade
from parts import Lantai
from providers.embedded.services import EmbeddedServices, ServiceUrls
from providers.keys import FileKeys
from providers.sandbox.cohort import write_cohort
from tests.proof.forked import LIMIT_S, Forked
from tests.proof.outcome import Budget, Outcome
from wiring import build, libpq_url

PEOPLE, SHORT_PEOPLE = 400, 80
KILLS, SHORT_KILLS = 100, 6
CHUNK = 8  # many transactions, so that there are many points between them
COUNTED = ("graduate", "dossier", "record", "record_version", "material", "material_version", "data_key", "import_row")


def _child(folder: Path) -> None:
    """Import what lies in the folder, in small chunks; what a killed one left is taken up."""
    urls = ServiceUrls(**json.loads((folder / "urls.json").read_text()))
    parts = _parts(folder, urls)
    parts.importer.runner.chunk_rows = CHUNK
    with (folder / "cohort.zip").open("rb") as stream:
        view = parts.importer.receive(SYSTEM, name="cohort.zip", stream=stream, source="command")
    (folder / "received").touch()
    if view.state != "done":
        parts.importer.import_now(SYSTEM, view.id)
    parts.close()


def _parts(folder: Path, urls: ServiceUrls) -> Lantai:
    settings = Settings(
        environment="test",
        database_url=SecretStr(urls.database_url),
        redis_url=SecretStr(urls.redis_url),
        data_dir=folder / "data",
        key_dir=folder.parent / "keys",
    )
    return build(settings, urls)


@dataclass(frozen=True, slots=True)
class Found:
    """What an import came to: rows by table, files in the store, and every dossier's content as one digest each."""

    rows: dict[str, int]
    files: int
    contents: Counter[str]


def found(folder: Path, urls: ServiceUrls) -> Found:
    parts = _parts(folder, urls)
    with psycopg.connect(libpq_url(urls.database_owner_url)) as owner:
        rows = {}
        for table in (*COUNTED, "import_stage", "import_file"):
            row = owner.execute(f'select count(*) from "{table}"').fetchone()
            rows[table] = row[0] if row else 0
        events = owner.execute("select count(*) from event where type = 'dossier.filed'").fetchone()
        rows["dossier.filed"] = events[0] if events else 0
    with parts.db.transaction() as session:
        owners = list(session.scalars(select(Graduate.id)))
    contents = Counter(_digest(parts, graduate) for graduate in owners)
    files = sum(p.is_file() for p in (folder / "data" / "files").rglob("*") if p.parent.name != "incoming")
    parts.close()
    return Found(rows, files, contents)


def _digest(parts: Lantai, graduate: UUID) -> str:
    """Of everything opened, ids left out."""
    held = parts.holdings.of(graduate)
    records = [[r.section, r.position, sorted(r.body.items())] for r in held.records]
    materials = [[m.class_code, m.sequence, m.title, m.formed_on, m.pages, m.remark] for m in held.materials]
    photo = parts.dossiers.reference_photo(graduate)
    told = [records, materials, hashlib.sha256(photo or b"").hexdigest()]
    return hashlib.sha256(json.dumps(told, ensure_ascii=False).encode()).hexdigest()


def _write_source(folder: Path, people: int, seed: int) -> None:
    """A cohort with photos, further tables, and faulty rows among the good ones."""
    source = folder / "cohort"
    write_cohort(source, n=people, seed=seed, year=2026, photos=people // 4)
    (source / "graduates.xlsx").unlink()
    table = source / "graduates.csv"
    rows = list(csv.reader(io.StringIO(table.read_text("utf-8-sig"))))
    rows[3][2] = rows[3][2][:-1] + ("0" if rows[3][2][-1] != "0" else "1")
    rows.insert(9, rows[5])
    with table.open("w", encoding="utf-8-sig", newline="") as out:
        csv.writer(out).writerows(rows)


@contextmanager
def _house(root: Path) -> Iterator[ServiceUrls]:
    FileKeys.create(root / "keys")
    services = EmbeddedServices(root / "servers", fsync=False)
    try:
        yield services.start()
    finally:
        services.stop()


def _place(root: Path, name: str, urls: ServiceUrls, source: bytes) -> tuple[Path, ServiceUrls]:
    """A database and a file store of its own."""
    with psycopg.connect(libpq_url(urls.database_owner_url), autocommit=True) as owner:
        owner.execute(f"create database {name}")
    own = replace(
        urls,
        database_url=urls.database_url.rsplit("/", 1)[0] + f"/{name}",
        database_owner_url=urls.database_owner_url.rsplit("/", 1)[0] + f"/{name}",
    )
    upgrade(own)
    folder = root / name
    folder.mkdir()
    (folder / "cohort.zip").write_bytes(source)
    told = {f: getattr(own, f) for f in ("database_url", "database_owner_url", "redis_url")}
    (folder / "urls.json").write_text(json.dumps(told))
    return folder, own


def _killed_run(folder: Path, kills: int, rng: Random, pace: float) -> tuple[int, list[str]]:
    """(kills that met a working process, faults): killed at random moments until it has been often enough, then left
    to finish.
    """
    hit = 0
    for _ in range(kills):
        process = Forked(partial(_child, folder))
        _await_start(folder, process)
        time.sleep(rng.uniform(0.0, pace))
        if not process.ended():
            process.kill()
            hit += 1
        process.wait()
        (folder / "received").unlink(missing_ok=True)
    code = Forked(partial(_child, folder)).wait()
    return hit, [] if code == 0 else [f"the last run ended with {code}"]


def _await_start(folder: Path, process: Forked) -> None:
    """Most of a process's life is its start: the moments worth a kill come after."""
    deadline = time.monotonic() + LIMIT_S
    while not (folder / "received").exists() and not process.ended() and time.monotonic() < deadline:
        time.sleep(0.01)


def _compared(whole: Found, killed: Found) -> list[str]:
    faults = [f"{t}: {killed.rows[t]} rows, undisturbed {n}" for t, n in whole.rows.items() if killed.rows[t] != n]
    if killed.files != whole.files:
        faults.append(f"{killed.files} stored files, undisturbed {whole.files}")
    lost, strange = whole.contents - killed.contents, killed.contents - whole.contents
    if lost or strange:
        faults.append(f"{lost.total()} dossiers lost, {strange.total()} that were never there")
    return faults


def run(budget: Budget) -> Outcome:
    rng = Random(budget.seed)
    people, kills = (SHORT_PEOPLE, SHORT_KILLS) if budget.short else (PEOPLE, KILLS)
    with tempfile.TemporaryDirectory(prefix="lantai-ingest-") as name, _house(Path(name)) as urls:
        root = Path(name)
        _write_source(root, people, budget.seed)
        source = packed_folder(root / "cohort").read()
        folder, own = _place(root, "undisturbed", urls, source)
        started = time.monotonic()
        process = Forked(partial(_child, folder))
        _await_start(folder, process)
        working = time.monotonic()
        if process.wait():
            return Outcome("the undisturbed run failed", ["void"])
        # a kill every so often that all of them fall into the work of one import
        pace = 2.0 * (time.monotonic() - working) / max(kills, 1)
        whole = found(folder, own)
        folder, own = _place(root, "killed", urls, source)
        hit, faults = _killed_run(folder, kills, rng, max(pace, 0.05))
        killed = found(folder, own)
        faults += _compared(whole, killed)
        if hit < kills // 2:
            faults.append(f"void: only {hit} of {kills} kills met a working process")
        with psycopg.connect(libpq_url(own.database_owner_url), autocommit=True) as owner:
            owner.execute("alter table record_version disable trigger record_version_append_only")
            owner.execute("delete from record_version where id in (select id from record_version limit 1)")
        if not _planted(whole, folder, own):
            faults.append("void: the comparison did not notice a deleted row")
    seconds = time.monotonic() - started
    return Outcome(
        f"{hit} kills in the work of {kills} tries, {people} people; {whole.rows['graduate']} dossiers,"
        f" {whole.rows['record']} records, {whole.files} files compared in {seconds:.0f} s",
        faults,
    )


def _planted(whole: Found, folder: Path, urls: ServiceUrls) -> bool:
    return bool(_compared(whole, found(folder, urls)))
