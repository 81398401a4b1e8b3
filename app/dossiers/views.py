"""What dossier services give to every door: frozen, already decided for one reader."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from app.dossiers.rules import DossierState, Section, Source, Zone


@dataclass(frozen=True, slots=True)
class Hidden:
    """Why something is not shown, whom to ask, how to object."""

    zone: Zone
    rule: str
    ground: str
    ask: str
    objection: str


@dataclass(frozen=True, slots=True)
class CatalogueItem:
    """One line of the catalogue. ``group`` is the section or the material class code."""

    id: UUID
    kind: Literal["record", "material"]
    group: str
    group_label: str
    sequence: int
    zone: Zone
    title: str = field(repr=False)
    formed_on: str | None = None
    pages: int | None = None
    has_file: bool = False
    hidden: Hidden | None = None
    remark: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class CatalogueView:
    dossier_id: UUID
    state: DossierState
    version: int
    rules_version: str
    items: tuple[CatalogueItem, ...]


@dataclass(frozen=True, slots=True)
class VersionView:
    """One immutable version. ``changed`` names the fields that differ from the version before."""

    number: int
    source: Source
    source_id: UUID | None
    created_at: datetime
    body: Mapping[str, str] = field(repr=False)
    changed: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class RecordView:
    id: UUID
    dossier_id: UUID
    graduate_id: UUID
    section: Section
    section_label: str
    position: int
    zone: Zone
    version: int
    body: Mapping[str, str] = field(repr=False)
    labels: Mapping[str, str] = field(default_factory=dict)
    versions: Sequence[VersionView] = ()


@dataclass(frozen=True, slots=True)
class SectionView:
    section: Section
    label: str
    zone: Zone
    hidden: Hidden | None
    records: Sequence[RecordView]


@dataclass(frozen=True, slots=True)
class MaterialView:
    id: UUID
    class_code: str
    class_label: str
    kind: str
    sequence: int
    zone: Zone
    version: int
    title: str = field(repr=False)
    formed_on: str | None
    pages: int | None
    remark: str | None = field(repr=False)
    media_type: str | None
    size: int | None
    hidden: Hidden | None


@dataclass(frozen=True, slots=True)
class MaterialVersionView:
    """One version as staff see it. ``facts``: sha256, sm3, pages, width, height, dpi as far as they were measured."""

    number: int
    source: Source
    source_id: UUID | None
    created_at: datetime
    title: str = field(repr=False)
    formed_on: str | None
    pages: int | None
    remark: str | None = field(repr=False)
    media_type: str | None
    size: int | None
    has_preview: bool
    facts: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class MaterialHistory:
    """A material with every version, newest first; for staff who may read content."""

    material: MaterialView
    graduate_id: UUID
    versions: Sequence[MaterialVersionView]


@dataclass(frozen=True, slots=True)
class FileView:
    """A material's content, opened in memory. ``name`` is safe for a download header."""

    name: str
    media_type: str
    data: bytes = field(repr=False)
