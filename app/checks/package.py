"""A package opened once: every file read, measured and dropped; what the checks judge is only what was seen.

The same code looks at a dossier inside the archive and at an exported package in a stranger's hands, so both come to
the same answers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Protocol

from app.checks import layout
from app.checks.documents import Catalogue, CatalogueItem, M, Metadata, NotCanonical, Records, read_document
from app.checks.rules import ChecklistState
from app.errors import NotFound, Tampered
from app.package_ports import Probe, Prober

MAX_TAG = 16 * 1024 * 1024
_MAGIC = (
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"II*\0", "image/tiff"),
    (b"MM\0*", "image/tiff"),
    (b"%PDF-", "application/pdf"),
    (b"PK\x03\x04", "application/ofd"),  # any ZIP so far; the probe looks for OFD.xml
)
_PROGRAM = (b"MZ", b"\x7fELF", b"#!", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", b"\xca\xfe\xba\xbe", b"\xcf\xfa\xed\xfe")


class Source(Protocol):
    """The files of a package by their path inside it, wherever they lie."""

    def names(self) -> Sequence[str]:
        """Every file, sorted; as found, however odd."""
        ...

    def read(self, name: str) -> bytes:
        """Raises Tampered or NotFound for a file that is listed and cannot be had as it was."""
        ...


class NoProbe:
    """For a reading that only measures digests."""

    def probe(self, data: bytes, media_type: str) -> Probe:  # noqa: ARG002 - the port's shape
        return Probe(opens=True)


class NotReadable(Exception):
    """A check needs a document of the package that is not there or not readable; ``what`` names it."""

    def __init__(self, what: str) -> None:
        super().__init__(what)
        self.what = what


@dataclass(frozen=True, slots=True)
class Seen:
    """One file as it was found. ``media_type`` by its first bytes; ``probe`` only of materials in an allowed format."""

    path: str
    size: int = 0
    sha256: str = ""
    sm3: str = ""
    media_type: str | None = None
    program: bool = False
    readable: bool = True
    probe: Probe | None = None


@dataclass(frozen=True)
class Package:
    """``texts`` are the tag files as UTF-8, None where they are not; ``today`` decides what lies in the future."""

    files: Mapping[str, Seen]
    texts: Mapping[str, str | None]
    today: date
    checklist: ChecklistState | None = None
    _catalogue: Catalogue | None = field(default=None, repr=False)
    _records: Records | None = field(default=None, repr=False)
    _metadata: Metadata | None = field(default=None, repr=False)

    @property
    def catalogue(self) -> Catalogue:
        """Raises NotReadable; the same for records and metadata."""
        if self._catalogue is None:
            raise NotReadable(layout.CATALOGUE)
        return self._catalogue

    @property
    def records(self) -> Records:
        if self._records is None:
            raise NotReadable(layout.RECORDS)
        return self._records

    @property
    def metadata(self) -> Metadata:
        if self._metadata is None:
            raise NotReadable(layout.METADATA)
        return self._metadata

    @property
    def payload(self) -> list[Seen]:
        return [f for f in self.files.values() if f.path.startswith("data/")]

    @property
    def materials(self) -> list[Seen]:
        return [f for f in self.files.values() if f.path.startswith("data/materials/")]

    @property
    def contents(self) -> list[Seen]:
        """Materials and photo: whatever came from outside."""
        return [f for f in self.payload if f.path not in layout.DOCUMENTS]

    def with_files(self) -> list[tuple[CatalogueItem, Seen]]:
        """Catalogue lines whose file is there, with the file."""
        return [(i, self.files[i.path]) for i in self.catalogue.items if i.path is not None and i.path in self.files]

    def text(self, name: str) -> str:
        """A tag file's text. Raises NotReadable."""
        found = self.texts.get(name)
        if found is None:
            raise NotReadable(name)
        return found

    def digests(self, name: str) -> Mapping[str, str]:
        """A digest list by path. Raises NotReadable when it is absent or malformed."""
        found = layout.read_digest_list(self.text(name))
        if found is None:
            raise NotReadable(name)
        return found

    def section(self, name: str) -> Mapping[str, str]:
        """The fields of a section's first record; empty where there is none."""
        return next((r.fields for r in self.records.records if r.section == name), {})


def open_package(
    source: Source,
    prober: Prober,
    today: date,
    *,
    checklist: ChecklistState | None = None,
    progress: Callable[[], None] = lambda: None,
) -> Package:
    """Reads every file once, one at a time."""
    files: dict[str, Seen] = {}
    texts: dict[str, str | None] = {}
    kept: dict[str, bytes] = {}
    for name in source.names():
        try:
            data = source.read(name)
        except (Tampered, NotFound):
            files[name] = Seen(name, readable=False)
            continue
        files[name] = _look(name, data, prober)
        if not name.startswith("data/"):
            texts[name] = _text(data)
        elif name in layout.DOCUMENTS:
            kept[name] = data
        progress()
    return Package(
        files,
        texts,
        today,
        checklist,
        _document(Catalogue, kept.get(layout.CATALOGUE)),
        _document(Records, kept.get(layout.RECORDS)),
        _document(Metadata, kept.get(layout.METADATA)),
    )


def media_by_content(data: bytes) -> str | None:
    return next((media for magic, media in _MAGIC if data.startswith(magic)), None)


def _look(name: str, data: bytes, prober: Prober) -> Seen:
    media = media_by_content(data)
    material = name.startswith("data/") and name not in layout.DOCUMENTS
    probe = prober.probe(data, media) if material and media is not None else None
    return Seen(name, len(data), layout.sha256(data), layout.sm3(data), media, data.startswith(_PROGRAM), probe=probe)


def _text(data: bytes) -> str | None:
    if len(data) > MAX_TAG:
        return None
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return None


def _document(kind: type[M], data: bytes | None) -> M | None:
    try:
        return None if data is None else read_document(kind, data)
    except NotCanonical:
        return None
