"""The index asked: bounded whatever the archive's size. Words lead to texts, texts to shelves, shelves to units.

Every step has a limit of its own (app/retrieval/rules.py), so that the work of a search depends on those and on the
number of bigrams asked for, never on how many dossiers there are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.retrieval import rules
from app.retrieval.rules import Filters

# how often each token stands, counted no further than the driver may be walked
_FREQUENCIES = text(
    "select t.token, (select count(*) from (select from search_posting p where p.token = t.token"
    f" limit {rules.MOST_DRIVER + 1}) c) as often from unnest(cast(:tokens as bytea[])) t(token)"
)
_COLUMNS = {
    "group": "unit_group",
    "level": "level",
    "strength": "strength",
    "cohort": "cohort_year",
    "college": "college",
    "major": "major",
    "degree": "degree_level",
    "year": "year",
}
_UNIT = (
    "cross join lateral (select u.id, u.graduate_id from retrieval_unit u where u.shelf_key = s.key"
    f" order by u.id limit {rules.MOST_HITS + 1}) u limit {rules.MOST_HITS + 1}"
)
_SHELF = "s.text_key, s.cohort_year, s.college, s.major, s.degree_level, s.year, u.id, u.graduate_id"
# the first of these that narrows is walked; each leads an index of its own
_DRIVERS = ("major", "college", "cohort")


@dataclass(frozen=True, slots=True)
class Texts:
    """Keys of the texts that may fit, the shortest first. ``narrow``: there are more than were looked at."""

    keys: Sequence[bytes]
    narrow: bool


@dataclass(frozen=True, slots=True)
class Standing:
    """One unit found and the facets it is found by."""

    text_key: bytes
    cohort_year: int
    college: str
    major: str
    degree_level: str
    year: int
    id: UUID
    graduate_id: UUID


def _conditions(alias: str, filters: Mapping[str, Any]) -> str:
    return "".join(f" and {alias}.{_COLUMNS[name]} = :{name}" for name in filters)


def texts_with(session: Session, tokens: Sequence[bytes], filters: Filters) -> Texts:
    """Texts in which every token stands, walked by the rarest."""
    rows = session.execute(_FREQUENCIES, {"tokens": list(tokens)}).all()
    often = sorted((row.often, bytes(row.token)) for row in rows)
    count, rarest = often[0]
    if count == 0:
        return Texts((), narrow=False)
    by_shelf = ""
    if filters.shelves():
        shelf = _conditions("s", filters.shelves())
        by_shelf = f" and exists (select from search_shelf s where s.text_key = d.text_key{shelf})"
    query = (
        "select d.text_key from (select text_key from search_posting where token = :rarest order by text_key"
        f" limit {rules.MOST_DRIVER}) d join search_text t on t.key = d.text_key where true"
        f"{_conditions('t', filters.texts())}{by_shelf}"
        " and not exists (select from unnest(cast(:others as bytea[])) o(token) where not exists"
        " (select from search_posting p where p.token = o.token and p.text_key = d.text_key))"
        f" order by d.text_key limit {rules.MOST_TEXTS + 1}"
    )
    values = {"rarest": rarest, "others": [t for _, t in often[1:]], **filters.texts(), **filters.shelves()}
    keys = [bytes(k) for k in session.scalars(text(query), values)]
    return Texts(keys[: rules.MOST_TEXTS], len(keys) > rules.MOST_TEXTS or count > rules.MOST_DRIVER)


def texts_of_kind(session: Session, filters: Filters) -> Texts:
    """Texts of a class, level or strength."""
    by_shelf = ""
    if filters.shelves():
        shelf = _conditions("s", filters.shelves())
        by_shelf = f" and exists (select from search_shelf s where s.text_key = t.key{shelf})"
    query = (
        f"select t.key from (select * from search_text t where true{_conditions('t', filters.texts())}"
        f" order by t.key limit {rules.MOST_DRIVER + 1}) t where true{by_shelf}"
        f" order by t.key limit {rules.MOST_TEXTS + 1}"
    )
    keys = [bytes(k) for k in session.scalars(text(query), {**filters.texts(), **filters.shelves()})]
    return Texts(keys[: rules.MOST_TEXTS], len(keys) > rules.MOST_TEXTS)


def units_of_texts(session: Session, keys: Sequence[bytes], filters: Filters) -> list[Standing]:
    """Units of these texts in their order, the latest cohort first; one more than MOST_HITS where there are more."""
    query = (
        f"select {_SHELF} from unnest(cast(:keys as bytea[])) with ordinality t(key, place)"
        " cross join lateral (select * from search_shelf s where s.text_key = t.key"
        f"{_conditions('s', filters.shelves())} order by s.cohort_year desc, s.key desc"
        f" limit {rules.MOST_HITS + 1}) s {_UNIT}"
    )
    return _standings(session, query, {"keys": list(keys), **filters.shelves()})


def units_of_shelves(session: Session, filters: Filters) -> tuple[list[Standing], bool]:
    """(units, narrow) by major, college or cohort alone, without a text."""
    wanted = filters.shelves()
    driver = next(n for n in _DRIVERS if n in wanted)
    led = {n: v for n, v in wanted.items() if n in (driver, "cohort")}
    walked = f"search_shelf s where true{_conditions('s', led)}"
    query = (
        f"select {_SHELF} from (select * from (select * from {walked} order by s.cohort_year desc, s.key desc"
        f" limit {rules.MOST_SHELVES}) s where true{_conditions('s', wanted)} limit {rules.MOST_HITS + 1}) s {_UNIT}"
    )
    found = _standings(session, query, wanted)
    if len(found) > rules.MOST_HITS:
        return found, False
    reached = text(f"select count(*) from (select from {walked} limit {rules.MOST_SHELVES + 1}) c")
    return found, (session.scalar(reached, led) or 0) > rules.MOST_SHELVES


def _standings(session: Session, query: str, values: Mapping[str, Any]) -> list[Standing]:
    return [Standing(bytes(row[0]), *row[1:]) for row in session.execute(text(query), dict(values))]


def samples(session: Session, keys: Sequence[bytes]) -> dict[bytes, UUID]:
    """One unit of each text, to open what it says."""
    query = text(
        "select t.key, u.id from unnest(cast(:keys as bytea[])) t(key) cross join lateral"
        " (select u.id from search_shelf s join retrieval_unit u on u.shelf_key = s.key where s.text_key = t.key"
        " limit 1) u"
    )
    return {bytes(row.key): row.id for row in session.execute(query, {"keys": list(keys)})}


def counts(session: Session, keys: Sequence[bytes], filters: Filters) -> dict[bytes, int]:
    """Units of each text, counted as far as MOST_HITS + 1."""
    query = text(
        "select t.key, (select count(*) from (select from search_shelf s join retrieval_unit u on u.shelf_key = s.key"
        f" where s.text_key = t.key{_conditions('s', filters.shelves())} limit {rules.MOST_HITS + 1}) c) as units"
        " from unnest(cast(:keys as bytea[])) t(key)"
    )
    return {bytes(r.key): r.units for r in session.execute(query, {"keys": list(keys), **filters.shelves()})}
