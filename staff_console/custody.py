"""The paper's custody: what waits, loans by filter, what waits for a place, and returns by scanner."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

from flask import Blueprint, Response, request

from app.custody.reading import SHOWN_LABELS, Shown
from app.custody.rules import CONDITION_LABELS, MOVERS, READERS, Condition
from app.custody.views import LoanView
from app.errors import Conflict, DomainError, Invalid
from app.problems import problem_of
from auth.guards import current_actor
from staff_console import forms
from staff_console.gate import desk
from staff_console.parts import parts
from staff_console.render import go, page

PATH = "/console/custody"


def staff_names(loans: list[LoanView]) -> dict[UUID, str]:
    """Names of everybody who had to do with these loans."""
    about = {s for v in loans for s in (v.line.staff_id, v.first_staff, v.second_staff, v.returned_by) if s}
    return parts().people.staff_names(sorted(about))


def _shown() -> Shown:
    name = request.args.get("shown", "")
    return Shown(name) if name in set(Shown) else Shown.OPEN


def _returns(
    status: int = 200, error: DomainError | None = None, back: LoanView | None = None, note: str = "", chosen: str = ""
) -> Response:
    paper = None if back is None else parts().custody.paper(current_actor(), back.line.graduate_id)
    return page(
        "custody_returns.html",
        status,
        back=back,
        paper=paper,
        names={} if back is None else parts().people.names([back.line.graduate_id]),
        conditions=CONDITION_LABELS,
        note=note,
        chosen=chosen or Condition.INTACT.value,
        problem=problem_of(error) if error is not None else None,
    )


def _take_back() -> Response:
    actor, code = current_actor(), forms.text("code")
    note, chosen = forms.text("note"), request.form.get("condition", "")
    try:
        condition = forms.choice(Condition, "condition")
        loan_id = parts().loans.lent_as(actor, code)
        parts().loans.give_back(actor, loan_id, condition, note)
    except (Invalid, Conflict) as error:
        return _returns(problem_of(error).status, error, note=note, chosen=chosen)
    return _returns(back=parts().custody.loan(actor, loan_id))


def _loan_page(loan_id: UUID, status: int = 200, error: DomainError | None = None) -> Response:
    actor = current_actor()
    loan = parts().custody.loan(actor, loan_id)
    return page(
        "custody_loan.html",
        status,
        loan=loan,
        graduate_name=parts().people.names([loan.line.graduate_id]).get(loan.line.graduate_id, "—"),
        staff=staff_names([loan]),
        conditions=CONDITION_LABELS,
        may_move=actor.has_role(*MOVERS),
        typed=request.form,
        problem=problem_of(error) if error is not None else None,
    )


def _attempt(loan_id: UUID, done: str, deed: Callable[[], object]) -> Response:
    parts().custody.loan(current_actor(), loan_id)
    try:
        deed()
    except (Invalid, Conflict) as error:
        return _loan_page(loan_id, problem_of(error).status, error)
    return go(f"{PATH}/loans/{loan_id}", done)


def add_custody(console: Blueprint) -> None:
    @console.get("/custody")
    @desk(*READERS)
    def custody() -> Response:
        actor, number, shown = current_actor(), forms.page_number(request.args), _shown()
        loans, total = parts().custody.loans(actor, shown, offset=(number - 1) * forms.PAGE_SIZE, limit=forms.PAGE_SIZE)
        return page(
            "custody.html",
            loans=loans,
            total=total,
            shown=shown,
            labels=SHOWN_LABELS,
            counts=parts().custody.counts(actor),
            names=parts().people.names([line.graduate_id for line in loans]),
            staff=parts().people.staff_names([line.staff_id for line in loans if line.staff_id]),
            may_move=actor.has_role(*MOVERS),
            number=number,
            last=forms.last_page(total),
        )

    @console.get("/custody/unplaced")
    @desk(*READERS)
    def custody_unplaced() -> Response:
        number = forms.page_number(request.args)
        lines, total = parts().custody.unplaced(
            current_actor(), offset=(number - 1) * forms.PAGE_SIZE, limit=forms.PAGE_SIZE
        )
        names = parts().people.names([line.graduate_id for line in lines])
        return page(
            "custody_unplaced.html", lines=lines, total=total, names=names, number=number, last=forms.last_page(total)
        )

    @console.get("/custody/returns")
    @desk(*MOVERS)
    def custody_returns() -> Response:
        return _returns()

    @console.post("/custody/returns")
    @desk(*MOVERS)
    def custody_take_back() -> Response:
        return _take_back()

    _add_loans(console)


def _add_loans(console: Blueprint) -> None:
    @console.get("/custody/loans/<uuid:loan_id>")
    @desk(*READERS)
    def custody_loan(loan_id: UUID) -> Response:
        return _loan_page(loan_id)

    @console.post("/custody/loans/<uuid:loan_id>/approve")
    @desk(*READERS)
    def approve_loan(loan_id: UUID) -> Response:
        return _attempt(loan_id, "loan_approved", lambda: parts().loans.approve(current_actor(), loan_id))

    @console.post("/custody/loans/<uuid:loan_id>/refuse")
    @desk(*READERS)
    def refuse_loan(loan_id: UUID) -> Response:
        return _attempt(
            loan_id, "loan_refused", lambda: parts().loans.refuse(current_actor(), loan_id, forms.text("reason"))
        )

    @console.post("/custody/loans/<uuid:loan_id>/withdraw")
    @desk(*MOVERS)
    def withdraw_loan(loan_id: UUID) -> Response:
        return _attempt(loan_id, "loan_withdrawn", lambda: parts().loans.withdraw(current_actor(), loan_id))

    @console.post("/custody/loans/<uuid:loan_id>/extend")
    @desk(*MOVERS)
    def extend_loan(loan_id: UUID) -> Response:
        return _attempt(
            loan_id, "loan_extended", lambda: parts().loans.extend(current_actor(), loan_id, forms.text("reason"))
        )

    @console.post("/custody/loans/<uuid:loan_id>/return")
    @desk(*MOVERS)
    def return_loan(loan_id: UUID) -> Response:
        return _attempt(
            loan_id,
            "loan_returned",
            lambda: parts().loans.give_back(
                current_actor(), loan_id, forms.choice(Condition, "condition"), forms.text("note")
            ),
        )

    @console.post("/custody/loans/<uuid:loan_id>/settle")
    @desk(*MOVERS)
    def settle_loan(loan_id: UUID) -> Response:
        return _attempt(
            loan_id, "loan_settled", lambda: parts().loans.settle(current_actor(), loan_id, forms.text("settled"))
        )
