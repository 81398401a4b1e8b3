"""The first page: what waits for this person, not a menu."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response

from app.actors import Actor
from app.corrections.views import TicketLine
from auth.guards import current_actor
from staff_console.fixity import WATCHERS
from staff_console.gate import DESK, MOVERS, desk
from staff_console.governance import for_home
from staff_console.parts import parts
from staff_console.render import page
from staff_console.words import Due, due, local_day

MINE, NEAREST, MOVING = 8, 8, 8


def dues(lines: list[TicketLine]) -> dict[str, Due]:
    """What to say about each line's deadline, by ticket number."""
    today = local_day(parts().clock.now())
    return {line.number: due(line.decide_by, today) for line in lines}


def _tickets(actor: Actor) -> dict[str, Any]:
    if not actor.has_role(*DESK):
        return {"counts": None}
    mine, mine_total = parts().desk.queue(actor, mine=True, limit=MINE)
    nearest, total = parts().desk.queue(actor, limit=NEAREST)
    return {
        "counts": parts().desk.counts(actor),
        "mine": mine,
        "mine_total": mine_total,
        "nearest": nearest,
        "nearest_total": total,
        "dues": dues([*mine, *nearest]),
        "handlers": parts().people.staff_names([t.assigned_to for t in nearest if t.assigned_to]),
    }


def _transfers(actor: Actor) -> dict[str, Any]:
    if not actor.has_role(*MOVERS):
        return {"moving": None}
    moving, total = parts().transfers.under_way(actor, limit=MOVING)
    names = parts().people.names([t.graduate_id for t in moving])
    return {"moving": moving, "moving_total": total, "names": names}


def _archive(actor: Actor) -> dict[str, Any]:
    """What waits or is amiss besides tickets."""
    return {
        "supplements": parts().supplement_desk.waiting(actor) if actor.has_role(*DESK) else None,
        "damaged": parts().fixity_board.damaged() if actor.has_role(*WATCHERS) else 0,
    }


def add_home(console: Blueprint) -> None:
    @console.get("/")
    @desk()
    def home() -> Response:
        actor = current_actor()
        return page("home.html", **_tickets(actor), **_transfers(actor), **_archive(actor), **for_home(actor))
