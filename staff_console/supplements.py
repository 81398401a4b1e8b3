"""Supplements of graduates: what waits, one of them with its file, accepting it or giving it back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from flask import Blueprint, Response, request
from werkzeug.datastructures import MultiDict

from app.dossiers import class_map
from app.dossiers.rules import MATERIAL_CLASSES
from app.errors import Conflict, DomainError, Invalid, VersionMismatch
from app.materials.rules import MAX_STATEMENT, RETURN_REASONS, STATE_LABELS, State
from app.materials.views import SupplementView
from app.problems import problem_of
from auth.guards import current_actor
from staff_console import forms
from staff_console.evidence import SUFFIXES, file_response
from staff_console.gate import DESK, desk
from staff_console.materials import advice_for, entry_choices, entry_from_form, preview_response, scan_rule
from staff_console.parts import parts
from staff_console.render import fragment, go, page, wants_fragment


@dataclass(frozen=True, slots=True)
class SupplementFilter:
    state: State = State.SUBMITTED
    class_code: str | None = None
    page: int = 1

    @classmethod
    def read(cls, args: MultiDict[str, str]) -> SupplementFilter:
        state, code = args.get("state", ""), args.get("class", "")
        return cls(
            State(state) if state in set(State) else State.SUBMITTED,
            code if code in MATERIAL_CLASSES else None,
            forms.page_number(args),
        )

    @property
    def offset(self) -> int:
        return (self.page - 1) * forms.PAGE_SIZE

    @property
    def narrowed(self) -> bool:
        return self.state is not State.SUBMITTED or self.class_code is not None

    def url(self, number: int) -> str:
        pairs = {
            "state": self.state.value if self.state is not State.SUBMITTED else "",
            "class": self.class_code or "",
            "page": str(number) if number > 1 else "",
        }
        query = urlencode({k: v for k, v in pairs.items() if v})
        return f"/console/supplements?{query}" if query else "/console/supplements"


def _queue() -> Response:
    wanted = SupplementFilter.read(request.args)
    lines, total = parts().supplement_desk.queue(
        current_actor(),
        state=wanted.state,
        class_code=wanted.class_code,
        offset=wanted.offset,
        limit=forms.PAGE_SIZE,
    )
    context: dict[str, Any] = {
        "wanted": wanted,
        "lines": lines,
        "total": total,
        "last": forms.last_page(total),
        "kind_label": class_map.current().label,
    }
    if wants_fragment():
        return fragment("_supplements.html", **context)
    return page("supplements.html", states=STATE_LABELS, all_classes=MATERIAL_CLASSES, **context)


def _show(found: SupplementView, status: int = 200, error: DomainError | None = None) -> Response:
    """One supplement; with an error, what was typed stays in the form it belongs to."""
    pages = found.facts.get("pages")
    decider = parts().people.staff_names([found.decided_by]).get(found.decided_by) if found.decided_by else None
    return page(
        "supplement.html",
        status,
        supplement=found,
        line=found.line,
        open=found.line.state is State.SUBMITTED,
        kind_label=class_map.current().label(found.line.kind),
        advice=advice_for(found.media_type, found.facts, pages if isinstance(pages, int) else None),
        rule=scan_rule(),
        reasons=RETURN_REASONS,
        max_words=MAX_STATEMENT,
        decider=decider,
        problem=problem_of(error) if error is not None else None,
        typed=request.form,
        tried=request.path.rsplit("/", 1)[-1] if error is not None else "",
        **entry_choices(),
    )


def _decide(supplement_id: UUID, act: Callable[[], SupplementView], note: str) -> Response:
    try:
        done = act()
    except (Invalid, VersionMismatch, Conflict) as error:
        return _show(
            parts().supplement_desk.supplement(current_actor(), supplement_id), problem_of(error).status, error
        )
    if done.material_id is not None:
        # the way on leads to the material: the review says why it is opened
        parts().purposes.open(current_actor(), done.line.graduate_id, "review", reference=done.line.number, quiet=True)
    return go(f"/console/supplements/{supplement_id}", note)


def add_supplements(console: Blueprint) -> None:
    @console.get("/supplements")
    @desk(*DESK)
    def supplements() -> Response:
        return _queue()

    @console.get("/supplements/<uuid:supplement_id>")
    @desk(*DESK)
    def supplement(supplement_id: UUID) -> Response:
        return _show(parts().supplement_desk.supplement(current_actor(), supplement_id))

    @console.get("/supplements/<uuid:supplement_id>/preview")
    @desk(*DESK)
    def supplement_preview(supplement_id: UUID) -> Response:
        return preview_response(parts().supplement_desk.preview(current_actor(), supplement_id))

    @console.get("/supplements/<uuid:supplement_id>/file")
    @desk(*DESK)
    def supplement_file(supplement_id: UUID) -> Response:
        media_type, data = parts().supplement_desk.file(current_actor(), supplement_id)
        return file_response(media_type, data, f"supplement.{SUFFIXES[media_type]}")

    @console.post("/supplements/<uuid:supplement_id>/accept")
    @desk(*DESK)
    def accept_supplement(supplement_id: UUID) -> Response:
        actor = current_actor()
        return _decide(
            supplement_id,
            lambda: parts().supplement_desk.accept(
                actor, supplement_id, forms.version(), entry_from_form(), allow_same=forms.ticked("allow_same")
            ),
            "supplement_accepted",
        )

    @console.post("/supplements/<uuid:supplement_id>/return")
    @desk(*DESK)
    def return_supplement(supplement_id: UUID) -> Response:
        actor = current_actor()
        return _decide(
            supplement_id,
            lambda: parts().supplement_desk.give_back(
                actor, supplement_id, forms.version(), forms.text("reason"), forms.text("words").strip()
            ),
            "supplement_returned",
        )
