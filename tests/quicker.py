"""A pytest plugin: what every test would do again in vain is done once in a process."""

from __future__ import annotations

import gc
from typing import Any

from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.engine import Engine
from sqlalchemy.util import LRUCache
from werkzeug.routing import Rule

STATEMENTS = 5_000

_compile = Rule.compile
_known: dict[tuple[Any, ...], tuple[Any, ...]] = {}


def _remembered(rule: Rule) -> None:
    """The application is built anew for nearly every test, and nine tenths of that was werkzeug compiling the same 400
    rules. What a rule compiles to depends on its words and its map's converters alone.
    """
    assert rule.map is not None
    words = (rule.rule, rule.subdomain, rule.host, rule.map.host_matching, rule.merge_slashes)
    key = (*words, repr(rule.defaults), frozenset(rule.map.converters.values()))
    if key not in _known:
        _compile(rule)
        builders = (rule._build.__func__, rule._build_unknown.__func__)  # type: ignore[attr-defined]
        parts, trace = tuple(rule._parts), tuple(rule._trace)
        _known[key] = (parts, trace, dict(rule._converters), frozenset(rule.arguments), builders)
        return
    parts, trace, converters, arguments, (build, build_unknown) = _known[key]
    rule._parts, rule._trace, rule._converters = list(parts), list(trace), dict(converters)
    rule.arguments |= arguments
    rule._build = build.__get__(rule)
    rule._build_unknown = build_unknown.__get__(rule)


def _share_statements() -> None:
    """Each test has an engine of its own, and a seventh of the time was SQLAlchemy compiling the same statements. All
    engines of a process speak with one server, so what one dialect compiled is good for all.
    """
    shared: LRUCache[Any, Any] = LRUCache(STATEMENTS)
    Engine._compiled_cache = property(lambda _: shared, lambda _, own: None)  # type: ignore[assignment]
    PGDialect_psycopg.__eq__ = lambda one, other: type(one) is type(other)  # type: ignore[method-assign]
    PGDialect_psycopg.__hash__ = lambda one: hash(type(one))  # type: ignore[assignment, method-assign]


def pytest_configure() -> None:
    Rule.compile = _remembered  # type: ignore[assignment, method-assign]
    _share_statements()


def pytest_collection_finish() -> None:
    """What is imported stays: looking through it for garbage again and again took a fifth of the tests' time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)
