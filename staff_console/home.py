"""The first page: what to do next, not a menu."""

from __future__ import annotations

from flask import Blueprint, Response

from app.actors import Role
from auth.guards import current_actor
from staff_console.gate import desk
from staff_console.governance import for_home
from staff_console.parts import parts
from staff_console.render import page
from staff_console.work_list import damaged, work_list
from staff_console.work_list import dues as dues


def add_home(console: Blueprint) -> None:
    @console.get("/")
    @desk()
    def home() -> Response:
        actor = current_actor()
        work = work_list(actor)
        return page(
            "home.html",
            work=work,
            damaged=damaged(actor),
            clock_notices=parts().clock_board.notices(actor),
            opened=parts().links.opened_by_others(actor) if actor.has_role(Role.ADMINISTRATOR) else [],
            notices=parts().staff_notices.unread(actor),
            dues=dues(work.lines),
            handlers=parts().people.staff_names([t.assigned_to for t in work.lines if t.assigned_to]),
            **for_home(actor),
        )
