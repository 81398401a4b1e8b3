"""Both embedded servers as one thing: ``EmbeddedServices(data_dir).start()`` gives the URLs, ``.stop()`` ends them."""

from __future__ import annotations

import fcntl
import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from psycopg import Connection, sql

from providers.embedded.children import choose_account, free_port
from providers.embedded.postgres import PostgresServer, postgres_programs
from providers.embedded.records import (
    APP_ROLE,
    CREDENTIALS_FILE,
    DATABASE,
    LOCK_FILE,
    OWNER_ROLE,
    Credentials,
    EmbeddedError,
    ServiceUrls,
    load_credentials,
    publish_services,
    read_services,
    save_credentials,
    withdraw_services,
)
from providers.embedded.redis_server import RedisServer

CHECK_S = 0.25
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.25, 30.0
STEADY_S = 60.0  # after a life of this length the pauses begin anew

# In template1, so that every database made later (each test worker's too) carries the same default.
DEFAULT_GRANTS = (
    "ALTER DEFAULT PRIVILEGES FOR ROLE {owner} IN SCHEMA public"
    " GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO {app}",
    "ALTER DEFAULT PRIVILEGES FOR ROLE {owner} IN SCHEMA public GRANT USAGE, SELECT ON SEQUENCES TO {app}",
    "GRANT USAGE ON SCHEMA public TO {app}",
)


@dataclass(slots=True)
class Revival:
    """When a server was last started and, while it is down, when to try again. Times are monotonic seconds."""

    started: float
    pause: float = 0.0
    due: float | None = None

    def plan(self, now: float) -> None:
        """It was found dead or failed to start: double the pause, unless it had run steadily."""
        steady = self.due is None and now - self.started >= STEADY_S
        self.pause = FIRST_PAUSE_S if steady or not self.pause else min(self.pause * 2, LONGEST_PAUSE_S)
        self.due = now + self.pause

    def done(self, now: float) -> None:
        self.started, self.due = now, None


class EmbeddedServices:
    """PostgreSQL in ``data_dir``/pg and Redis in ``data_dir``/redis, owned by this process until ``stop``.

    ``fsync=False`` is for tests: quicker, and a power cut may lose data. ``programs`` is a folder with another
    PostgreSQL's initdb and postgres (15 or newer). Start it in a thread that lives as long as the servers shall.
    """

    def __init__(
        self, data_dir: Path, *, fsync: bool = True, programs: Path | None = None, lock_wait_s: float = 10.0
    ) -> None:
        self._data = data_dir.absolute()
        self._fsync = fsync
        self._programs = programs
        self._lock_wait_s = lock_wait_s
        self._lock: int | None = None
        self._servers: dict[str, PostgresServer | RedisServer] = {}
        self._revivals: dict[str, Revival] = {}

    def start(self) -> ServiceUrls:
        """Both servers up, roles and database there, services.json written. Raises EmbeddedError, leaving nothing."""
        make_folder(self._data)
        make_folder(self._data / "log")
        self._take_lock()
        try:
            withdraw_services(self._data)
            return self._start_both()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """End both servers, Redis first. Safe to call twice."""
        if self._lock is None:
            return
        withdraw_services(self._data)
        for name in ("redis", "postgres"):
            server = self._servers.pop(name, None)
            if server is not None:
                server.stop()
        os.close(self._lock)
        self._lock = None

    def process_ids(self) -> dict[str, int]:
        """Of the servers that run: ``postgres`` and ``redis``."""
        return {name: server.pid for name, server in self._servers.items() if server.pid is not None}

    def supervise(self, stopped: Callable[[float], bool]) -> None:
        """Start again whatever dies, with growing pauses, until ``stopped(seconds)`` (an Event's wait) says so."""
        while not stopped(CHECK_S):
            for name, server in self._servers.items():
                if not server.alive():
                    self._revive(name, server)

    def _revive(self, name: str, server: PostgresServer | RedisServer) -> None:
        state = self._revivals[name]
        if state.due is None:
            state.plan(time.monotonic())
            say(f"{name} ended; starting it again in {state.pause:g} s")
        if state.due is None or time.monotonic() < state.due:
            return
        try:
            server.start()
        except EmbeddedError as error:
            say(str(error))
            state.plan(time.monotonic())
        else:
            state.done(time.monotonic())
            say(f"{name} is up again")

    def _start_both(self) -> ServiceUrls:
        folder = self._data / "pg"
        redis_folder = self._data / "redis"
        account = choose_account(folder)
        make_folder(redis_folder, 0o700)
        account.give(redis_folder)
        credentials = self._credentials(folder)
        postgres = PostgresServer(
            folder,
            self._data / "log" / "postgres.log",
            account,
            port=credentials.postgres_port,
            password=credentials.admin_password,
            programs=self._programs or postgres_programs(),
            fsync=self._fsync,
        )
        redis = RedisServer(
            redis_folder,
            self._data / "log" / "redis.log",
            account,
            port=credentials.redis_port,
            password=credentials.redis_password,
        )
        postgres.prepare()
        for server in (postgres, redis):
            self._servers[server.name] = server
            server.start()
            self._revivals[server.name] = Revival(time.monotonic())
        provision(postgres, credentials)
        publish_services(self._data, credentials.urls())
        return credentials.urls()

    def _credentials(self, cluster: Path) -> Credentials:
        """The kept ones with ports that are free now; new ones for a new cluster."""
        kept = load_credentials(self._data)
        if kept is None and cluster.exists():
            raise EmbeddedError(f"{self._data / CREDENTIALS_FILE} is missing: restore it or remove {cluster}")
        kept = kept or Credentials.fresh()
        postgres_port = free_port(kept.postgres_port)
        chosen = replace(
            kept, postgres_port=postgres_port, redis_port=free_port(kept.redis_port, but_not=postgres_port)
        )
        if chosen != kept:
            save_credentials(self._data, chosen)
        return chosen

    def _take_lock(self) -> None:
        """Be the only owner: waits ``lock_wait_s`` for another one to finish, then refuses."""
        descriptor = os.open(self._data / LOCK_FILE, os.O_RDWR | os.O_CREAT, 0o600)
        deadline = time.monotonic() + self._lock_wait_s
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() > deadline:
                    os.close(descriptor)
                    raise EmbeddedError(
                        f"another process already owns the servers in {self._data}: stop it, or use its services.json"
                    ) from None
                time.sleep(0.1)
            else:
                self._lock = descriptor
                return


