"""What measurements stand on: embedded servers in a temporary folder, a filed graduate, gunicorn as in production."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pydantic import SecretStr

from app.actors import SYSTEM, Purpose
from app.db import new_id
from app.dossiers.incoming import NewDossier, NewMaterial
from app.dossiers.rules import Section
from app.people.rules import id_check_digit
from app.people.service import Card
from app.ports import Outside, Platform, PlatformAccount
from app.settings import Settings
from auth.rules import Factor, Proof
from commands.database import upgrade
from deploy.programs import answers
from parts import Lantai
from providers.embedded.children import free_port
from providers.embedded.services import EmbeddedServices, ServiceUrls
from providers.keys import FileKeys
from wiring import build

PROJECT = Path(__file__).resolve().parents[1]
OURS = ("LANTAI_", "SANDBOX_", "DATABASE_", "REDIS_")


@dataclass(frozen=True, slots=True)
class Stand:
    """``environment`` is what a process needs to be part of it; ``parts`` the same thing wired in this process."""

    folder: Path
    urls: ServiceUrls
    environment: Mapping[str, str]
    parts: Lantai


@contextmanager
def stand(*, fsync: bool = True, outside: Callable[[Settings, str], Outside] | None = None) -> Iterator[Stand]:
    """PostgreSQL and Redis of our own, migrated and empty; gone at the end. ``outside`` makes other providers."""
    with tempfile.TemporaryDirectory(prefix="lantai-bench-") as name:
        folder = Path(name)
        FileKeys.create(folder / "keys")
        services = EmbeddedServices(folder / "data", fsync=fsync)
        urls = services.start()
        try:
            upgrade(urls)
            settings = Settings(
                environment="test",
                database_url=SecretStr(urls.database_url),
                redis_url=SecretStr(urls.redis_url),
                data_dir=folder / "data",
                key_dir=folder / "keys",
            )
            parts = build(settings, urls, None if outside is None else outside(settings, urls.redis_url))
            try:
                yield Stand(folder, urls, _environment(folder, urls), parts)
            finally:
                parts.close()
        finally:
            services.stop()


def _environment(folder: Path, urls: ServiceUrls) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}
    return kept | {
        "LANTAI_ENVIRONMENT": "test",
        "LANTAI_DATA_DIR": str(folder / "data"),
        "LANTAI_KEY_DIR": str(folder / "keys"),
        "DATABASE_URL": urls.database_url,
        "DATABASE_OWNER_URL": urls.database_owner_url,
        "REDIS_URL": urls.redis_url,
        "PYTHONUNBUFFERED": "1",
    }


@contextmanager
def gunicorn(on: Stand, application: str, ready: str, **extra: str) -> Iterator[tuple[int, int]]:
    """(port, process id) of a web server with the production configuration, its access log on disk."""
    port = free_port()
    argv = [sys.executable, "-m", "gunicorn", "--config", "deploy/gunicorn.conf.py", "--bind", f"127.0.0.1:{port}"]
    log = on.folder / f"gunicorn-{port}.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*argv, application], cwd=PROJECT, env={**on.environment, **extra}, stdout=output, stderr=output
        )
    try:
        deadline = time.monotonic() + 60
        while not answers(f"http://127.0.0.1:{port}{ready}"):
            if process.poll() is not None or time.monotonic() > deadline:
                raise SystemExit(f"{application} does not start:\n{log.read_text()[-2000:]}")
            time.sleep(0.2)
        yield port, process.pid
    finally:
        process.terminate()
        process.wait(20)


def file_graduate(
    parts: Lantai,
    serial: int,
    *,
    records: int = 45,
    materials: int = 13,
    photo: bytes | None = None,
    cohort_year: int = 2026,
) -> str:
    """One graduate with ``records`` + 2 records and ``materials`` materials; gives a stepped-up session's token."""
    body = f"11010520040315{serial:03d}"
    card = Card("测试甲", body + id_check_digit(body), f"2022{serial:06d}", f"1380013{serial:04d}")
    course = {"course_name": "档案学概论", "term": "2024-2025-1", "credit": "2", "grade": "88"}
    filed = NewDossier(
        card=card,
        cohort_year=cohort_year,
        college="文学院",
        major="档案学",
        degree_level="本科",
        records={
            Section.IDENTITY: [{"name": card.name, "id_number": card.id_number, "phone": card.phone}],
            Section.ENROLMENT: [{"student_number": card.student_number, "college": "文学院", "major": "档案学"}],
            Section.COURSE: [{**course, "course_name": f"课程{n}"} for n in range(records)],
        },
        materials=[
            NewMaterial(("4-1", "3", "10")[n % 3], ("", "", "confidential")[n % 3], f"材料{n}", "2026-06-01", 2, None)
            for n in range(materials)
        ],
        photo=photo,
    )
    graduate_id = parts.filing.file_dossier(SYSTEM, filed)
    account = PlatformAccount(Platform.WECHAT, "app", f"open-{new_id().hex}")
    now = parts.clock.now()
    with parts.db.transaction() as session:
        identity = parts.people.remember_identity(session, account)
        parts.people.bind(session, identity.id, graduate_id)
        issued = parts.sessions.open_graduate(session, identity)
        for factor in (Factor.WECHAT_FACE, Factor.PHONE):
            issued = parts.sessions.add_proof(
                session, issued.session_id, Proof(factor, Purpose.VIEW_DOSSIER, now), graduate_id
            )
    return issued.token
