"""What search and the register of purposes give to the doors: frozen, already masked for their reader."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from app.dossiers.rules import Zone


@dataclass(frozen=True, slots=True)
class PurposeView:
    """A purpose on record. ``note`` and ``reference`` are empty where the reader may not see them."""

    id: UUID
    staff_id: UUID
    graduate_id: UUID
    purpose: str
    label: str
    opened_at: datetime
    expires_at: datetime
    note: str = field(default="", repr=False)
    reference: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Hit:
    """One retrieval unit: its title and whose it is, the name masked. Content needs a purpose."""

    unit_id: UUID
    kind: str
    group: str
    group_label: str
    zone: Zone
    level_label: str
    year: int
    title: str = field(repr=False)
    graduate_id: UUID
    name: str = field(repr=False)
    cohort_year: int
    college: str
    major: str
    degree_level: str


@dataclass(frozen=True, slots=True)
class FacetValue:
    value: str
    label: str
    count: int


@dataclass(frozen=True, slots=True)
class Found:
    """A page of results. ``total`` counts no further than rules.MOST_HITS (``more``: there are others).

    ``narrow``: so many texts fit that not all were looked through. ``facets`` count the units counted in ``total``.
    """

    hits: Sequence[Hit]
    total: int
    more: bool
    narrow: bool
    facets: Mapping[str, Sequence[FacetValue]]


@dataclass(frozen=True, slots=True)
class Entry:
    """检索目录的条目: one distinct title with the number of units under it, counted as far as rules.MOST_COUNT."""

    key: str
    group: str
    group_label: str
    level_label: str
    title: str = field(repr=False)
    count: int
    more: bool


@dataclass(frozen=True, slots=True)
class SavedSearch:
    id: UUID
    name: str = field(repr=False)
    words: str = field(repr=False)
    filters: Mapping[str, str]
    created_at: datetime