def make_folder(path: Path, mode: int = 0o711) -> None:
    """Create it if need be. 0711 lets the servers' account pass through to its own folder and list nothing; folders
    that exist already keep the bits they have."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        path.mkdir()
        path.chmod(mode)  # whatever the umask is


def say(line: str) -> None:
    sys.stdout.write(f"embedded services: {line}\n")
    sys.stdout.flush()


def provision(postgres: PostgresServer, credentials: Credentials) -> None:
    """The two roles with their present passwords, the default grants and the database. Repeating it changes nothing."""
    with postgres.connect() as session:
        _role(session, OWNER_ROLE, credentials.owner_password, "CREATEDB")
        _role(session, APP_ROLE, credentials.app_password, "NOCREATEDB")
        missing = session.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]).fetchone() is None
    names = {"owner": sql.Identifier(OWNER_ROLE), "app": sql.Identifier(APP_ROLE), "name": sql.Identifier(DATABASE)}
    if missing:
        with postgres.connect("template1") as session:
            for statement in DEFAULT_GRANTS:
                session.execute(sql.SQL(statement).format(**names))
    with postgres.connect() as session:
        if missing:
            session.execute(sql.SQL("CREATE DATABASE {name} OWNER {owner}").format(**names))
        session.execute(sql.SQL("REVOKE ALL ON DATABASE {name} FROM PUBLIC").format(**names))
        session.execute(sql.SQL("GRANT CONNECT ON DATABASE {name} TO {app}").format(**names))


def _role(session: Connection, name: str, password: str, right: str) -> None:
    """The server is sent the scram verifier, never the password."""
    verifier = session.pgconn.encrypt_password(password.encode(), name.encode(), b"scram-sha-256").decode()
    exists = session.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [name]).fetchone()
    statement = "ALTER ROLE {} " if exists else "CREATE ROLE {} "
    session.execute(
        sql.SQL(statement + "LOGIN NOSUPERUSER NOCREATEROLE " + right + " PASSWORD {}").format(
            sql.Identifier(name), sql.Literal(verifier)
        )
    )


__all__ = ["EmbeddedError", "EmbeddedServices", "ServiceUrls", "provision", "read_services"]
