"""The desk's queues: counts, filters, saved views, pages, and the list as a table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import parse_qsl, urlencode
from uuid import UUID, uuid4

from flask import Blueprint, Response, request
from werkzeug.datastructures import MultiDict

from app.corrections import queue_rules, rules
from app.corrections.assigning import DUTY_KEEPERS, HOW_LABELS
from app.corrections.queue_rules import COUNT_MOST, Cursor, Queue, Wanted
from app.corrections.queues import QueueLine
from app.corrections.views import TicketLine
from app.dossiers.rules import SECTIONS
from app.errors import Conflict, DomainError, Invalid
from app.problems import problem_of
from auth.guards import current_actor
from staff_console import forms
from staff_console.csv_files import csv_file
from staff_console.gate import DESK, desk
from staff_console.home import dues
from staff_console.parts import parts
from staff_console.render import fragment, go, page, wants_fragment
from staff_console.words import day, moment, section

PATH = "/console/tickets"
HEADINGS = (
    "编号",
    "类别",
    "状态",
    "学院",
    "毕业生（已遮盖）",
    "涉及",
    "提交时间",
    "首次答复期限",
    "办结期限",
    "办结时间",
    "经办人",
    "最近变化",
)


def wanted_of(args: MultiDict[str, str]) -> Wanted:
    """The list an address asks for."""
    pairs = dict(args.items())
    pairs["columns"] = ",".join(args.getlist("columns"))
    return queue_rules.read(pairs)


def address(wanted: Wanted, cursor: Cursor | None = None, path: str = PATH, **more: str) -> str:
    pairs = {**wanted.pairs(), **({"at": cursor.text()} if cursor is not None else {}), **more}
    return f"{path}?{urlencode(pairs)}" if pairs else path


def from_form() -> Wanted:
    """The list a form stood beside, from its hidden query."""
    return queue_rules.read(dict(parse_qsl(request.form.get("query", "")[:2000])))


def capped(count: int) -> str:
    return f"{COUNT_MOST - 1}+" if count >= COUNT_MOST else str(count)


def show_queue(wanted: Wanted, status: int = 200, error: DomainError | None = None) -> Response:
    """The lines asked for; htmx gets them without the page around."""
    actor = current_actor()
    found = parts().ticket_queues.page(actor, wanted)
    lines = [row.line for row in found.lines]
    members = parts().ticket_queues.handlers(actor)
    context: dict[str, Any] = {
        "wanted": wanted,
        "rows": found.lines,
        "previous": address(wanted, found.previous) if found.previous else "",
        "following": address(wanted, found.following) if found.following else "",
        "first": address(wanted),
        "query": urlencode(wanted.pairs()),
        "everything": request.args.get("pick") == "all",
        "pick_all": address(wanted, wanted.cursor, pick="all"),
        "dues": dues(lines),
        "handlers": _handlers(lines, members),
        "closed_states": rules.CLOSED,
        "columns": {c.value for c in wanted.columns},
        "run_id": request.form.get("run") or str(uuid4()),
        "members": members,
        "hows": HOW_LABELS,
        "macros": parts().macros.macros(actor),
        "problem": problem_of(error) if error is not None else None,
        "typed": request.form,
        "picked": set(request.form.getlist("pick")),
    }
    if wants_fragment():
        return fragment("_queue.html", status, **context)
    return page("queue.html", status, **context, **_around(wanted))


def _handlers(lines: Sequence[TicketLine], members: Sequence[tuple[UUID, str]]) -> dict[UUID, str]:
    """Who works them, by name; asked for only where somebody is no longer of the desk."""
    names = dict(members)
    gone = {t.assigned_to for t in lines if t.assigned_to} - names.keys()
    return names | parts().people.staff_names(list(gone))


def _around(wanted: Wanted) -> dict[str, Any]:
    """What stands around the list on a whole page."""
    actor = current_actor()
    counts = parts().ticket_queues.counts(actor)
    colleges = parts().ticket_queues.colleges(actor)
    return {
        "queues": [
            (q, label, address(Wanted(queue=q, columns=wanted.columns)), capped(counts[q]) if q in counts else "")
            for q, label in queue_rules.QUEUE_LABELS.items()
        ],
        "late": counts[Queue.OVERDUE],
        "views": [(v, address(queue_rules.read(v.pairs))) for v in parts().saved_views.views(actor)],
        "states": rules.STATE_LABELS,
        "kinds": rules.KINDS,
        "sections": SECTIONS,
        "facts": queue_rules.FACT_LABELS,
        "orders": queue_rules.ORDER_LABELS,
        "all_columns": queue_rules.COLUMN_LABELS,
        "colleges": sorted({*colleges, wanted.college} - {""}),
        "export": address(wanted, path=f"{PATH}.csv"),
        "may_set_teams": actor.has_role(*DUTY_KEEPERS),
    }


def _csv_rows(rows: Sequence[QueueLine]) -> Iterator[Sequence[object]]:
    names = parts().people.staff_names([r.line.assigned_to for r in rows if r.line.assigned_to])
    yield HEADINGS
    for row in rows:
        line = row.line
        yield (
            line.number,
            line.kind_label,
            line.state_label,
            row.college,
            line.graduate_name,
            section(line.section),
            moment(line.opened_at),
            day(line.answer_by),
            day(line.decide_by),
            moment(row.decided_at),
            names.get(line.assigned_to, "") if line.assigned_to else "未分派",
            moment(row.touched_at),
        )


def add_queue(console: Blueprint) -> None:
    @console.get("/tickets")
    @desk(*DESK, whole=True)
    def queue() -> Response:
        return show_queue(wanted_of(request.args))

    @console.get("/tickets.csv")
    @desk(*DESK)
    def queue_csv() -> Response:
        wanted = wanted_of(request.args)
        rows = parts().ticket_queues.export(current_actor(), wanted)
        return csv_file(f"更正申请-{queue_rules.QUEUE_LABELS[wanted.queue]}.csv", _csv_rows(rows))

    @console.post("/tickets/views")
    @desk(*DESK)
    def save_view() -> Response:
        wanted = from_form()
        try:
            parts().saved_views.save(current_actor(), forms.text("name"), wanted.pairs(), shared=forms.ticked("shared"))
        except (Invalid, Conflict) as error:
            return show_queue(wanted, problem_of(error).status, error)
        return go(address(wanted), "view_saved")

    @console.post("/tickets/views/<uuid:view_id>/remove")
    @desk(*DESK)
    def remove_view(view_id: UUID) -> Response:
        parts().saved_views.forget(current_actor(), view_id)
        return go(address(from_form()), "view_removed")
