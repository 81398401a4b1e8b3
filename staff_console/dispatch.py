"""Handing over in batches: scan slip and waybill in turn, then one act. Made for keyboard-wedge scanners."""

from __future__ import annotations

import re
from collections.abc import Callable
from uuid import UUID

from flask import Blueprint, Response, request

from app.errors import Conflict, DomainError, Invalid, NotFound
from app.problems import problem_of
from app.transfers.batch_models import BATCH_LABELS, ITEM_LABELS, BatchState
from app.transfers.labels import NUMBER
from app.transfers.states import CHANNEL_LABELS, Channel
from app.wording.transfers import words_for
from auth.guards import current_actor
from staff_console import forms
from staff_console.gate import MOVERS, desk
from staff_console.parts import parts
from staff_console.render import fragment, go, page

ITEMS_SHOWN = 50
# a slip, also one read in part; S10 numbers (two letters, nine digits, a country) are waybills whatever they begin with
OF_A_SLIP = re.compile(r"ZD(?!\d{9}[A-Z]{2}$)")
OF_THE_WAYBILL = frozenset({"invalid_input", "tracking_number_used"})


def _path(batch_id: UUID) -> str:
    return f"/console/dispatch/{batch_id}"


def _show(
    batch_id: UUID, status: int = 200, error: DomainError | None = None, scanned: str = "", template: str = ""
) -> Response:
    actor = current_actor()
    number = forms.page_number(request.args)
    batch = parts().dispatching.batch(actor, batch_id)
    items = parts().dispatching.items(actor, batch_id, offset=(number - 1) * ITEMS_SHOWN, limit=ITEMS_SHOWN)
    draw = fragment if template else page
    return draw(
        template or "dispatch_batch.html",
        status,
        batch=batch,
        items=items,
        names=parts().people.names([i.graduate_id for i in items]),
        number=number,
        last=max(1, -(-batch.total // ITEMS_SHOWN)),
        scanned=scanned,
        labels=BATCH_LABELS,
        item_labels=ITEM_LABELS,
        words_for=words_for,
        problem=problem_of(error) if error is not None else None,
    )


def _attempt(batch_id: UUID, deed: Callable[[], object], done: str) -> Response:
    try:
        deed()
    except (Conflict, Invalid) as error:
        return _show(batch_id, problem_of(error).status, error)
    return go(_path(batch_id), done)


def _scan(batch_id: UUID) -> Response:
    """One reading of the scanner: a slip first, then its waybill. A second slip takes the first one's place."""
    code, before = forms.text("code").strip().upper(), forms.text("scanned").strip().upper()
    actor, desk_of = current_actor(), parts().dispatching
    try:
        if OF_A_SLIP.match(code):
            return _show(batch_id, scanned=desk_of.expects(actor, code))
        if not before:
            desk_of.expects(actor, code)
        desk_of.add(actor, batch_id, before, code)
    except (Conflict, Invalid, NotFound) as error:
        # another waybill may still be right for this slip; whatever else is wrong, is wrong with the slip
        keep = before if error.code in OF_THE_WAYBILL and not NUMBER.fullmatch(code) else ""
        return _show(batch_id, problem_of(error).status, error, keep)
    return go(_path(batch_id), "dispatch_scanned")


def add_dispatch(console: Blueprint) -> None:
    @console.get("/dispatch")
    @desk(*MOVERS)
    def dispatch_batches() -> Response:
        number = forms.page_number(request.args)
        batches, total = parts().dispatching.batches(
            current_actor(), offset=(number - 1) * forms.PAGE_SIZE, limit=forms.PAGE_SIZE
        )
        return page(
            "dispatch.html",
            batches=batches,
            labels=BATCH_LABELS,
            channels=CHANNEL_LABELS,
            number=number,
            last=forms.last_page(total),
            total=total,
            problem=None,
        )

    @console.post("/dispatch")
    @desk(*MOVERS)
    def begin_dispatch() -> Response:
        return go(_path(parts().dispatching.begin(current_actor(), forms.choice(Channel, "channel"))), "dispatch_begun")

    @console.get("/dispatch/<uuid:dispatch_id>")
    @desk(*MOVERS)
    def dispatch_batch(dispatch_id: UUID) -> Response:
        part = "_dispatch_progress.html" if request.args.get("part") == "progress" else ""
        if part and parts().dispatching.batch(current_actor(), dispatch_id).state is not BatchState.RUNNING:
            answer = _show(dispatch_id, template=part)
            answer.headers["HX-Refresh"] = "true"
            return answer
        return _show(dispatch_id, template=part)

    @console.post("/dispatch/<uuid:dispatch_id>/scan")
    @desk(*MOVERS)
    def scan_dispatch(dispatch_id: UUID) -> Response:
        return _scan(dispatch_id)

    @console.post("/dispatch/<uuid:dispatch_id>/items/<uuid:entry_id>/remove")
    @desk(*MOVERS)
    def remove_dispatch_item(dispatch_id: UUID, entry_id: UUID) -> Response:
        return _attempt(
            dispatch_id, lambda: parts().dispatching.remove(current_actor(), dispatch_id, entry_id), "dispatch_removed"
        )

    @console.post("/dispatch/<uuid:dispatch_id>/hand-over")
    @desk(*MOVERS)
    def hand_over_dispatch(dispatch_id: UUID) -> Response:
        return _attempt(
            dispatch_id, lambda: parts().dispatching.hand_over(current_actor(), dispatch_id), "dispatch_running"
        )

    @console.post("/dispatch/<uuid:dispatch_id>/drop")
    @desk(*MOVERS)
    def drop_dispatch(dispatch_id: UUID) -> Response:
        return _attempt(dispatch_id, lambda: parts().dispatching.drop(current_actor(), dispatch_id), "dispatch_dropped")
