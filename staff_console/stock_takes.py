"""Taking stock of one place with a scanner: what stands there, what stands there by mistake, what is not there."""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, Response, request

from app.custody.rules import MOVERS, READERS
from app.custody.stock_models import FINDING_LABELS, Finding
from app.custody.stock_reading import StockLineView
from app.errors import Conflict, DomainError, Invalid
from app.problems import problem_of
from auth.guards import current_actor
from staff_console import forms
from staff_console.csv_files import csv_file
from staff_console.custody import PATH
from staff_console.gate import desk
from staff_console.parts import parts
from staff_console.render import go, page
from staff_console.words import moment

STOCK = f"{PATH}/stock-takes"
LINES_SHOWN = 50


def _list(status: int = 200, error: DomainError | None = None) -> Response:
    actor, number = current_actor(), forms.page_number(request.args)
    takes, total = parts().stock_reading.takes(actor, offset=(number - 1) * forms.PAGE_SIZE, limit=forms.PAGE_SIZE)
    return page(
        "stock_takes.html",
        status,
        takes=takes,
        total=total,
        staff=parts().people.staff_names([t.begun_by for t in takes]),
        may_move=actor.has_role(*MOVERS),
        typed=request.form,
        number=number,
        last=forms.last_page(total),
        problem=problem_of(error) if error is not None else None,
    )


def _show(
    take_id: UUID,
    status: int = 200,
    error: DomainError | None = None,
    scan: StockLineView | None = None,
    *,
    again: bool = False,
) -> Response:
    """``scan`` is what the scanner has just read; ``again``: for a second time."""
    actor, number = current_actor(), forms.page_number(request.args)
    take, wrong = parts().stock_reading.take(actor, take_id), request.args.get("shown") == "wrong"
    lines, total = parts().stock_reading.lines(
        actor, take_id, wrong=wrong, offset=(number - 1) * LINES_SHOWN, limit=LINES_SHOWN
    )
    about = [line.graduate_id for line in (*lines, *([scan] if scan else [])) if line.graduate_id is not None]
    people = [take.begun_by, take.ended_by, *(line.staff_id for line in lines)]
    return page(
        "stock_take.html",
        status,
        take=take,
        lines=lines,
        total=total,
        wrong=wrong,
        scan=scan,
        again=again,
        findings=FINDING_LABELS,
        names=parts().people.names(about),
        staff=parts().people.staff_names(sorted({p for p in people if p is not None})),
        may_move=actor.has_role(*MOVERS),
        number=number,
        last=max(1, -(-total // LINES_SHOWN)),
        problem=problem_of(error) if error is not None else None,
    )


def _scan(take_id: UUID) -> Response:
    try:
        line_id, fresh = parts().stock_taking.scan(current_actor(), take_id, forms.text("code"))
    except (Invalid, Conflict) as error:
        return _show(take_id, problem_of(error).status, error)
    return _show(take_id, scan=parts().stock_reading.line(current_actor(), take_id, line_id), again=not fresh)


def _report(take_id: UUID) -> Response:
    """Codes, places and findings; whose dossiers they are, the console tells those who may know."""
    actor = current_actor()
    lines, take = parts().stock_reading.report(actor, take_id), parts().stock_reading.take(actor, take_id)
    staff = parts().people.staff_names(sorted({line.staff_id for line in lines if line.staff_id is not None}))
    rows: list[tuple[object, ...]] = [
        ("清点号", "位置", "档案条码", "结果", "登记位置", "已移到本处", "扫描人", "时间")
    ]
    rows += [
        (
            take.number,
            take.place,
            line.code,
            line.label,
            line.place,
            "是" if line.moved_at else "",
            staff.get(line.staff_id, "—") if line.staff_id else "",
            "" if line.finding is Finding.MISSING else moment(line.at),
        )
        for line in lines
    ]
    return csv_file(f"清点-{take.number}.csv", rows)


def add_stock_takes(console: Blueprint) -> None:
    @console.get("/custody/stock-takes")
    @desk(*READERS)
    def stock_takes() -> Response:
        return _list()

    @console.post("/custody/stock-takes")
    @desk(*MOVERS)
    def begin_stock_take() -> Response:
        try:
            take_id = parts().stock_taking.begin(current_actor(), forms.text("code"))
        except (Invalid, Conflict) as error:
            return _list(problem_of(error).status, error)
        return go(f"{STOCK}/{take_id}", "stock_begun")

    @console.get("/custody/stock-takes/<uuid:stock_take_id>")
    @desk(*READERS)
    def stock_take(stock_take_id: UUID) -> Response:
        return _show(stock_take_id)

    @console.get("/custody/stock-takes/<uuid:stock_take_id>/report.csv")
    @desk(*READERS)
    def stock_take_report(stock_take_id: UUID) -> Response:
        return _report(stock_take_id)

    @console.post("/custody/stock-takes/<uuid:stock_take_id>/scan")
    @desk(*MOVERS)
    def scan_stock_take(stock_take_id: UUID) -> Response:
        return _scan(stock_take_id)

    _add_ends(console)


def _add_ends(console: Blueprint) -> None:
    @console.post("/custody/stock-takes/<uuid:stock_take_id>/lines/<uuid:stock_line_id>/move")
    @desk(*MOVERS)
    def move_stock_line(stock_take_id: UUID, stock_line_id: UUID) -> Response:
        try:
            parts().stock_taking.move_here(current_actor(), stock_take_id, stock_line_id)
        except (Invalid, Conflict) as error:
            return _show(stock_take_id, problem_of(error).status, error)
        return go(f"{STOCK}/{stock_take_id}", "stock_moved")

    @console.post("/custody/stock-takes/<uuid:stock_take_id>/finish")
    @desk(*MOVERS)
    def finish_stock_take(stock_take_id: UUID) -> Response:
        try:
            parts().stock_taking.finish(current_actor(), stock_take_id)
        except Conflict as error:
            return _show(stock_take_id, problem_of(error).status, error)
        return go(f"{STOCK}/{stock_take_id}", "stock_finished")

    @console.post("/custody/stock-takes/<uuid:stock_take_id>/drop")
    @desk(*MOVERS)
    def drop_stock_take(stock_take_id: UUID) -> Response:
        try:
            parts().stock_taking.drop(current_actor(), stock_take_id)
        except Conflict as error:
            return _show(stock_take_id, problem_of(error).status, error)
        return go(f"{STOCK}/{stock_take_id}", "stock_dropped")
