"""Sealing many at one sitting: the first person scans a tray and shows its photo, the second scans it again."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from flask import Blueprint, Response, request

from app.errors import DomainError, Invalid
from app.problems import problem_of
from app.transfers.sealing import MOST, Outcome, Scanned, pairs
from auth.guards import current_actor
from staff_console import forms
from staff_console.gate import READERS, desk
from staff_console.parts import parts
from staff_console.render import go, page
from staff_console.transfers import photo_sent

PATH = "/console/sealing"


def _show(
    status: int = 200,
    error: DomainError | None = None,
    tried: str = "",
    left: str = "",
    outcomes: Sequence[Outcome] = (),
) -> Response:
    """With what went wrong, as a whole or pair by pair; what was scanned and did not go stays in its field."""
    actor, number = current_actor(), forms.page_number(request.args)
    lines, total = parts().sealing.waiting(actor, offset=(number - 1) * forms.PAGE_SIZE, limit=forms.PAGE_SIZE)
    wrong = [(o.scanned, problem_of(o.error)) for o in outcomes if o.error is not None]
    return page(
        "sealing.html",
        status,
        lines=lines,
        total=total,
        names=parts().people.names([line.graduate_id for line in lines]),
        unsealed=parts().sealing.unsealed(actor),
        most=MOST,
        number=number,
        last=forms.last_page(total),
        tried=tried,
        left=left or "\n".join(f"{pair.transfer}\n{pair.seal}" for pair, _ in wrong),
        wrong=wrong,
        went_well=len(outcomes) - len(wrong),
        problem=problem_of(error) if error is not None else None,
    )


def _attempt(tried: str, deed: Callable[[Sequence[Scanned]], Sequence[Outcome]], done: str) -> Response:
    scanned = forms.text("scanned")
    try:
        outcomes = deed(pairs(scanned))
    except Invalid as error:
        return _show(problem_of(error).status, error, tried, scanned)
    if all(outcome.error is None for outcome in outcomes):
        return go(PATH, done)
    return _show(409, tried=tried, outcomes=outcomes)


def add_sealing(console: Blueprint) -> None:
    @console.get("/sealing")
    @desk(*READERS)
    def sealing() -> Response:
        return _show()

    @console.post("/sealing/propose")
    @desk(*READERS)
    def propose_seals() -> Response:
        return _attempt(
            "propose", lambda found: parts().sealing.propose(current_actor(), found, photo_sent()), "seals_proposed"
        )

    @console.post("/sealing/confirm")
    @desk(*READERS)
    def confirm_seals() -> Response:
        return _attempt("confirm", lambda found: parts().sealing.confirm(current_actor(), found), "seals_confirmed")
