"""One graduate's paper dossier: where it is and was, its loans, lending it, and its printable code."""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, Response, request

from app.custody.rules import BORROWER_LABELS, LOAN_DAYS, MOVERS, PURPOSE_LABELS, READERS, Borrower, Purpose, Wish
from app.errors import Conflict, DomainError, FieldFault, Invalid
from app.problems import problem_of
from auth.guards import current_actor
from staff_console import forms
from staff_console.custody import staff_names
from staff_console.gate import desk
from staff_console.graduates import graduate_or_404
from staff_console.parts import parts
from staff_console.qr import qr_svg
from staff_console.render import go, page


def _show(graduate_id: UUID, status: int = 200, error: DomainError | None = None) -> Response:
    actor, found = current_actor(), graduate_or_404(graduate_id)
    paper = parts().custody.paper(actor, graduate_id)
    may_lend = actor.has_role(*MOVERS) and paper.lendable
    movers = sorted({m.staff_id for m in paper.moves if m.staff_id})
    return page(
        "paper.html",
        status,
        graduate=found,
        tab="paper",
        paper=paper,
        may_lend=may_lend,
        borrowers=parts().custody.borrowers(actor) if may_lend else (),
        borrower_kinds=BORROWER_LABELS,
        purposes=PURPOSE_LABELS,
        days=LOAN_DAYS,
        staff={**parts().people.staff_names(movers), **staff_names(list(paper.loans))},
        typed=request.form,
        problem=problem_of(error) if error is not None else None,
    )


def _wish() -> Wish:
    """Raises Invalid by field."""
    borrower, purpose = forms.choice(Borrower, "borrower"), forms.choice(Purpose, "purpose")
    days, chosen = forms.text("days").strip(), forms.text("staff").strip()
    if not (days.isascii() and days.isdigit() and len(days) < 4):
        raise Invalid("invalid_input", faults=[FieldFault("/days", "loan_days")])
    if borrower is Borrower.OUTSIDE:
        name, unit, letter = (forms.text(field) for field in ("name", "unit", "letter"))
        return Wish(borrower, purpose, int(days), name=name, unit=unit, letter=letter)
    try:
        staff_id = UUID(chosen) if chosen else None
    except ValueError:
        raise Invalid("invalid_input", faults=[FieldFault("/staff", "unknown_staff")]) from None
    return Wish(borrower, purpose, int(days), leaves_house=forms.ticked("leaves_house"), staff_id=staff_id)


def add_paper(console: Blueprint) -> None:
    @console.get("/graduates/<uuid:graduate_id>/paper")
    @desk(*READERS)
    def paper(graduate_id: UUID) -> Response:
        return _show(graduate_id)

    @console.post("/graduates/<uuid:graduate_id>/paper/loans")
    @desk(*MOVERS)
    def ask_loan(graduate_id: UUID) -> Response:
        graduate_or_404(graduate_id)
        try:
            wish = _wish()
            parts().loans.ask(current_actor(), graduate_id, wish)
        except (Invalid, Conflict) as error:
            return _show(graduate_id, problem_of(error).status, error)
        done = "loan_requested" if wish.takes_two else "loan_lent"
        return go(f"/console/graduates/{graduate_id}/paper", done)

    @console.get("/graduates/<uuid:graduate_id>/paper/label")
    @desk(*READERS)
    def paper_label(graduate_id: UUID) -> Response:
        found = graduate_or_404(graduate_id)
        view = parts().custody.paper(current_actor(), graduate_id)
        return page("paper_label.html", graduate=found, paper=view, qr=qr_svg(view.code))
