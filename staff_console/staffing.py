"""Training, certificates and the conditions for roles; the responsibility table."""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, Response, request

from app.actors import Role
from app.errors import Conflict, DomainError, FieldFault, Invalid
from app.governance.rules import DUTY_KIND_LABELS, READERS, TRAINERS, DutyKind
from app.governance.texts import day, number
from app.governance.training_rules import MAX_GRACE_DAYS, MAX_MONTHS, STANDING_LABELS
from app.problems import problem_of
from auth.guards import current_actor
from staff_console import forms
from staff_console.gate import desk
from staff_console.parts import parts
from staff_console.render import go, page
from staff_console.words import ROLE_LABELS

TRAINING, DUTIES = "/console/governance/training", "/console/governance/duties"


def _chosen(name: str) -> UUID:
    try:
        return UUID(request.form.get(name, ""))
    except ValueError:
        raise Invalid("invalid_input", faults=[FieldFault(f"/{name}", "required")]) from None


def _training(status: int = 200, error: DomainError | None = None) -> Response:
    actor, at = current_actor(), forms.page_number(request.args)
    lines, total = parts().training.certificates(actor, offset=(at - 1) * forms.PAGE_SIZE, limit=forms.PAGE_SIZE)
    return page(
        "training.html",
        status,
        tab="training",
        courses=parts().training.courses(actor),
        policies=parts().training.policies(actor),
        holdings=parts().training.holdings(actor),
        certificates=lines,
        total=total,
        number=at,
        last=forms.last_page(total),
        colleagues=parts().duties.colleagues(actor),
        role_labels=ROLE_LABELS,
        standings=STANDING_LABELS,
        max_grace=MAX_GRACE_DAYS,
        today_iso=parts().training.today.isoformat(),
        may_manage=actor.has_role(*TRAINERS),
        problem=problem_of(error) if error is not None else None,
        typed=request.form,
    )


def _duties(status: int = 200, error: DomainError | None = None) -> Response:
    actor = current_actor()
    return page(
        "duties.html",
        status,
        tab="duties",
        duties=parts().duties.table(actor),
        colleagues=parts().duties.colleagues(actor),
        role_labels=ROLE_LABELS,
        kinds=DUTY_KIND_LABELS,
        may_manage=actor.has_role(*TRAINERS),
        problem=problem_of(error) if error is not None else None,
        typed=request.form,
    )


def add_training(console: Blueprint) -> None:
    @console.get("/governance/training")
    @desk(*READERS)
    def training() -> Response:
        return _training()

    @console.post("/governance/training/courses")
    @desk(*TRAINERS)
    def add_course() -> Response:
        try:
            months = number(forms.text("months"), "/months", 1, MAX_MONTHS)
            role, required = forms.choice(Role, "role"), forms.ticked("required")
            parts().training.add_course(current_actor(), forms.text("title"), role, months, required=required)
        except Invalid as error:
            return _training(422, error)
        return go(TRAINING, "course_added")

    @console.post("/governance/training/courses/<uuid:course_id>/retire")
    @desk(*TRAINERS)
    def retire_course(course_id: UUID) -> Response:
        parts().training.retire_course(current_actor(), course_id)
        return go(TRAINING, "course_retired")

    @console.post("/governance/training/certificates")
    @desk(*TRAINERS)
    def certify() -> Response:
        try:
            parts().training.certify(
                current_actor(), _chosen("course"), _chosen("staff"), day(forms.text("issued_on"), "/issued_on")
            )
        except (Invalid, Conflict) as error:
            return _training(problem_of(error).status, error)
        return go(TRAINING, "certified")

    @console.post("/governance/training/certificates/<uuid:certificate_id>/revoke")
    @desk(*TRAINERS)
    def revoke_certificate(certificate_id: UUID) -> Response:
        try:
            parts().training.revoke(current_actor(), certificate_id)
        except Conflict as error:
            return _training(409, error)
        return go(TRAINING, "certificate_revoked")

    @console.post("/governance/training/policy")
    @desk(*TRAINERS)
    def set_policy() -> Response:
        try:
            parts().training.set_policy(
                current_actor(),
                forms.choice(Role, "role"),
                enforced=forms.ticked("enforced"),
                grace_days=number(forms.text("grace_days") or "0", "/grace_days", 0, MAX_GRACE_DAYS),
            )
        except (Invalid, Conflict) as error:
            return _training(problem_of(error).status, error)
        return go(TRAINING, "policy_set")


def add_duties(console: Blueprint) -> None:
    @console.get("/governance/duties")
    @desk(*READERS)
    def duties() -> Response:
        return _duties()

    @console.post("/governance/duties")
    @desk(*TRAINERS)
    def add_duty() -> Response:
        try:
            parts().duties.add(current_actor(), forms.text("title"), forms.text("words"), forms.choice(Role, "role"))
        except Invalid as error:
            return _duties(422, error)
        return go(DUTIES, "duty_saved")

    @console.post("/governance/duties/<uuid:duty_id>/assign")
    @desk(*TRAINERS)
    def assign_duty(duty_id: UUID) -> Response:
        try:
            kind = forms.choice(DutyKind, "kind")
            staff_id = _chosen("staff") if request.form.get("staff") else None
            parts().duties.assign(current_actor(), duty_id, kind, staff_id)
        except (Invalid, Conflict) as error:
            return _duties(problem_of(error).status, error)
        return go(DUTIES, "duty_saved")
