"""调取: what content is opened for, asked before it is, and the auditors' register of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from urllib.parse import urlencode
from uuid import UUID

from flask import Blueprint, Response, request
from werkzeug.datastructures import MultiDict

from app.actors import Role
from app.errors import Invalid
from app.problems import problem_of
from app.retrieval.rules import MOST_NOTE, MOST_REFERENCE, PURPOSES
from auth.guards import current_actor
from staff_console import forms
from staff_console.gate import DESK, desk, safe_next
from staff_console.graduates import graduate_or_404
from staff_console.parts import parts
from staff_console.render import go, page


def _day(value: str) -> date | None:
    try:
        return date.fromisoformat(value)
    except ValueError:
        return None


def _id(value: str) -> UUID | None:
    try:
        return UUID(value)
    except ValueError:
        return None


@dataclass(frozen=True, slots=True)
class RegisterFilter:
    staff: UUID | None = None
    purpose: str = ""
    since: date | None = None
    until: date | None = None
    page: int = 1

    @classmethod
    def read(cls, args: MultiDict[str, str]) -> RegisterFilter:
        wanted = args.get("purpose", "")
        return cls(
            _id(args.get("staff", "")),
            wanted if wanted in PURPOSES else "",
            _day(args.get("since", "")),
            _day(args.get("until", "")),
            forms.page_number(args),
        )

    @property
    def narrowed(self) -> bool:
        return bool(self.staff or self.purpose or self.since or self.until)

    def url(self, page: int) -> str:
        pairs = {
            "staff": str(self.staff or ""),
            "purpose": self.purpose,
            "since": self.since.isoformat() if self.since else "",
            "until": self.until.isoformat() if self.until else "",
            "page": str(page) if page > 1 else "",
        }
        query = urlencode({k: v for k, v in pairs.items() if v})
        return f"/console/retrieval/purposes?{query}" if query else "/console/retrieval/purposes"


def _next(graduate_id: UUID, given: str) -> str:
    target = safe_next(given)
    return target if target != "/console/" else f"/console/graduates/{graduate_id}/dossier"


def _ask(graduate_id: UUID, target: str, status: int = 200, error: Invalid | None = None) -> Response:
    return page(
        "purpose.html",
        status,
        graduate=graduate_or_404(graduate_id),
        tab="dossier",
        purposes={code: rule for code, rule in PURPOSES.items() if rule.offered},
        current=parts().purposes.current(current_actor(), graduate_id),
        target=_next(graduate_id, target),
        problem=problem_of(error) if error is not None else None,
        typed=request.form,
        most_note=MOST_NOTE,
        most_reference=MOST_REFERENCE,
    )


def add_purposes(console: Blueprint) -> None:
    @console.get("/graduates/<uuid:graduate_id>/purpose")
    @desk(*DESK)
    def purpose(graduate_id: UUID) -> Response:
        return _ask(graduate_id, request.args.get("next", ""))

    @console.post("/graduates/<uuid:graduate_id>/purpose")
    @desk(*DESK)
    def purpose_done(graduate_id: UUID) -> Response:
        actor, target = current_actor(), forms.text("next")
        offered = PURPOSES.get(forms.text("purpose"))
        code = forms.text("purpose") if offered is not None and offered.offered else ""
        try:
            parts().purposes.open(actor, graduate_id, code, forms.text("note"), forms.text("reference"))
        except Invalid as error:
            return _ask(graduate_id, target, 422, error)
        return go(_next(graduate_id, target), "purpose_opened")

    @console.get("/retrieval/purposes")
    @desk(Role.AUDITOR)
    def purpose_register() -> Response:
        wanted, actor = RegisterFilter.read(request.args), current_actor()
        lines, total = parts().purposes.register(
            actor,
            staff_id=wanted.staff,
            purpose=wanted.purpose,
            since=wanted.since,
            until=wanted.until,
            offset=(wanted.page - 1) * forms.PAGE_SIZE,
            limit=forms.PAGE_SIZE,
        )
        return page(
            "purposes.html",
            wanted=wanted,
            lines=lines,
            total=total,
            last=forms.last_page(total),
            purposes=PURPOSES,
            staff=parts().people.staff_names(parts().purposes.users(actor)),
        )
