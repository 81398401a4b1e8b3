"""A dossier with real files, and a prober that asks the real child once per content."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pikepdf
import pytest
from PIL import Image

from app.actors import Role
from app.checks.archive import write_folder
from app.checks.package import media_by_content
from app.checks.rules import Stage
from app.dossiers.incoming import NewMaterial
from app.file_ports import CleanDocument
from app.package_ports import Probe
from parts import Lantai
from providers.probe import ChildProber
from tests.conftest import Person, StaffLogin
from tests.fakes import jpeg

SEEN: dict[tuple[str, str], Probe] = {}


class RememberingProber:
    """The real child, once per content: bit flips of one file need not open the others again."""

    def __init__(self) -> None:
        self._real = ChildProber()

    def probe(self, data: bytes, media_type: str) -> Probe:
        key = hashlib.sha256(data).hexdigest(), media_type
        if key not in SEEN:
            SEEN[key] = self._real.probe(data, media_type)
        return SEEN[key]


class FooledProber:
    """Sees in a spoilt file exactly what the sound one showed: whatever is found is found by the digests."""

    def __init__(self, files: Mapping[str, bytes]) -> None:
        real = RememberingProber()
        self._seen = {
            len(data): real.probe(data, media)
            for data in files.values()
            if (media := media_by_content(data)) is not None
        }

    def probe(self, data: bytes, media_type: str) -> Probe:
        return self._seen[len(data)]


def scan(shade: int = 90, dpi: int = 300) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (60, 80), (shade, 120, 150)).save(out, "JPEG", dpi=(dpi, dpi))
    return out.getvalue()


def pdf(pages: int = 2) -> bytes:
    made = pikepdf.new()
    for _ in range(pages):
        made.add_blank_page(page_size=(595, 842))
    out = io.BytesIO()
    made.save(out, deterministic_id=True)
    return out.getvalue()


MATERIALS = (
    NewMaterial("4-1", "transcript", "成绩单", "2026-06-01", 1, "备注", CleanDocument("image/jpeg", scan(), 1, 60, 80)),
    NewMaterial("4-1", "", "毕业生登记表", "2026-06-02", 2, None, CleanDocument("application/pdf", pdf(), 2)),
    NewMaterial("3", "", "学年鉴定表", "2025-06-01", 1),
)


@pytest.fixture
def held(graduate_factory: Callable[..., Person]) -> Person:
    """Two materials with a file, one on paper only."""
    return graduate_factory(materials=MATERIALS, photo=jpeg())


@pytest.fixture
def archivist(staff_factory: Callable[..., StaffLogin]) -> StaffLogin:
    return staff_factory(Role.ARCHIVIST)


@dataclass
class MemorySource:
    """A package as a mapping, to be spoilt."""

    files: dict[str, bytes] = field(default_factory=dict)

    def names(self) -> list[str]:
        return sorted(self.files)

    def read(self, name: str) -> bytes:
        return self.files[name]

    @classmethod
    def of(cls, folder: Path) -> MemorySource:
        return cls({p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()})


@pytest.fixture
def exported(lantai: Lantai, held: Person, archivist: StaffLogin, tmp_path: Path) -> Path:
    """The package of a dossier whose human items are confirmed, as a folder."""
    for check in ("Z-1-51", "Z-1-61", "Z-3-51"):
        lantai.checks.confirm(archivist.actor, held.id, check, True, "已核对")
    run = lantai.checks.run(archivist.actor, held.id, Stage.ARCHIVING)
    target = tmp_path / "package"
    lantai.checks.write_package(archivist.actor, held.id, run.id, target)
    return target


__all__ = ["FooledProber", "MemorySource", "RememberingProber", "pdf", "scan", "write_folder"]
