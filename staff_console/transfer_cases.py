"""Where receivers' counts and catalogues differ: the list, and settling a case."""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, Response, request

from auth.guards import current_actor
from staff_console import forms
from staff_console.gate import MOVERS, desk
from staff_console.parts import parts
from staff_console.render import page
from staff_console.transfers import attempt


def add_transfer_cases(console: Blueprint) -> None:
    @console.get("/transfers/cases")
    @desk(*MOVERS)
    def transfer_cases() -> Response:
        number = forms.page_number(request.args)
        lines, total = parts().transfer_cases.waiting(
            current_actor(), offset=(number - 1) * forms.PAGE_SIZE, limit=forms.PAGE_SIZE
        )
        names = parts().people.names([line.graduate_id for line in lines])
        return page(
            "transfer_cases.html", lines=lines, total=total, names=names, number=number, last=forms.last_page(total)
        )

    @console.post("/graduates/<uuid:graduate_id>/transfers/<uuid:transfer_id>/cases/<uuid:case_id>/settle")
    @desk(*MOVERS)
    def settle_case(graduate_id: UUID, transfer_id: UUID, case_id: UUID) -> Response:
        def settled() -> str:
            parts().transfer_cases.settle(current_actor(), graduate_id, transfer_id, case_id, forms.text("settled"))
            return "case_settled"

        return attempt(graduate_id, settled)
