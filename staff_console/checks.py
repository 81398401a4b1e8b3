"""Four-property checks: a graduate's runs, what people confirm, the report and the package; the dossiers in trouble."""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, Response, request

from app.actors import Role
from app.checks.rules import Stage, Verdict
from app.checks.views import RunView
from app.errors import Conflict, DomainError, Invalid, NotFound
from app.problems import problem_of
from auth.guards import current_actor
from staff_console import forms
from staff_console.gate import DESK, READERS, desk
from staff_console.graduates import graduate_or_404
from staff_console.parts import parts
from staff_console.render import go, page


def _path(graduate_id: UUID) -> str:
    return f"/console/graduates/{graduate_id}/checks"


def _stage(run: RunView | None) -> Stage:
    wanted = request.values.get("stage", "")
    if wanted in set(Stage):
        return Stage(wanted)
    return run.stage if run is not None else Stage.ARCHIVING


def _show(graduate_id: UUID, status: int = 200, error: DomainError | None = None, item: str = "") -> Response:
    """The latest run, or the one asked for; with an error, what was typed stays."""
    actor = current_actor()
    found = graduate_or_404(graduate_id)
    runs = parts().checks.runs_of(actor, graduate_id)
    wanted = next((r for r in runs if str(r.id) == request.args.get("run", "")), runs[0] if runs else None)
    run = parts().checks.run_view(actor, graduate_id, wanted.id) if wanted is not None else None
    stage = _stage(run)
    items = parts().checks.human_items(actor, graduate_id, stage)
    return page(
        "checks.html",
        status,
        graduate=found,
        tab="checks",
        run=run,
        runs=runs,
        stage=stage,
        items=items,
        names=parts().people.staff_names([i.by for i in items if i.by is not None]),
        may_run=actor.has_role(*DESK),
        may_package=actor.has_role(Role.ARCHIVIST),
        problem=problem_of(error) if error is not None else None,
        faulty=item,
        typed=request.form,
    )


def _download(data: bytes, name: str, media_type: str = "application/json") -> Response:
    response = Response(data, content_type=media_type)
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    response.headers["Cache-Control"] = "no-store"
    return response


def add_checks(console: Blueprint) -> None:
    @console.get("/graduates/<uuid:graduate_id>/checks")
    @desk(*READERS)
    def checks(graduate_id: UUID) -> Response:
        return _show(graduate_id)

    @console.post("/graduates/<uuid:graduate_id>/checks")
    @desk(*DESK)
    def run_checks(graduate_id: UUID) -> Response:
        graduate_or_404(graduate_id)
        parts().checks.run(current_actor(), graduate_id, forms.choice(Stage, "stage"))
        return go(_path(graduate_id), "checks_ran")

    @console.post("/graduates/<uuid:graduate_id>/checks/items/<item>")
    @desk(*DESK)
    def confirm_item(graduate_id: UUID, item: str) -> Response:
        graduate_or_404(graduate_id)
        try:
            agreed = {"yes": True, "no": False}[request.form.get("agreed", "yes")]
            parts().checks.confirm(current_actor(), graduate_id, item, agreed, forms.text("note"))
        except KeyError:
            raise NotFound from None
        except Invalid as error:
            return _show(graduate_id, problem_of(error).status, error, item)
        return go(f"{_path(graduate_id)}?stage={_stage(None).value}#{item}", "check_confirmed")

    @console.get("/graduates/<uuid:graduate_id>/checks/<uuid:run_id>/report")
    @desk(*READERS)
    def check_report(graduate_id: UUID, run_id: UUID) -> Response:
        signed = parts().checks.report(current_actor(), graduate_id, run_id)
        return _download(signed.report, f"four-property-report-{run_id.hex[:12]}.json")

    @console.get("/graduates/<uuid:graduate_id>/checks/<uuid:run_id>/package")
    @desk(Role.ARCHIVIST)
    def check_package(graduate_id: UUID, run_id: UUID) -> Response:
        try:
            made = parts().checks.package(current_actor(), graduate_id, run_id)
        except Conflict as error:
            return _show(graduate_id, problem_of(error).status, error)
        response = Response(made.write(), content_type="application/zip")
        response.headers["Content-Disposition"] = f'attachment; filename="{made.name}"'
        response.headers["Cache-Control"] = "no-store"
        return response

    _add_list(console)


def _add_list(console: Blueprint) -> None:
    @console.get("/checks")
    @desk(*READERS)
    def checks_in_trouble() -> Response:
        number = forms.page_number(request.args)
        chosen = request.args.get("outcome", "")
        outcome = Verdict(chosen) if chosen in set(Verdict) else None
        lines, total = parts().checks.troubled(
            current_actor(), outcome, offset=(number - 1) * forms.PAGE_SIZE, limit=forms.PAGE_SIZE
        )
        names = parts().people.names([r.graduate_id for r in lines])
        return page(
            "checks_in_trouble.html",
            lines=lines,
            total=total,
            names=names,
            number=number,
            last=forms.last_page(total),
            outcome=outcome,
        )
