"""Completeness: a cohort's forecast with who lacks what, reminders, one graduate's list, the catalogue to print."""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import urlencode
from uuid import UUID

from flask import Blueprint, Response, request
from werkzeug.datastructures import MultiDict

from app.actors import Role
from app.completeness.reminders import REMINDERS
from app.completeness.rules import LACKING, OWN, STANDING_LABELS, Need, Standing
from app.completeness.views import Filter, GapLine
from app.dossiers import class_map
from auth.guards import current_actor
from staff_console import forms
from staff_console.csv_files import csv_file
from staff_console.gate import READERS, desk
from staff_console.graduates import graduate_or_404
from staff_console.parts import parts
from staff_console.pdf_files import pdf_file
from staff_console.render import go, page

PATH = "/console/completeness"
DUES = {"overdue": "已超期", "soon": "14 天内到期"}
TONES = {
    Standing.PRESENT: ("done", "✓"),
    Standing.PAPER_ONLY: ("wait", "◐"),
    Standing.MISSING: ("open", "○"),
    Standing.WRONG: ("open", "✕"),
    Standing.NOT_APPLICABLE: ("shut", "–"),
}
MAX_WORD = 60


def _read(args: MultiDict[str, str], cohorts: list[int]) -> Filter:
    """What cannot be read becomes the default: the latest cohort, everything."""
    year = args.get("cohort", "")
    given = int(year) if year.isascii() and year.isdigit() and len(year) == 4 else 0
    forecast = parts().forecast

    def word(name: str) -> str:
        return args.get(name, "")[:MAX_WORD]

    return Filter(
        cohort=given if given in cohorts else cohorts[0] if cohorts else parts().clock.now().year,
        college=word("college"),
        major=word("major") if word("college") else "",
        owner=word("owner") if word("owner") in forecast.owners else "",
        kind=word("kind") if parts().completeness.checklist.item(word("kind")) else "",
        due=word("due") if word("due") in DUES else "",
    )


def _query(wanted: Filter, **changes: object) -> str:
    """The filter as a query string; holds codes, colleges and majors, nothing of a person."""
    values = {
        "cohort": wanted.cohort,
        "college": wanted.college,
        "major": wanted.major,
        "owner": wanted.owner,
        "kind": wanted.kind,
        "due": wanted.due,
        **changes,
    }
    return urlencode({k: v for k, v in values.items() if v})


def _csv_rows(lines: list[GapLine], cohort: int) -> list[tuple[str, ...]]:
    head = ("毕业年份", "姓名（已遮盖）", "学院", "专业", "缺少的材料", "责任方", "最早期限")
    return [
        head,
        *(
            (
                str(cohort),
                line.name,
                line.college,
                line.major,
                "、".join(name for name, _, _ in line.gaps),
                "、".join(dict.fromkeys(owner for _, owner, _ in line.gaps)),
                min(due for _, _, due in line.gaps).isoformat(),
            )
            for line in lines
        ),
    ]


def _show() -> Response:
    actor, forecast = current_actor(), parts().forecast
    cohorts = forecast.cohorts(actor)
    wanted = _read(request.args, cohorts)
    number = forms.page_number(request.args)
    lines, total = forecast.lacking(actor, wanted, offset=(number - 1) * forms.PAGE_SIZE, limit=forms.PAGE_SIZE)
    may_remind = actor.has_role(*REMINDERS)
    counted = may_remind and request.args.get("remind") == "1"
    return page(
        "completeness.html",
        wanted=wanted,
        cohorts=cohorts,
        places=forecast.places(actor, wanted.cohort),
        overview=forecast.overview(actor, replace(wanted, owner="", kind="", due="")),
        owners=forecast.owners,
        items=[i for i in parts().completeness.checklist.items if i.need is not Need.OPTIONAL],
        dues=DUES,
        lines=lines,
        total=total,
        number=number,
        last=forms.last_page(total),
        query=lambda **changes: _query(wanted, **changes),
        own=OWN,
        may_remind=may_remind,
        dry=parts().reminders.remind(actor, wanted, dry_run=True) if counted else None,
        checklist=parts().completeness.checklist,
        kinds=class_map.current(),
    )


def add_completeness(console: Blueprint) -> None:
    @console.get("/completeness")
    @desk(*READERS)
    def completeness() -> Response:
        return _show()

    @console.get("/completeness.csv")
    @desk(*READERS)
    def completeness_csv() -> Response:
        actor, forecast = current_actor(), parts().forecast
        wanted = _read(request.args, forecast.cohorts(actor))
        return csv_file(f"完整性-{wanted.cohort}届.csv", _csv_rows(forecast.export(actor, wanted), wanted.cohort))

    @console.post("/completeness/remind")
    @desk(Role.ARCHIVIST)
    def remind() -> Response:
        actor = current_actor()
        wanted = _read(request.form, parts().forecast.cohorts(actor))
        done = parts().reminders.remind(actor, wanted, dry_run=False)
        return go(f"{PATH}?{_query(wanted)}", "completeness_reminded" if done.graduates else "completeness_nobody")

    @console.post("/completeness/recompute")
    @desk(Role.ARCHIVIST)
    def recompute() -> Response:
        wanted = _read(request.form, parts().forecast.cohorts(current_actor()))
        parts().completeness.enqueue_sweep()
        return go(f"{PATH}?{_query(wanted)}", "completeness_queued")

    @console.get("/graduates/<uuid:graduate_id>/completeness")
    @desk(*READERS)
    def graduate_completeness(graduate_id: UUID) -> Response:
        found = graduate_or_404(graduate_id)
        view = parts().completeness.of(current_actor(), graduate_id)
        dossier_id = parts().dossiers.dossier_id_of(graduate_id)
        return page(
            "graduate_completeness.html",
            graduate=found,
            tab="completeness",
            view=view,
            groups=[
                ("缺少", view.with_standing(*LACKING)),
                (STANDING_LABELS[Standing.PAPER_ONLY], view.with_standing(Standing.PAPER_ONLY)),
                (STANDING_LABELS[Standing.PRESENT], view.with_standing(Standing.PRESENT)),
                ("可选", [i for i in view.items if i.need is Need.OPTIONAL]),
                (STANDING_LABELS[Standing.NOT_APPLICABLE], view.with_standing(Standing.NOT_APPLICABLE)),
            ],
            tones=TONES,
            check=parts().catalogue_print.check_value(dossier_id, view.dossier_version),
        )

    @console.get("/graduates/<uuid:graduate_id>/catalogue.pdf")
    @desk(*READERS)
    def catalogue_pdf(graduate_id: UUID) -> Response:
        graduate_or_404(graduate_id)
        return pdf_file("catalogue.pdf", parts().catalogue_print.print(current_actor(), graduate_id))
