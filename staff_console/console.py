"""The staff's door: one blueprint under /console, made of page groups."""

from __future__ import annotations

from apiflask import APIBlueprint

from staff_console.absences import add_absences
from staff_console.account import add_account
from staff_console.assets import add_assets
from staff_console.campaigns import add_campaigns
from staff_console.casework import add_casework
from staff_console.chats import add_chat_news, add_chats
from staff_console.checks import add_checks
from staff_console.completeness import add_completeness
from staff_console.counter import add_counter
from staff_console.custody import add_custody
from staff_console.custody_places import add_custody_places
from staff_console.dispatch import add_dispatch
from staff_console.dossiers import add_dossiers
from staff_console.drafts import add_drafts
from staff_console.evidence import add_evidence
from staff_console.fixity import add_fixity
from staff_console.fresh import add_step_up
from staff_console.governance import add_governance
from staff_console.graduates import add_graduates
from staff_console.home import add_home
from staff_console.imports import add_imports
from staff_console.macros import add_macros
from staff_console.mailbox import add_mailbox
from staff_console.materials import add_materials
from staff_console.notice_catalogue import add_notice_catalogue
from staff_console.notices import add_notices
from staff_console.paper import add_paper
from staff_console.partners import add_partners
from staff_console.passkeys import add_passkey_sign_in, add_passkeys
from staff_console.people import add_member, add_people
from staff_console.permissions import add_permissions
from staff_console.problems import render_console_problem
from staff_console.purposes import add_purposes
from staff_console.queue import add_queue
from staff_console.queue_bulk import add_bulk
from staff_console.queue_teams import add_teams
from staff_console.receiver_import import add_receiver_import
from staff_console.receivers import add_receivers
from staff_console.render import protect
from staff_console.retrieval import add_retrieval
from staff_console.reviews import add_review_reports, add_reviews
from staff_console.sealing import add_sealing
from staff_console.sign_in import add_sign_in
from staff_console.staffing import add_duties, add_training
from staff_console.statistics import add_statistics
from staff_console.stock_takes import add_stock_takes
from staff_console.supplements import add_supplements
from staff_console.ticket_desk import add_ticket_desk
from staff_console.tickets import add_tickets, decide
from staff_console.tracking import add_tracking
from staff_console.transfer_cases import add_transfer_cases
from staff_console.transfer_papers import add_transfer_papers
from staff_console.transfers import add_transfers
from staff_console.undelivered import add_undelivered
from staff_console.undelivered_again import add_undelivered_again
from staff_console.undoing import add_undoing
from staff_console.waybills import add_waybills
from staff_console.webhooks import add_webhooks
from staff_console.welcome import add_welcome
from staff_console.workload import add_workload

__all__ = ["create_console", "render_console_problem"]


PARTS = (
    add_assets,
    add_sign_in,
    add_account,
    add_step_up,
    add_passkey_sign_in,
    add_passkeys,
    add_home,
    add_queue,
    add_bulk,
    add_teams,
    add_tickets,
    add_casework(decide),
    add_ticket_desk,
    add_macros,
    add_workload,
    add_drafts,
    add_undoing,
    add_evidence,
    add_graduates,
    add_notices,
    add_dossiers,
    add_completeness,
    add_purposes,
    add_materials,
    add_supplements,
    add_chats,
    add_chat_news,
    add_campaigns,
    add_fixity,
    add_retrieval,
    add_counter,
    add_transfers,
    add_paper,
    add_custody,
    add_custody_places,
    add_stock_takes,
    add_dispatch,
    add_waybills,
    add_sealing,
    add_receivers,
    add_receiver_import,
    add_tracking,
    add_transfer_papers,
    add_transfer_cases,
    add_checks,
    add_imports,
    add_people,
    add_member,
    add_permissions,
    add_welcome,
    add_absences,
    add_statistics,
    add_governance,
    add_reviews,
    add_review_reports,
    add_training,
    add_duties,
    add_webhooks,
    add_notice_catalogue,
    add_mailbox,
    add_partners,
    add_undelivered,
    add_undelivered_again,
)


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
    for add in PARTS:
        add(console)
    console.after_request(protect)
    return console
