"""Periodic review in the console: campaigns, items to check, findings, the signed report."""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, Response, abort, request

from app.actors import Role
from app.errors import Conflict, DomainError, FieldFault, Forbidden, Invalid, VersionMismatch
from app.governance.review_rules import (
    FINDING_LABELS,
    FINDING_MOVE_LABELS,
    FINDING_STATE_LABELS,
    OUTCOME_LABELS,
    STATE_LABELS,
    FindingKind,
    FindingMove,
    Outcome,
)
from app.governance.review_views import NewCampaign
from app.governance.rules import CAMPAIGN_KEEPERS, CHECKERS, MENDERS, READERS, SIGNERS
from app.governance.texts import day, number
from app.problems import problem_of
from auth.guards import current_actor
from staff_console import forms
from staff_console.csv_files import csv_file
from staff_console.gate import desk
from staff_console.parts import parts
from staff_console.pdf_files import pdf_file
from staff_console.render import go, page

HOME = "/console/governance/reviews"
_REFUSALS = (Invalid, Conflict, VersionMismatch, Forbidden)


def _list(status: int = 200, error: DomainError | None = None) -> Response:
    actor, at = current_actor(), forms.page_number(request.args)
    lines, total = parts().reviews.campaigns(actor, offset=(at - 1) * forms.PAGE_SIZE, limit=forms.PAGE_SIZE)
    return page(
        "reviews.html",
        status,
        tab="reviews",
        lines=lines,
        total=total,
        number=at,
        last=forms.last_page(total),
        states=STATE_LABELS,
        may_open=actor.has_role(*CAMPAIGN_KEEPERS),
        problem=problem_of(error) if error is not None else None,
        typed=request.form,
    )


def _show(
    campaign_id: UUID, status: int = 200, error: DomainError | None = None, tried: UUID | None = None
) -> Response:
    """One campaign; with an error, what was typed stays in the item it belongs to."""
    actor = current_actor()
    view = parts().reviews.campaign(actor, campaign_id)
    return page(
        "review.html",
        status,
        tab="reviews",
        campaign=view,
        names=parts().people.names([i.graduate_id for i in view.items]) if actor.has_role(*CHECKERS, *MENDERS) else {},
        owners=[c for c in parts().duties.colleagues(actor) if Role.ARCHIVIST in c[2]],
        states=STATE_LABELS,
        outcomes=OUTCOME_LABELS,
        kinds=FINDING_LABELS,
        finding_states=FINDING_STATE_LABELS,
        move_labels=FINDING_MOVE_LABELS,
        same_sample=parts().reviews.redraw(actor, campaign_id),
        tried=tried,
        problem=problem_of(error) if error is not None else None,
        typed=request.form,
    )


def _new() -> NewCampaign:
    cohort, size, percent = (forms.text(n).strip() for n in ("cohort_year", "size", "percent"))
    return NewCampaign(
        title=forms.text("title"),
        cohort_year=number(cohort, "/cohort_year", 1950, 2100) if cohort else None,
        college=forms.text("college").strip()[:60] or None,
        starts_on=day(forms.text("starts_on"), "/starts_on"),
        ends_on=day(forms.text("ends_on"), "/ends_on"),
        size=number(size, "/size", 1, 500) if size else None,
        percent=number(percent, "/percent", 1, 100) if percent else None,
    )


def _colleague(name: str) -> UUID:
    try:
        return UUID(request.form.get(name, ""))
    except ValueError:
        raise Invalid("invalid_input", faults=[FieldFault(f"/{name}", "unknown_colleague")]) from None


def _check(campaign_id: UUID, item_id: UUID) -> None:
    outcome = forms.choice(Outcome, "outcome")
    if outcome is not Outcome.FINDING:
        parts().reviews.check(current_actor(), campaign_id, item_id, forms.version())
        return
    parts().reviews.check(
        current_actor(),
        campaign_id,
        item_id,
        forms.version(),
        finding=forms.choice(FindingKind, "kind"),
        note=forms.text("note"),
        owner_id=_colleague("owner"),
        due_on=day(forms.text("due_on"), "/due_on"),
    )


