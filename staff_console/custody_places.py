"""Places of paper dossiers: the registry, their printable codes, and putting dossiers there by scanner."""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, Response, request

from app.custody.rules import KEEPERS, MOVERS, READERS, is_place, place_words
from app.custody.views import Scan
from app.errors import Conflict, DomainError, Invalid
from app.problems import problem_of
from auth.guards import current_actor
from staff_console import forms
from staff_console.custody import PATH
from staff_console.gate import desk
from staff_console.parts import parts
from staff_console.qr import qr_svg
from staff_console.render import go, page

ON_A_PAGE = 50
LABELS_AT_ONCE = 120


def _places(status: int = 200, error: DomainError | None = None, made: tuple[int, int] | None = None) -> Response:
    actor, number, closed = current_actor(), forms.page_number(request.args), request.args.get("closed") == "1"
    text = request.args.get("q", "").strip()[:24]
    places, total = parts().places.search(actor, text, closed=closed, offset=(number - 1) * ON_A_PAGE, limit=ON_A_PAGE)
    return page(
        "custody_places.html",
        status,
        places=places,
        total=total,
        text=text,
        closed=closed,
        made=made,
        may_keep=actor.has_role(*KEEPERS),
        number=number,
        last=max(1, -(-total // ON_A_PAGE)),
        typed=request.form,
        problem=problem_of(error) if error is not None else None,
    )


def _place(place_id: UUID, status: int = 200, error: DomainError | None = None) -> Response:
    actor, number = current_actor(), forms.page_number(request.args)
    place = parts().places.place(actor, place_id)
    lines, total = parts().custody.at_place(
        actor, place_id, offset=(number - 1) * forms.PAGE_SIZE, limit=forms.PAGE_SIZE
    )
    return page(
        "custody_place.html",
        status,
        place=place,
        lines=lines,
        total=total,
        names=parts().people.names([line.graduate_id for line in lines]),
        qr=qr_svg(place.code),
        may_keep=actor.has_role(*KEEPERS),
        number=number,
        last=forms.last_page(total),
        problem=problem_of(error) if error is not None else None,
    )


def _shelving(
    status: int = 200, error: DomainError | None = None, place: str = "", scan: Scan | None = None, undone: bool = False
) -> Response:
    recent = parts().shelving.recent(current_actor())
    about = [graduate for graduate, _, _ in recent] + ([] if scan is None else [scan.graduate_id])
    return page(
        "custody_shelving.html",
        status,
        place=place,
        place_words=place_words(place) if place else "",
        scan=scan,
        undone=undone,
        recent=recent,
        names=parts().people.names(about),
        problem=problem_of(error) if error is not None else None,
    )


def _scan() -> Response:
    """One reading of the scanner: a place, or a dossier that goes to the place before it."""
    code, before = forms.text("code"), forms.text("place")
    actor, shelving = current_actor(), parts().shelving
    try:
        if is_place(code) or not before:
            return _shelving(place=shelving.place(actor, code))
        return _shelving(place=shelving.place(actor, before), scan=shelving.shelve(actor, before, code))
    except (Invalid, Conflict) as error:
        return _shelving(problem_of(error).status, error, before if is_place(before) else "")


def add_custody_places(console: Blueprint) -> None:
    @console.get("/custody/places")
    @desk(*READERS)
    def custody_places() -> Response:
        return _places()

    @console.post("/custody/places")
    @desk(*KEEPERS)
    def add_places() -> Response:
        try:
            made = parts().places.add(current_actor(), forms.text("first"), forms.text("last"))
        except (Invalid, Conflict) as error:
            return _places(problem_of(error).status, error)
        return _places(made=made)

    @console.get("/custody/places/labels")
    @desk(*READERS)
    def custody_place_labels() -> Response:
        text = request.args.get("q", "").strip()[:24]
        places, total = parts().places.search(current_actor(), text, limit=LABELS_AT_ONCE)
        labels = [(place.code, place.words, qr_svg(place.code)) for place in places]
        return page("custody_place_labels.html", labels=labels, total=total, text=text, most=LABELS_AT_ONCE)

    @console.get("/custody/places/<uuid:place_id>")
    @desk(*READERS)
    def custody_place(place_id: UUID) -> Response:
        return _place(place_id)

    @console.post("/custody/places/<uuid:place_id>/close")
    @desk(*KEEPERS)
    def close_place(place_id: UUID) -> Response:
        try:
            parts().places.close(current_actor(), place_id)
        except Conflict as error:
            return _place(place_id, problem_of(error).status, error)
        return go(f"{PATH}/places/{place_id}", "place_closed")

    @console.get("/custody/shelving")
    @desk(*MOVERS)
    def custody_shelving() -> Response:
        return _shelving()

    @console.post("/custody/shelving/scan")
    @desk(*MOVERS)
    def scan_shelving() -> Response:
        return _scan()

    @console.post("/custody/shelving/undo")
    @desk(*MOVERS)
    def undo_shelving() -> Response:
        before = forms.text("place")
        place = before if is_place(before) else ""
        try:
            return _shelving(place=place, scan=parts().shelving.undo(current_actor()), undone=True)
        except Conflict as error:
            return _shelving(problem_of(error).status, error, place)
