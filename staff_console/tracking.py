"""Carriers' traces: the list of those that need a look, a question out of turn, and ticking off."""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, Response, request

from app.transfers.tracking_desk import Asked
from auth.guards import current_actor
from staff_console import forms
from staff_console.gate import MOVERS, desk
from staff_console.parts import parts
from staff_console.render import page
from staff_console.transfers import attempt

NOTES = {
    Asked.ANSWERED: "tracking_asked",
    Asked.AWAY: "not_tracking_away",
    Asked.JUST_ASKED: "tracking_just_asked",
}


def add_tracking(console: Blueprint) -> None:
    @console.get("/transfers/tracking")
    @desk(*MOVERS)
    def tracking_looks() -> Response:
        number = forms.page_number(request.args)
        lines, total = parts().tracking_desk.looks(
            current_actor(), offset=(number - 1) * forms.PAGE_SIZE, limit=forms.PAGE_SIZE
        )
        names = parts().people.names([line.graduate_id for line in lines])
        return page(
            "tracking_looks.html", lines=lines, total=total, names=names, number=number, last=forms.last_page(total)
        )

    @console.post("/graduates/<uuid:graduate_id>/transfers/<uuid:transfer_id>/tracking")
    @desk(*MOVERS)
    def ask_carrier(graduate_id: UUID, transfer_id: UUID) -> Response:
        return attempt(graduate_id, lambda: NOTES[parts().tracking_desk.ask(current_actor(), graduate_id, transfer_id)])

    @console.post("/graduates/<uuid:graduate_id>/transfers/<uuid:transfer_id>/tracking/<int:number>/seen")
    @desk(*MOVERS)
    def tracking_seen(graduate_id: UUID, transfer_id: UUID, number: int) -> Response:
        def seen() -> str:
            parts().tracking_desk.seen(current_actor(), graduate_id, transfer_id, number)
            return "tracking_seen"

        return attempt(graduate_id, seen)
