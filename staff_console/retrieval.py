"""检索: by number, by words, by class; facets, saved searches. Words never stand in an address."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from urllib.parse import urlencode
from uuid import UUID

from flask import Blueprint, Response, request

from app.errors import Conflict, Invalid
from app.problems import problem_of
from app.retrieval.rules import (
    LEVEL_LABELS,
    MOST_HITS,
    MOST_NAME,
    MOST_QUERY,
    SEARCHED_GROUPS,
    STRENGTH_LABELS,
    Filters,
)
from app.retrieval.search import PAGE
from app.retrieval.views import Entry, Found
from auth.guards import current_actor
from staff_console import forms
from staff_console.gate import READERS, desk
from staff_console.parts import parts
from staff_console.render import go, page

FACETS = {
    "group": "类别",
    "level": "奖项级别",
    "strength": "特长",
    "cohort": "届别",
    "college": "学院",
    "major": "专业",
    "degree": "学历层次",
    "year": "年份",
}
MOST_SHOWN = 12


class Address:
    """Where a page of results stands, and where it stands with one filter more or less."""

    def __init__(self, base: str, filters: Filters) -> None:
        self.base, self.filters = base, filters

    def __call__(self, number: int) -> str:
        return self._of(self.filters, number)

    def with_filter(self, name: str, value: str) -> str:
        return self._of(Filters.read({**self.filters.given(), name: value}))

    def without(self, name: str) -> str:
        return self._of(Filters.read({n: v for n, v in self.filters.given().items() if n != name}))

    def _of(self, filters: Filters, number: int = 1) -> str:
        pairs = filters.given() | ({"page": str(number)} if number > 1 else {})
        return f"{self.base}?{urlencode(pairs)}" if pairs else self.base


def _front(status: int = 200, error: Invalid | None = None, words: str = "") -> Response:
    return page(
        "retrieval.html",
        status,
        problem=problem_of(error) if error is not None else None,
        words=words,
        saved=parts().searches.saved(current_actor()),
        groups=SEARCHED_GROUPS,
        levels=LEVEL_LABELS,
        strengths=STRENGTH_LABELS,
        address=Address("/console/retrieval/browse", Filters()),
        urlencode=urlencode,
        most_query=MOST_QUERY,
    )


def _results(base: str, filters: Filters, words: str, search_id: UUID | None, name: str = "") -> Response:
    actor, number = current_actor(), forms.page_number(request.args)
    found: Found = parts().search.search(actor, words, filters, page=number)
    entries: Sequence[Entry] = ()
    entry_total, entry_more = 0, False
    if not words and filters.texts() and not filters.entry:
        entries, entry_total, entry_more = parts().search.catalogue(actor, filters)
    return page(
        "results.html",
        found=found,
        words=words,
        filters=filters,
        chosen=_chosen(filters),
        facets=[(n, label, found.facets.get(n, ())[:MOST_SHOWN]) for n, label in FACETS.items()],
        entries=entries,
        entry_total=entry_total,
        entry_more=entry_more,
        address=Address(base, filters),
        number=number,
        last=max(1, -(-found.total // PAGE)),
        most=MOST_HITS,
        most_query=MOST_QUERY,
        most_name=MOST_NAME,
        search_id=search_id,
        name=name,
    )


def _chosen(filters: Filters) -> list[tuple[str, str, str]]:
    """(filter, its label, the value's label) of what narrows now."""
    words = {
        "group": SEARCHED_GROUPS,
        "level": {k.value: v for k, v in LEVEL_LABELS.items()},
        "strength": {k.value: v for k, v in STRENGTH_LABELS.items()},
        "entry": {filters.entry: "同一题名"},
    }
    labels = {**FACETS, "entry": "题名"}
    return [(n, labels[n], words.get(n, {}).get(v, v)) for n, v in filters.given().items()]


def add_retrieval(console: Blueprint) -> None:
    @console.get("/retrieval")
    @desk(*READERS)
    def retrieval() -> Response:
        return _front()

    @console.post("/retrieval/search")
    @desk(*READERS)
    def retrieval_search() -> Response:
        # words may be personal: they go into a sealed row, and its id into the address
        words, filters = forms.text("words"), Filters.read(request.form)
        try:
            if not words.strip():
                raise Invalid("search_empty")
            kept = parts().searches.keep(current_actor(), words, replace(filters, entry=""))
        except Invalid as error:
            return _front(422, error, words[: MOST_QUERY * 2])
        return go(Address(f"/console/retrieval/results/{kept}", replace(filters, entry=""))(1))

    @console.get("/retrieval/results/<uuid:search_id>")
    @desk(*READERS)
    def retrieval_results(search_id: UUID) -> Response:
        kept = parts().searches.recall(current_actor(), search_id)
        base = f"/console/retrieval/results/{search_id}"
        return _results(base, Filters.read(request.args), kept.words, search_id, kept.name)

    @console.post("/retrieval/results/<uuid:search_id>/save")
    @desk(*READERS)
    def retrieval_save(search_id: UUID) -> Response:
        filters, actor = Filters.read(request.form), current_actor()
        try:
            saved = parts().searches.save(actor, search_id, forms.text("name"), filters)
        except (Invalid, Conflict) as error:
            return page("problem.html", problem_of(error).status, problem=problem_of(error), advice="")
        return go(Address(f"/console/retrieval/results/{saved}", filters)(1), "search_saved")

    @console.post("/retrieval/saved/<uuid:search_id>/delete")
    @desk(*READERS)
    def retrieval_forget(search_id: UUID) -> Response:
        parts().searches.forget(current_actor(), search_id)
        return go("/console/retrieval", "search_forgotten")

    @console.get("/retrieval/browse")
    @desk(*READERS)
    def retrieval_browse() -> Response:
        filters = Filters.read(request.args)
        if not filters.given():
            return go("/console/retrieval")
        try:
            return _results("/console/retrieval/browse", filters, "", None)
        except Invalid as error:
            return _front(422, error)
