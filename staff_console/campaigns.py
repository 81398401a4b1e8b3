"""群发通知: a notice of the list to many, with a dry run, a second person, a progress bar and what became of each."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from uuid import UUID

from flask import Blueprint, Response, request
from werkzeug.datastructures import MultiDict

from app.errors import Conflict, DomainError, Invalid, RateLimited, VersionMismatch
from app.problems import problem_of
from auth.guards import current_actor
from notifications.campaigns.audience import Headcount
from notifications.campaigns.reading import EXPORT_MOST, CampaignView, RecipientLine
from notifications.campaigns.rules import RESULT_LABELS, Deed, State
from staff_console import forms
from staff_console.campaign_forms import (
    VOCABULARY,
    ListFilter,
    RecipientFilter,
    read_notice,
    read_segment,
    read_wish,
    reason_words,
    segment_words,
    typed,
)
from staff_console.csv_files import csv_file
from staff_console.fresh import ensure_fresh
from staff_console.gate import DESK, desk
from staff_console.parts import parts
from staff_console.render import fragment, go, page
from staff_console.words import moment

PATH = "/console/campaigns"
LINES = 50
HEAD = ("姓名（已遮盖）", "学院", "专业", "账号", "结果", "说明", "时间")


def _path(campaign_id: UUID) -> str:
    return f"{PATH}/{campaign_id}"


# --- writing one ------------------------------------------------------------------------------------------------------


def _form(
    values: MultiDict[str, str],
    status: int = 200,
    error: DomainError | None = None,
    campaign: CampaignView | None = None,
    counted: Headcount | None = None,
) -> Response:
    """An empty form, one with a draft, or one that comes back with what is wrong or with the dry run's numbers."""
    actor = current_actor()
    return page(
        "campaign_form.html",
        status,
        **VOCABULARY,
        typed=values,
        campaign=campaign,
        cohorts=parts().forecast.cohorts(actor),
        colleges=parts().campaigns.colleges(actor),
        places=parts().campaigns.policy.places,
        counted=counted,
        problem=problem_of(error) if error is not None else None,
    )


def _campaign_of_form() -> CampaignView | None:
    """The draft that is being edited; None for a new one."""
    try:
        campaign_id = UUID(forms.text("mailing"))
    except ValueError:
        return None
    return parts().campaign_reading.campaign(current_actor(), campaign_id)


def _counted() -> Response:
    campaign = _campaign_of_form()
    try:
        counted = parts().campaigns.dry_run(current_actor(), read_segment(), read_notice())
    except Invalid as error:
        return _form(request.form, 422, error, campaign)
    return _form(request.form, campaign=campaign, counted=counted)


# --- one of them ------------------------------------------------------------------------------------------------------


def _show(campaign: CampaignView, status: int = 200, error: DomainError | None = None) -> Response:
    actor, wanted = current_actor(), RecipientFilter.read(campaign.id)
    started = campaign.started_at is not None
    found = (
        parts().campaign_reading.recipients(
            actor, campaign.id, result=wanted.result, after=wanted.after, limit=LINES + 1
        )
        if started
        else []
    )
    lines, policy = found[:LINES], parts().campaigns.policy
    figures = parts().campaign_reading.figures(actor, campaign.id) if started else None
    queued = figures.queued if figures is not None else 0
    waiting = campaign.state in (State.DRAFT, State.READY)
    staff = [s for s in (campaign.created_by, campaign.proposed_by, campaign.started_by) if s is not None]
    return page(
        "campaign.html",
        status,
        **VOCABULARY,
        campaign=campaign,
        acts={deed.value for deed in campaign.possible} if campaign.state is not State.DONE or queued else set(),
        segment=segment_words(campaign.segment),
        staff=parts().people.staff_names(staff),
        own=campaign.proposed_by == actor.id,
        two_above=policy.two_above,
        counted=parts().campaigns.dry_run(actor, campaign.segment, campaign.notice) if waiting else None,
        figures=figures,
        contact=f"{parts().settings.archive_office} {parts().settings.archive_phone}".strip(),
        per_second=parts().settings.campaign_per_second,
        rests_until=parts().campaign_sending.rests_until(),
        wanted=wanted,
        lines=lines,
        names=parts().people.names([line.graduate_id for line in lines]),
        more=wanted.url(lines[-1].graduate_id) if len(found) > LINES else "",
        files=[
            wanted.url(after, "/recipients.csv")
            for after in parts().campaign_reading.files(actor, campaign.id, result=wanted.result)
        ]
        if lines
        else [],
        reason_words=reason_words,
        export_most=EXPORT_MOST,
        problem=problem_of(error) if error is not None else None,
    )


def _act(campaign_id: UUID, deed: Callable[[int], object], done: str) -> Response:
    """What cannot be done now is told on the page as it stands."""
    try:
        deed(forms.version())
    except (Conflict, Invalid, RateLimited, VersionMismatch) as error:
        campaign = parts().campaign_reading.campaign(current_actor(), campaign_id)
        return _show(campaign, problem_of(error).status, error)
    return go(_path(campaign_id), done)


def _started(campaign_id: UUID, version: int) -> None:
    ensure_fresh()
    parts().campaigns.start(current_actor(), campaign_id, version)


def _rows(lines: Iterable[RecipientLine], names: dict[UUID, str]) -> Iterable[tuple[str, ...]]:
    yield HEAD
    for line in lines:
        yield (
            names.get(line.graduate_id, "—"),
            line.college,
            line.major,
            "已绑定" if line.bound else "未绑定",
            RESULT_LABELS[line.result],
            reason_words(line.reason),
            moment(line.at) if line.at is not None else "",
        )


