"""Governance: the overview with plan against done, and the office's written rules."""

from __future__ import annotations

from itertools import groupby
from typing import Any
from uuid import UUID

from flask import Blueprint, Response, request

from app.actors import Actor
from app.errors import Conflict, DomainError, Invalid, VersionMismatch
from app.governance.rulebook import Draft
from app.governance.rules import (
    CAMPAIGN_KEEPERS,
    METER_LABELS,
    METER_WORDS,
    READERS,
    RULE_KEEPERS,
    RULE_STATE_LABELS,
    SYSTEM_LABELS,
    TOPIC_LABELS,
    Meter,
    System,
)
from app.governance.texts import day, number
from app.problems import problem_of
from auth.guards import current_actor
from staff_console import forms
from staff_console.charts import sparkline
from staff_console.gate import desk
from staff_console.parts import parts
from staff_console.render import go, page

HOME = "/console/governance"


def meter_groups(actor: Actor, cohorts: int = 4) -> list[tuple[int, list[Any]]]:
    """(cohort, its meters with a drawn trend), newest cohort first."""
    found = parts().meters.meters(actor, cohorts=cohorts)
    rows = [(m, sparkline([p for _, p in m.trend])) for m in found]
    return [(year, list(members)) for year, members in groupby(rows, key=lambda row: row[0].cohort_year)]


def for_home(actor: Actor) -> dict[str, Any]:
    """What of governance waits for this person, for the first page."""
    reader = actor.has_role(*READERS)
    return {
        "reviews_waiting": parts().reviews.waiting(actor),
        "findings_owned": parts().reviews.owned_open(actor),
        "certificates_due": parts().training.standing_of(actor),
        "meter_groups": meter_groups(actor, 1) if reader else [],
        "meter_labels": METER_LABELS,
    }


def _overview(status: int = 200, error: DomainError | None = None) -> Response:
    actor = current_actor()
    campaigns, _ = parts().reviews.campaigns(actor, limit=3)
    return page(
        "governance.html",
        status,
        tab="overview",
        groups=meter_groups(actor),
        meter_labels=METER_LABELS,
        meter_words=METER_WORDS,
        campaigns=campaigns,
        attention=[h for h in parts().training.holdings(actor) if h.standing.value != "valid"],
        rules=parts().rulebook.all(actor),
        may_plan=actor.has_role(*CAMPAIGN_KEEPERS),
        problem=problem_of(error) if error is not None else None,
        typed=request.form,
    )


def _rules(status: int = 200, error: DomainError | None = None) -> Response:
    actor = current_actor()
    return page(
        "rules.html",
        status,
        tab="rules",
        rules=parts().rulebook.all(actor),
        systems=SYSTEM_LABELS,
        topics=TOPIC_LABELS,
        may_write=actor.has_role(*RULE_KEEPERS),
        problem=problem_of(error) if error is not None else None,
        typed=request.form,
    )


def _rule(rule_id: UUID, status: int = 200, error: DomainError | None = None) -> Response:
    actor = current_actor()
    return page(
        "rule.html",
        status,
        tab="rules",
        rule=parts().rulebook.rule(actor, rule_id),
        systems=SYSTEM_LABELS,
        topics=TOPIC_LABELS,
        states=RULE_STATE_LABELS,
        may_write=actor.has_role(*RULE_KEEPERS),
        problem=problem_of(error) if error is not None else None,
        typed=request.form,
    )


def _draft() -> Draft:
    return Draft(forms.text("title"), forms.text("body"), request.form.getlist("topics"))


def _draft_version() -> int:
    value = request.form.get("version", "")
    return int(value) if value.isascii() and value.isdigit() and len(value) < 10 else -1


def add_governance(console: Blueprint) -> None:
    @console.get("/governance")
    @desk(*READERS)
    def governance() -> Response:
        return _overview()

    @console.post("/governance/targets")
    @desk(*CAMPAIGN_KEEPERS)
    def set_target() -> Response:
        try:
            parts().meters.plan(
                current_actor(),
                number(forms.text("cohort_year"), "/cohort_year", 1950, 2100),
                forms.choice(Meter, "meter"),
                number(forms.text("percent"), "/percent", 1, 100),
                day(forms.text("due_on"), "/due_on"),
            )
        except Invalid as error:
            return _overview(422, error)
        return go(HOME, "target_set")

    @console.get("/governance/rules")
    @desk(*READERS)
    def office_rules() -> Response:
        return _rules()

    @console.post("/governance/rules")
    @desk(*RULE_KEEPERS)
    def add_rule() -> Response:
        try:
            made = parts().rulebook.add(current_actor(), forms.text("code"), forms.choice(System, "system"), _draft())
        except (Invalid, Conflict) as error:
            return _rules(problem_of(error).status, error)
        return go(f"{HOME}/rules/{made}", "rule_saved")

    @console.get("/governance/rules/<uuid:rule_id>")
    @desk(*READERS)
    def office_rule(rule_id: UUID) -> Response:
        return _rule(rule_id)

    @console.post("/governance/rules/<uuid:rule_id>/draft")
    @desk(*RULE_KEEPERS)
    def save_rule(rule_id: UUID) -> Response:
        try:
            parts().rulebook.save_draft(current_actor(), rule_id, _draft_version(), _draft())
        except (Invalid, VersionMismatch) as error:
            return _rule(rule_id, problem_of(error).status, error)
        return go(f"{HOME}/rules/{rule_id}", "rule_saved")

    @console.post("/governance/rules/<uuid:rule_id>/publish")
    @desk(*RULE_KEEPERS)
    def publish_rule(rule_id: UUID) -> Response:
        try:
            parts().rulebook.publish(current_actor(), rule_id, _draft_version())
        except (Conflict, VersionMismatch) as error:
            return _rule(rule_id, problem_of(error).status, error)
        return go(f"{HOME}/rules/{rule_id}", "rule_published")
