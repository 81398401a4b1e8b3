"""The catalogue's words, edition by edition: a notice is read in the words of the edition it was written with.

An edition is a folder of TOML files. It holds the notices it adds, and of those before it the fields it changes. What
an edition that went out says never changes, so that nobody's inbox is rewritten behind their back.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import fields, replace
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType
from typing import Any

from notifications.catalogue.text import Importance, NoticeText, Promise, Template, Topic

SHIPPED = Path(__file__).with_name("editions")
_KINDS: Mapping[str, type[StrEnum]] = {
    "template": Template,
    "promise": Promise,
    "importance": Importance,
    "topic": Topic,
}
_FIELDS = frozenset(f.name for f in fields(NoticeText)) - {"key", "version"}
Edition = Mapping[str, NoticeText]


class EditionInvalid(Exception):
    """An edition holds what no notice can be made of; says which."""


def _order(folder: Path) -> tuple[int, ...]:
    return tuple(int(part) for part in folder.name.split("-"))


def _entries(folder: Path) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for path in sorted(folder.glob("*.toml")):
        yield from tomllib.loads(path.read_text("utf-8")).items()


def _typed(key: str, raw: Mapping[str, Any]) -> dict[str, Any]:
    unknown = set(raw) - _FIELDS
    if unknown:
        raise EditionInvalid(f"{key}: {', '.join(sorted(unknown))}")
    try:
        return {name: _KINDS[name](value) if name in _KINDS else value for name, value in raw.items()}
    except ValueError as error:
        raise EditionInvalid(f"{key}: {error}") from None


def read(folder: Path = SHIPPED) -> Mapping[str, Edition]:
    """Every edition whole, the oldest first. Raises EditionInvalid."""
    found: dict[str, Edition] = {}
    words: dict[str, NoticeText] = {}
    for edition in sorted((f for f in folder.iterdir() if f.is_dir()), key=_order):
        named: set[str] = set()
        for key, raw in _entries(edition):
            if key in named:
                raise EditionInvalid(f"{edition.name}: {key} stands there twice")
            named.add(key)
            values = _typed(key, raw)
            try:
                words[key] = (
                    replace(words[key], version=edition.name, **values)
                    if key in words
                    else NoticeText(key=key, version=edition.name, **values)
                )
            except TypeError as error:
                raise EditionInvalid(f"{edition.name}: {key}: {error}") from None
        found[edition.name] = MappingProxyType(dict(words))
    return MappingProxyType(found)


EDITIONS = read()
CATALOGUE_VERSION = list(EDITIONS)[-1]
"""The edition that new notices are written with."""


def words_of(key: str, version: str = CATALOGUE_VERSION) -> NoticeText | None:
    """In the words of that edition. The newest known stands in for one that a later release wrote, and for a notice
    that its edition did not have yet.
    """
    return EDITIONS.get(version, EDITIONS[CATALOGUE_VERSION]).get(key) or EDITIONS[CATALOGUE_VERSION].get(key)
