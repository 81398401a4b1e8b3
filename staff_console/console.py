"""The staff's door: one blueprint under /console, made of page groups."""

from __future__ import annotations

from apiflask import APIBlueprint

from staff_console.account import add_account
from staff_console.assets import add_assets
from staff_console.checks import add_checks
from staff_console.completeness import add_completeness
from staff_console.counter import add_counter
from staff_console.dossiers import add_dossiers
from staff_console.evidence import add_evidence
from staff_console.fixity import add_fixity
from staff_console.governance import add_governance
from staff_console.graduates import add_graduates
from staff_console.home import add_home
from staff_console.imports import add_imports
from staff_console.materials import add_materials
from staff_console.people import add_people
from staff_console.problems import render_console_problem
from staff_console.purposes import add_purposes
from staff_console.render import protect
from staff_console.retrieval import add_retrieval
from staff_console.reviews import add_review_reports, add_reviews
from staff_console.sign_in import add_sign_in
from staff_console.staffing import add_duties, add_training
from staff_console.statistics import add_statistics
from staff_console.supplements import add_supplements
from staff_console.tickets import add_tickets
from staff_console.transfers import add_transfers

__all__ = ["create_console", "render_console_problem"]


def create_console() -> APIBlueprint:
    """Register ``render_console_problem`` for '/console' beside it, so that errors are pages too."""
    console = APIBlueprint(
        "console",
        __name__,
        url_prefix="/console",
        template_folder="templates",
        static_folder=None,
        enable_openapi=False,
    )
    for add in (
        add_assets,
        add_sign_in,
        add_account,
        add_home,
        add_tickets,
        add_evidence,
        add_graduates,
        add_dossiers,
        add_completeness,
        add_purposes,
        add_materials,
        add_supplements,
        add_fixity,
        add_retrieval,
        add_counter,
        add_transfers,
        add_checks,
        add_imports,
        add_people,
        add_statistics,
        add_governance,
        add_reviews,
        add_review_reports,
        add_training,
        add_duties,
    ):
        add(console)
    console.after_request(protect)
    return console