def _add_writing(console: Blueprint) -> None:
    @console.get("/campaigns/new")
    @desk(*DESK)
    def new_mailing() -> Response:
        return _form(MultiDict())

    @console.post("/campaigns/count")
    @desk(*DESK)
    def count_mailing() -> Response:
        return _counted()

    @console.post("/campaigns")
    @desk(*DESK)
    def draft_mailing() -> Response:
        try:
            made = parts().campaigns.create(current_actor(), read_wish())
        except Invalid as error:
            return _form(request.form, 422, error)
        return go(_path(made), "campaign_drafted")

    @console.get("/campaigns/<uuid:mailing_id>/edit")
    @desk(*DESK)
    def edit_mailing(mailing_id: UUID) -> Response:
        campaign = parts().campaign_reading.campaign(current_actor(), mailing_id)
        if Deed.CHANGE not in campaign.possible:
            return go(_path(mailing_id))
        return _form(typed(campaign.segment, campaign.notice, campaign.fields), campaign=campaign)

    @console.post("/campaigns/<uuid:mailing_id>/edit")
    @desk(*DESK)
    def change_mailing(mailing_id: UUID) -> Response:
        try:
            parts().campaigns.change(current_actor(), mailing_id, forms.version(), read_wish())
        except (Conflict, Invalid, VersionMismatch) as error:
            campaign = parts().campaign_reading.campaign(current_actor(), mailing_id)
            return _form(request.form, problem_of(error).status, error, campaign)
        return go(_path(mailing_id), "campaign_changed")


def _add_acts(console: Blueprint) -> None:
    @console.post("/campaigns/<uuid:mailing_id>/propose")
    @desk(*DESK)
    def propose_mailing(mailing_id: UUID) -> Response:
        return _act(
            mailing_id, lambda v: parts().campaigns.propose(current_actor(), mailing_id, v), "campaign_proposed"
        )

    @console.post("/campaigns/<uuid:mailing_id>/recall")
    @desk(*DESK)
    def recall_mailing(mailing_id: UUID) -> Response:
        return _act(mailing_id, lambda v: parts().campaigns.recall(current_actor(), mailing_id, v), "campaign_recalled")

    @console.post("/campaigns/<uuid:mailing_id>/start")
    @desk(*DESK)
    def start_mailing(mailing_id: UUID) -> Response:
        return _act(mailing_id, lambda v: _started(mailing_id, v), "campaign_started")

    @console.post("/campaigns/<uuid:mailing_id>/pause")
    @desk(*DESK)
    def pause_mailing(mailing_id: UUID) -> Response:
        return _act(mailing_id, lambda v: parts().campaigns.pause(current_actor(), mailing_id, v), "campaign_paused")

    @console.post("/campaigns/<uuid:mailing_id>/resume")
    @desk(*DESK)
    def resume_mailing(mailing_id: UUID) -> Response:
        return _act(mailing_id, lambda v: parts().campaigns.resume(current_actor(), mailing_id, v), "campaign_resumed")

    @console.post("/campaigns/<uuid:mailing_id>/cancel")
    @desk(*DESK)
    def cancel_mailing(mailing_id: UUID) -> Response:
        return _act(
            mailing_id, lambda v: parts().campaigns.cancel(current_actor(), mailing_id, v), "campaign_cancelled"
        )


def add_campaigns(console: Blueprint) -> None:
    @console.get("/campaigns")
    @desk(*DESK)
    def mailings() -> Response:
        wanted, number = ListFilter.read(), forms.page_number(request.args)
        found, total = parts().campaign_reading.campaigns(
            current_actor(),
            state=wanted.state,
            notice=wanted.notice,
            offset=(number - 1) * forms.PAGE_SIZE,
            limit=forms.PAGE_SIZE,
        )
        return page(
            "campaigns.html",
            **VOCABULARY,
            campaigns=found,
            total=total,
            number=number,
            last=forms.last_page(total),
            wanted=wanted,
            segment_words=segment_words,
            staff=parts().people.staff_names([c.created_by for c in found]),
        )

    @console.get("/campaigns/<uuid:mailing_id>")
    @desk(*DESK)
    def mailing(mailing_id: UUID) -> Response:
        campaign = parts().campaign_reading.campaign(current_actor(), mailing_id)
        if request.args.get("part") != "progress":
            return _show(campaign)
        rests_until = parts().campaign_sending.rests_until()
        answer = fragment("_campaign_progress.html", **VOCABULARY, campaign=campaign, rests_until=rests_until)
        if campaign.state is not State.RUNNING:
            answer.headers["HX-Refresh"] = "true"
        return answer

    @console.get("/campaigns/<uuid:mailing_id>/recipients.csv")
    @desk(*DESK)
    def mailing_csv(mailing_id: UUID) -> Response:
        actor, wanted = current_actor(), RecipientFilter.read(mailing_id)
        campaign = parts().campaign_reading.campaign(actor, mailing_id)
        lines = parts().campaign_reading.export(actor, mailing_id, result=wanted.result, after=wanted.after)
        names = parts().people.names([line.graduate_id for line in lines])
        return csv_file(f"群发通知-{campaign.number}.csv", _rows(lines, names))

    _add_writing(console)
    _add_acts(console)