def add_reviews(console: Blueprint) -> None:
    @console.get("/governance/reviews")
    @desk(*READERS)
    def reviews() -> Response:
        return _list()

    @console.post("/governance/reviews")
    @desk(*CAMPAIGN_KEEPERS)
    def open_review() -> Response:
        try:
            made = parts().reviews.open(current_actor(), _new())
        except (Invalid, Conflict) as error:
            return _list(problem_of(error).status, error)
        return go(f"{HOME}/{made}", "review_opened")

    @console.get("/governance/reviews/<uuid:campaign_id>")
    @desk(*READERS)
    def review(campaign_id: UUID) -> Response:
        return _show(campaign_id)

    @console.post("/governance/reviews/<uuid:campaign_id>/items/<uuid:item_id>")
    @desk(*CHECKERS)
    def check_item(campaign_id: UUID, item_id: UUID) -> Response:
        try:
            _check(campaign_id, item_id)
        except _REFUSALS as error:
            return _show(campaign_id, problem_of(error).status, error, item_id)
        return go(f"{HOME}/{campaign_id}", "item_checked")

    _add_endings(console)


def _add_endings(console: Blueprint) -> None:
    @console.post("/governance/reviews/<uuid:campaign_id>/findings/<uuid:finding_id>")
    @desk(*MENDERS, *CHECKERS)
    def move_finding(campaign_id: UUID, finding_id: UUID) -> Response:
        try:
            move = FindingMove(request.form.get("move", FindingMove.CONFIRM.value))
            parts().reviews.move_finding(
                current_actor(), campaign_id, finding_id, forms.version(), move, forms.text("words")
            )
        except ValueError:
            abort(400)
        except _REFUSALS as error:
            return _show(campaign_id, problem_of(error).status, error, finding_id)
        return go(f"{HOME}/{campaign_id}", "finding_moved")

    @console.post("/governance/reviews/<uuid:campaign_id>/sign")
    @desk(*SIGNERS)
    def sign_review(campaign_id: UUID) -> Response:
        try:
            parts().reviews.sign(current_actor(), campaign_id, forms.version())
        except _REFUSALS as error:
            return _show(campaign_id, problem_of(error).status, error)
        return go(f"{HOME}/{campaign_id}", "review_signed")

    @console.post("/governance/reviews/<uuid:campaign_id>/cancel")
    @desk(*CAMPAIGN_KEEPERS)
    def cancel_review(campaign_id: UUID) -> Response:
        try:
            parts().reviews.cancel(current_actor(), campaign_id, forms.version())
        except _REFUSALS as error:
            return _show(campaign_id, problem_of(error).status, error)
        return go(f"{HOME}/{campaign_id}", "review_cancelled")


def add_review_reports(console: Blueprint) -> None:
    @console.get("/governance/reviews/<uuid:campaign_id>/report")
    @desk(*READERS)
    def review_report(campaign_id: UUID) -> Response:
        view = parts().reviews.campaign(current_actor(), campaign_id)
        if view.report is None:
            abort(404)
        return page("review_report.html", tab="reviews", campaign=view, outcomes=OUTCOME_LABELS, kinds=FINDING_LABELS)

    @console.get("/governance/reviews/<uuid:campaign_id>/report.pdf")
    @desk(*READERS)
    def review_report_pdf(campaign_id: UUID) -> Response:
        return pdf_file("review-report.pdf", parts().review_print.print(current_actor(), campaign_id))

    @console.get("/governance/reviews/<uuid:campaign_id>/report.csv")
    @desk(*READERS)
    def review_report_file(campaign_id: UUID) -> Response:
        view = parts().reviews.campaign(current_actor(), campaign_id)
        if view.report is None:
            abort(404)
        rows: list[list[object]] = [["序号", "学院", "档案编号", "结果", "检查人", "检查时间", "问题", "销号时间"]]
        rows += [
            [
                i["position"],
                i["college"],
                i["dossier"],
                OUTCOME_LABELS[Outcome(i["outcome"])],
                i["checked_by"],
                i["checked_at"],
                FINDING_LABELS[FindingKind(i["finding"])] if i["finding"] else "",
                i["closed_at"],
            ]
            for i in view.report["items"]
        ]
        rows += [[], ["随机种子", view.seed], ["签发人", view.signed_by], ["报告摘要 SHA-256", view.report_digest]]
        return csv_file(f"定期审查报告-{view.line.starts_on}.csv", rows)
