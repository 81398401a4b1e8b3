"""All that a filter of 未送达 shows, sent again: the counts first, then the run, its progress and its end."""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, Response, request

from app.errors import Conflict, DomainError, Invalid
from app.problems import problem_of
from auth.guards import current_actor
from notifications.replays.desk import RunView
from notifications.replays.models import State
from notifications.undelivered import CAUSES, SENDERS, WATCHERS, UndeliveredFilter
from staff_console import forms
from staff_console.gate import desk
from staff_console.parts import parts
from staff_console.render import fragment, go, page
from staff_console.undelivered import PATH, RUN_WORDS, WAYS, address, read_filter


def _path(run_id: UUID) -> str:
    return f"{PATH}/again/{run_id}"


def _acts() -> bool:
    return any(current_actor().has_role(role) for role in SENDERS)


def _confirm(wanted: UndeliveredFilter, error: DomainError | None = None) -> Response:
    problem = problem_of(error) if error is not None else None
    counted = parts().replays.preview(current_actor(), wanted)
    concerned, stopped = {way for way, _, _ in counted.by_kind}, {b.outlet.way for b in parts().undelivered.stopped()}
    going_on = [run for run in parts().replays.lately(current_actor()) if run.state is State.RUNNING]
    return page(
        "undelivered_again.html",
        problem.status if problem is not None else 200,
        wanted=wanted,
        counted=counted,
        paused=[label for way, label in WAYS.items() if way in concerned & stopped],
        running=next((run for run in going_on if run.wanted == wanted), None),
        acts=_acts(),
        causes=CAUSES,
        ways=WAYS,
        per_second=parts().settings.campaign_per_second,
        back=address(wanted),
        problem=problem,
    )


def _shown(run: RunView, error: DomainError | None = None) -> Response:
    problem = problem_of(error) if error is not None else None
    people = [person for person in (run.started_by, run.stopped_by) if person is not None]
    return page(
        "undelivered_run.html",
        problem.status if problem is not None else 200,
        **RUN_WORDS,
        run=run,
        acts=_acts() and run.state is State.RUNNING,
        causes=CAUSES,
        ways=WAYS,
        staff=parts().people.staff_names(people),
        rests_until=parts().replay_sending.rests_until(),
        back=address(run.wanted),
        problem=problem,
    )


def add_undelivered_again(console: Blueprint) -> None:
    @console.get("/undelivered/again")
    @desk(*WATCHERS)
    def undelivered_again() -> Response:
        return _confirm(read_filter(request.args))

    @console.post("/undelivered/again")
    @desk(*SENDERS)
    def start_replay() -> Response:
        wanted = read_filter(request.form)
        try:
            run_id, made = parts().replays.start(current_actor(), wanted, double_known=forms.ticked("double"))
        except Invalid as error:
            return _confirm(wanted, error)
        return go(_path(run_id), "replay_started" if made else "replay_joined")

    @console.get("/undelivered/again/<uuid:replay_id>")
    @desk(*WATCHERS)
    def replay(replay_id: UUID) -> Response:
        run = parts().replays.view(current_actor(), replay_id)
        if request.args.get("part") != "progress":
            return _shown(run)
        rests_until = parts().replay_sending.rests_until()
        answer = fragment("_undelivered_progress.html", **RUN_WORDS, run=run, rests_until=rests_until)
        if run.state is not State.RUNNING:
            answer.headers["HX-Refresh"] = "true"
        return answer

    @console.post("/undelivered/again/<uuid:replay_id>/stop")
    @desk(*SENDERS)
    def stop_replay(replay_id: UUID) -> Response:
        try:
            parts().replays.stop(current_actor(), replay_id)
        except Conflict as error:
            return _shown(parts().replays.view(current_actor(), replay_id), error)
        return go(_path(replay_id), "replay_stopped")
