"""Sending scans through the console's form, and a cleaner that measures what it is told to."""

from __future__ import annotations

import io
import re
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import select

from app.dossiers.models import Material
from app.errors import Invalid
from app.file_ports import CleanDocument
from parts import Lantai
from tests import fakes
from tests.conftest import Person
from tests.staff_console.conftest import Desk


class Measuring:
    """A cleaner that says of a picture what its name asks for: ``NNN dpi`` stand in its last bytes."""

    def clean(self, data: bytes, claimed_type: str = "") -> CleanDocument:
        if not data.startswith(b"\xff\xd8"):
            raise Invalid("document_unreadable")
        found = re.search(rb"dpi=(\d+);pages=(\d+)$", data)
        dpi, pages = (int(found[1]) or None, int(found[2])) if found else (300, 1)
        return CleanDocument("image/jpeg", data, pages, 2480, 3508, dpi, fakes.jpeg(30, 40))


def picture(mark: int = 0, dpi: int = 300, pages: int = 1) -> bytes:
    return fakes.jpeg(40 + mark, 50) + f"dpi={dpi};pages={pages}".encode()


def send(clerk: Desk, person: Person, *files: tuple[bytes, str], token: UUID | None = None, **values: str) -> Any:
    form: dict[str, Any] = {"token": str(token or uuid4()), "class_code": "7", **values}
    form["files"] = [(io.BytesIO(data), name) for data, name in files]
    return clerk.post(f"/graduates/{person.id}/materials/new", form, content_type="multipart/form-data")


def followed(clerk: Desk, answer: Any) -> str:
    assert answer.status_code == 303, answer.text
    return clerk.read(answer.location.removeprefix("/console")).text


def materials(lantai: Lantai, person: Person) -> list[Material]:
    with lantai.db.transaction() as session:
        query = select(Material).where(Material.dossier_id == person.dossier_id, Material.class_code == "7")
        return list(session.scalars(query.order_by(Material.sequence)))
