"""Transfers: what is under way, opening one, moving it on with its proof."""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, Response, request

from app.errors import Conflict, DomainError, Invalid, NotFound, VersionMismatch
from app.problems import problem_of
from app.transfers.rules import CHANNEL_LABELS, OPEN, UNSEALING, Channel, State
from auth.guards import current_actor
from staff_console import forms
from staff_console.gate import MOVERS, READERS, desk
from staff_console.graduates import graduate_or_404
from staff_console.parts import parts
from staff_console.render import go, page


def _path(graduate_id: UUID) -> str:
    return f"/console/graduates/{graduate_id}/transfers"


def _show(graduate_id: UUID, status: int = 200, error: DomainError | None = None) -> Response:
    """A graduate's transfers; with an error, what was typed stays."""
    actor = current_actor()
    found = graduate_or_404(graduate_id)
    views = parts().transfers.of_graduate(actor, graduate_id)
    return page(
        "transfers.html",
        status,
        graduate=found,
        tab="transfers",
        views=views,
        checked=next(iter(parts().checks.runs_of(actor, graduate_id, 1)), None),
        under_way=next((v for v in views if v.state in OPEN), None),
        backwards=UNSEALING,
        channels=CHANNEL_LABELS,
        may_move=actor.has_role(*MOVERS),
        problem=problem_of(error) if error is not None else None,
        typed=request.form,
    )


def _open(graduate_id: UUID) -> None:
    parts().transfers.open(
        current_actor(),
        graduate_id,
        channel=forms.choice(Channel, "channel"),
        receiver_name=forms.text("receiver_name"),
        receiver_address=forms.text("receiver_address"),
    )


def _move(graduate_id: UUID, transfer_id: UUID) -> None:
    actor = current_actor()
    if transfer_id not in {v.id for v in parts().transfers.of_graduate(actor, graduate_id)}:
        raise NotFound("transfer_not_found")
    target, proof = forms.choice(State, "target"), forms.text("proof")
    parts().transfers.move(actor, transfer_id, forms.version(), target, proof)


def add_transfers(console: Blueprint) -> None:
    @console.get("/transfers")
    @desk(*MOVERS)
    def transfers_under_way() -> Response:
        number = forms.page_number(request.args)
        lines, total = parts().transfers.under_way(
            current_actor(), offset=(number - 1) * forms.PAGE_SIZE, limit=forms.PAGE_SIZE
        )
        names = parts().people.names([t.graduate_id for t in lines])
        return page(
            "transfers_under_way.html",
            lines=lines,
            total=total,
            names=names,
            number=number,
            last=forms.last_page(total),
        )

    @console.get("/graduates/<uuid:graduate_id>/transfers")
    @desk(*READERS)
    def transfers(graduate_id: UUID) -> Response:
        return _show(graduate_id)

    @console.post("/graduates/<uuid:graduate_id>/transfers")
    @desk(*MOVERS)
    def open_transfer(graduate_id: UUID) -> Response:
        graduate_or_404(graduate_id)
        try:
            _open(graduate_id)
        except (Invalid, Conflict) as error:
            return _show(graduate_id, problem_of(error).status, error)
        return go(_path(graduate_id), "transfer_opened")

    @console.post("/graduates/<uuid:graduate_id>/transfers/<uuid:transfer_id>/move")
    @desk(*MOVERS)
    def move_transfer(graduate_id: UUID, transfer_id: UUID) -> Response:
        graduate_or_404(graduate_id)
        try:
            _move(graduate_id, transfer_id)
        except (Invalid, Conflict, VersionMismatch) as error:
            return _show(graduate_id, problem_of(error).status, error)
        return go(_path(graduate_id), "transfer_moved")
