"""Finding a graduate and the page about one: card, tickets, transfers, accounts."""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, Response

from app.errors import NotFound
from app.people.service import GraduateView
from app.problems import problem_of
from auth.guards import current_actor
from staff_console import forms
from staff_console.gate import DESK, READERS, desk
from staff_console.home import dues
from staff_console.parts import parts
from staff_console.render import go, page

MAX_NUMBER = 40


def graduate_or_404(graduate_id: UUID) -> GraduateView:
    """The masked card every page about a graduate is headed by."""
    return parts().people.shown_to_staff(current_actor(), graduate_id)


def add_graduates(console: Blueprint) -> None:
    @console.get("/graduates")
    @desk(*READERS)
    def find() -> Response:
        return page("find.html", problem=None, number="")

    @console.post("/graduates/find")
    @desk(*READERS)
    def find_done() -> Response:
        # a POST, so that the number stands in no address, history or access log
        number = forms.text("student_number").strip()[:MAX_NUMBER]
        try:
            found = parts().people.find_by_student_number(current_actor(), number)
        except NotFound as error:
            return page("find.html", 404, problem=problem_of(error), number=number)
        return go(f"/console/graduates/{found.id}")

    @console.get("/graduates/<uuid:graduate_id>")
    @desk(*READERS)
    def graduate(graduate_id: UUID) -> Response:
        actor = current_actor()
        found = graduate_or_404(graduate_id)
        tickets = parts().desk.tickets_of(actor, graduate_id) if actor.has_role(*DESK) else None
        return page(
            "graduate.html",
            graduate=found,
            tab="overview",
            tickets=tickets,
            dues=dues(tickets or []),
            transfers=parts().transfers.of_graduate(actor, graduate_id),
            accounts=parts().people.identities_of(graduate_id),
        )
