"""Staff search (检索) over titles and awards, and the catalogue of distinct titles (检索目录). Names come masked."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.actors import Actor, ActorKind
from app.db import Database
from app.errors import Forbidden, Invalid
from app.events import EventLog
from app.keyring import Keyring
from app.people.service import READERS, PeopleService
from app.retrieval import lookup, rules
from app.retrieval.keys import IndexKeys
from app.retrieval.lookup import Standing, Texts
from app.retrieval.models import SearchText
from app.retrieval.rules import Filters, Level, Strength
from app.retrieval.titles import open_titles
from app.retrieval.views import Entry, FacetValue, Found, Hit

PAGE = 20


class SearchService:
    def __init__(self, db: Database, keys: Keyring, people: PeopleService, index: IndexKeys, log: EventLog) -> None:
        self._db, self._keys, self._people, self._index, self._log = db, keys, people, index, log

    def search(self, actor: Actor, query: str, filters: Filters, *, page: int = 1) -> Found:
        """One page of what fits all words and filters, closest titles first. The search is recorded, its words not.

        Raises Forbidden, Invalid('search_too_short' …), Invalid('search_empty') where nothing narrows at all.
        """
        _require(actor)
        phrases = rules.words(query)
        with self._db.transaction() as session:
            standings, narrow = self._standings(session, phrases, filters)
            counted = standings[: rules.MOST_HITS]
            texts = _texts(session, counted)
            shown = counted[(page - 1) * PAGE : page * PAGE]
            hits = self._hits(session, shown, texts)
            self._log.record(
                session,
                actor,
                "retrieval.searched",
                data={"found": len(counted), "words": bool(phrases), "filters": sorted(filters.given())},
            )
        more = len(standings) > rules.MOST_HITS
        return Found(hits, len(counted), more, narrow, _facets(counted, texts))

    def catalogue(self, actor: Actor, filters: Filters, *, page: int = 1) -> tuple[Sequence[Entry], int, bool]:
        """(entries, how many there are up to MOST_TEXTS, whether there are more): distinct titles of a class, level or
        strength, each with its number of units. Raises Forbidden, Invalid('search_empty').
        """
        _require(actor)
        if not filters.texts():
            raise Invalid("search_empty")
        with self._db.transaction() as session:
            found = lookup.texts_of_kind(session, filters)
            keys = found.keys[(page - 1) * PAGE : page * PAGE]
            units = lookup.samples(session, keys)
            titles = open_titles(session, self._keys, list(units.values()))
            counts = lookup.counts(session, keys, filters)
            rows = {bytes(t.key): t for t in session.scalars(select(SearchText).where(SearchText.key.in_(keys)))}
            self._log.record(session, actor, "retrieval.catalogue_read", data={"filters": sorted(filters.given())})
        entries = [
            Entry(
                key.hex(),
                rows[key].unit_group,
                rules.group_label(rows[key].unit_group),
                rules.LEVEL_LABELS.get(rows[key].level, ""),
                titles[units[key]].title,
                min(counts[key], rules.MOST_HITS),
                counts[key] > rules.MOST_HITS,
            )
            for key in keys
            if units.get(key) in titles
        ]
        return entries, len(found.keys), found.narrow

    # --- inside -----------------------------------------------------------------------------------------------------

    def _standings(self, session: Session, phrases: Sequence[str], filters: Filters) -> tuple[list[Standing], bool]:
        """(units, narrow)."""
        if filters.entry:
            texts = Texts([bytes.fromhex(filters.entry)], narrow=False)
        elif phrases:
            tokens = self._index.tokens({t for p in phrases for t in rules.tokens(p)})
            texts = self._verified(session, lookup.texts_with(session, tokens, filters), phrases)
        elif filters.texts():
            texts = lookup.texts_of_kind(session, filters)
        elif filters.cohort or filters.college or filters.major:
            return lookup.units_of_shelves(session, filters)
        else:
            raise Invalid("search_empty")
        if not texts.keys:
            return [], texts.narrow
        return lookup.units_of_texts(session, texts.keys, filters), texts.narrow

    def _verified(self, session: Session, found: Texts, phrases: Sequence[str]) -> Texts:
        """Without the texts in which the bigrams stand apart: one unit of each is opened and read."""
        if all(len(rules.tokens(p)) == 1 for p in phrases):
            return found
        units = lookup.samples(session, found.keys)
        titles = open_titles(session, self._keys, list(units.values()))
        fits = [
            key for key in found.keys if units.get(key) in titles and rules.contains(titles[units[key]].normal, phrases)
        ]
        return Texts(fits, found.narrow)

    def _hits(self, session: Session, shown: Sequence[Standing], texts: Mapping[bytes, SearchText]) -> list[Hit]:
        titles = open_titles(session, self._keys, [s.id for s in shown])
        names = self._people.names(list({t.graduate_id for t in titles.values()}))
        return [
            Hit(
                s.id,
                titles[s.id].kind,
                titles[s.id].group,
                rules.group_label(titles[s.id].group),
                titles[s.id].zone,
                rules.LEVEL_LABELS.get(texts[s.text_key].level, ""),
                s.year,
                titles[s.id].title,
                s.graduate_id,
                names.get(s.graduate_id, ""),
                s.cohort_year,
                s.college,
                s.major,
                s.degree_level,
            )
            for s in shown
            if s.id in titles and s.text_key in texts
        ]


def _require(actor: Actor) -> None:
    if actor.kind is not ActorKind.STAFF or not actor.has_role(*READERS):
        raise Forbidden("role_required")


def _texts(session: Session, standings: Sequence[Standing]) -> dict[bytes, SearchText]:
    keys = list({s.text_key for s in standings})
    return {bytes(t.key): t for t in session.scalars(select(SearchText).where(SearchText.key.in_(keys)))}


def _facets(standings: Sequence[Standing], texts: Mapping[bytes, SearchText]) -> dict[str, list[FacetValue]]:
    """How the counted units divide; the largest first, classes and levels in the catalogue's order."""
    by: dict[str, Counter[str]] = {}
    for s in standings:
        row = texts.get(s.text_key)
        values = {
            "group": row.unit_group if row else "",
            "level": row.level.value if row else "",
            "strength": row.strength.value if row else "",
            "cohort": str(s.cohort_year),
            "college": s.college,
            "major": s.major,
            "degree": s.degree_level,
            "year": str(s.year) if s.year else "",
        }
        for name, value in values.items():
            if value:
                by.setdefault(name, Counter())[value] += 1
    return {
        name: [
            FacetValue(v, _label(name, v), n)
            for v, n in sorted(counter.items(), key=lambda item, name=name: _place(name, *item))  # type: ignore[misc]
        ]
        for name, counter in by.items()
    }


def _label(name: str, value: str) -> str:
    if name == "group":
        return rules.group_label(value)
    if name == "level":
        return rules.LEVEL_LABELS[Level(value)]
    if name == "strength":
        return rules.STRENGTH_LABELS[Strength(value)]
    return f"{value} 届" if name == "cohort" else f"{value} 年" if name == "year" else value


_FIXED: Mapping[str, Sequence[str]] = {
    "group": list(rules.SEARCHED_GROUPS),
    "level": list(Level),
    "strength": list(Strength),
}


def _place(name: str, value: str, count: int) -> tuple[int, str]:
    if name in _FIXED:
        return _FIXED[name].index(value), ""
    return (-int(value), "") if name in ("cohort", "year") else (-count, value)
