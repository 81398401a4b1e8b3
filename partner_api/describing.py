"""What a route of the machines' door says of itself, beside its guard: the OpenAPI document is made of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar, cast

from pydantic import BaseModel

from app.errors import DomainError

View = TypeVar("View", bound=Callable[..., Any])
JSON, SCHEMA_JSON, BINARY = "application/json", "application/schema+json", "application/octet-stream"


@dataclass(frozen=True, slots=True)
class Answer:
    """``shape``: the type of the JSON; None for bytes, and for nothing where ``media`` is empty. ``headers`` are always
    there, ``may_have`` are not.
    """

    shape: Any = None
    media: Sequence[str] = (JSON,)
    headers: Sequence[str] = ()
    may_have: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Description:
    """``query``, ``path`` and ``headers`` are names of parameters; ``path`` gives the words that each may be. ``key``:
    an Idempotency-Key is needed. ``file``: the body is a batch. ``raises``: the problems beyond those of every route.
    """

    answers: Mapping[int, Answer]
    body: type[BaseModel] | None = None
    file: bool = False
    key: bool = False
    query: Sequence[str] = ()
    headers: Sequence[str] = ()
    path: Mapping[str, Sequence[str]] = field(default_factory=dict)
    raises: Sequence[DomainError] = ()


def describes(description: Description) -> Callable[[View], View]:
    """Stands below the guard, which hands it on."""

    def decorate(view: View) -> View:
        view._lantai_description = description  # type: ignore[attr-defined]
        return view

    return decorate


def description_of(view: Callable[..., Any]) -> Description:
    """Raises LookupError for a view that was not described."""
    found = getattr(view, "_lantai_description", None)
    if found is None:
        raise LookupError(f"{view.__name__} is not described")
    return cast(Description, found)
