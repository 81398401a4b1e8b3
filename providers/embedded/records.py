"""What the embedded servers write down: the URLs for everybody else, and the secrets that outlive a restart."""

from __future__ import annotations

import fcntl
import json
import os
import secrets
from dataclasses import asdict, dataclass, field
from pathlib import Path

SERVICES_FILE = "services.json"
CREDENTIALS_FILE = "credentials.json"
LOCK_FILE = "owner.lock"

OWNER_ROLE = "lantai_owner"
APP_ROLE = "lantai_app"
ADMIN_ROLE = "lantai_admin"
DATABASE = "lantai"


class EmbeddedError(Exception):
    """The embedded servers cannot run; the message tells the operator why and what to do. Holds no secret."""


@dataclass(frozen=True, slots=True)
class ServiceUrls:
    """``database_url`` is the role that may only change rows; ``database_owner_url`` may change the schema too.

    The database URLs are SQLAlchemy's psycopg form. All three hold passwords and so never print.
    """

    database_url: str = field(repr=False)
    database_owner_url: str = field(repr=False)
    redis_url: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Credentials:
    """Passwords and ports. They stay the same over restarts, so that clients need not learn new URLs.

    A port of 0 has not been chosen yet.
    """

    admin_password: str = field(repr=False)
    owner_password: str = field(repr=False)
    app_password: str = field(repr=False)
    redis_password: str = field(repr=False)
    postgres_port: int = 0
    redis_port: int = 0

    @classmethod
    def fresh(cls) -> Credentials:
        admin, owner, app, redis = (secrets.token_urlsafe(24) for _ in range(4))
        return cls(admin, owner, app, redis)

    def urls(self) -> ServiceUrls:
        return ServiceUrls(
            database_url=self._database_url(APP_ROLE, self.app_password),
            database_owner_url=self._database_url(OWNER_ROLE, self.owner_password),
            redis_url=f"redis://:{self.redis_password}@127.0.0.1:{self.redis_port}/0",
        )

    def _database_url(self, role: str, password: str) -> str:
        return f"postgresql+psycopg://{role}:{password}@127.0.0.1:{self.postgres_port}/{DATABASE}"


def write_private(path: Path, content: dict[str, object]) -> None:
    """Replace ``path`` in one step by JSON that only this account may read."""
    draft = path.with_name(path.name + ".new")
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(content, file, indent=2)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)


def load_credentials(data_dir: Path) -> Credentials | None:
    """None when there are none yet. Raises EmbeddedError when the file is damaged."""
    path = data_dir / CREDENTIALS_FILE
    try:
        return Credentials(**json.loads(path.read_text("utf-8")))
    except FileNotFoundError:
        return None
    except (ValueError, TypeError, OSError) as error:
        raise EmbeddedError(
            f"{path} cannot be read ({type(error).__name__}): restore it or remove {data_dir}"
        ) from None


def save_credentials(data_dir: Path, credentials: Credentials) -> None:
    write_private(data_dir / CREDENTIALS_FILE, asdict(credentials))


def publish_services(data_dir: Path, urls: ServiceUrls) -> None:
    """Tell everybody that both servers answer, and where."""
    write_private(data_dir / SERVICES_FILE, {**asdict(urls), "pid": os.getpid()})


def withdraw_services(data_dir: Path) -> None:
    (data_dir / SERVICES_FILE).unlink(missing_ok=True)


def read_services(data_dir: Path) -> ServiceUrls | None:
    """The URLs, if a living owner has both servers up; else None.

    Living is told by the owner's lock, which the kernel drops however the owner ends; a process number alone could
    belong to somebody else by now.
    """
    try:
        content = json.loads((data_dir / SERVICES_FILE).read_text("utf-8"))
        found = ServiceUrls(content["database_url"], content["database_owner_url"], content["redis_url"])
        return found if _alive(int(content["pid"])) and owner_lives(data_dir) else None
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return None


def owner_lives(data_dir: Path) -> bool:
    """Whether some process owns the servers of this folder now."""
    try:
        descriptor = os.open(data_dir / LOCK_FILE, os.O_RDONLY)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    else:
        return False
    finally:
        os.close(descriptor)


def _alive(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


__all__ = [
    "ADMIN_ROLE",
    "APP_ROLE",
    "DATABASE",
    "OWNER_ROLE",
    "Credentials",
    "EmbeddedError",
    "ServiceUrls",
    "load_credentials",
    "owner_lives",
    "publish_services",
    "read_services",
    "save_credentials",
    "withdraw_services",
    "write_private",
]
