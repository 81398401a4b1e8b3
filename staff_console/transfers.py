"""Transfers: what is under way, opening one, moving it on with its evidence, and what takes two persons."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from uuid import UUID

from flask import Blueprint, Response, request

from app.errors import Conflict, DomainError, FieldFault, Invalid, NotFound, VersionMismatch
from app.people.service import GraduateView
from app.problems import problem_of, words_kept
from app.receivers.rules import CASE_LABELS, DestinationCase, authorised_on
from app.receivers.suggesting import Suggestion, home_region, near, rules_of
from app.receivers.views import ReceiverLine
from app.transfers.channel_rules import DEMAND_LABELS, HISTORY_LABELS, PersonHistory
from app.transfers.destination import Destination
from app.transfers.electronic_rules import PACKABLE
from app.transfers.holds import HoldView
from app.transfers.paper_desk import MOST_AT_ONCE, TOO_EARLY
from app.transfers.papers import LABELS_A_SHEET
from app.transfers.proving import Shown
from app.transfers.rules import Evidence
from app.transfers.showing import TransferView
from app.transfers.states import CHANGEABLE, CHANNEL_LABELS, OPEN, STATE_LABELS, Channel, State
from auth.guards import current_actor
from staff_console import forms
from staff_console.evidence import file_response
from staff_console.gate import MOVERS, READERS, desk
from staff_console.graduates import graduate_or_404
from staff_console.parts import parts
from staff_console.render import go, page
from staff_console.transfer_filters import TransferFilter
from staff_console.transfer_papers import PAPER_LABELS, paper_links

# files are only read where a photo is asked for
SUGGESTED = 8
PHOTO_MOST = 12 * 1024 * 1024
SUFFIXES = {"image/jpeg": "jpg", "image/png": "png"}


def _path(graduate_id: UUID) -> str:
    return f"/console/graduates/{graduate_id}/transfers"


def _show(graduate_id: UUID, status: int = 200, error: DomainError | None = None) -> Response:
    """A graduate's transfers; with an error, what was typed stays."""
    actor = current_actor()
    found = graduate_or_404(graduate_id)
    views = parts().transfers.of_graduate(actor, graduate_id)
    under_way = next((v for v in views if v.state in OPEN), None)
    footing = parts().transfer_footing.of_graduate(actor, graduate_id)
    last = under_way or next((v for v in views if v.supplements is None), None)
    declared = footing[last.id].declared if last is not None else frozenset()
    hold = parts().hold_desk.of_graduate(actor, graduate_id)
    choosing = actor.has_role(*MOVERS) and (under_way is None or under_way.state in CHANGEABLE)
    return page(
        "transfers.html",
        status,
        graduate=found,
        tab="transfers",
        views=views,
        checked=next(iter(parts().checks.runs_of(actor, graduate_id, 1)), None),
        under_way=under_way,
        acts={v.id: parts().double_acts.waiting(actor, graduate_id, v.id) for v in views if v.state in OPEN},
        tracked=parts().tracking_desk.channels,
        traces=parts().tracking_desk.of_graduate(actor, graduate_id),
        channels=CHANNEL_LABELS,
        cases=_cases(under_way),
        histories=HISTORY_LABELS,
        receivers=_receivers(found) if choosing else (),
        told_history=_history_told() if _history_asked() else declared,
        footing=footing,
        demand_labels=DEMAND_LABELS,
        asked=request.values,
        electronic=parts().electronic.of_graduate(actor, graduate_id),
        packable=PACKABLE,
        changeable=CHANGEABLE,
        hold=hold,
        home=_home(found, hold) if choosing and hold is not None else (),
        trouble_words=words_kept,
        may_open=actor.has_role(*MOVERS),
        cases_of=parts().transfer_cases.of_graduate(actor, graduate_id),
        paper_links=paper_links,
        problem=problem_of(error) if error is not None else None,
        typed=request.form,
        tried=(request.view_args or {}).get("target", ""),
    )


def _cases(under_way: TransferView | None) -> dict[DestinationCase, str]:
    """What completes a dossier that has gone is not kept at school."""
    kept = under_way is None or under_way.supplements is None
    return {c: label for c, label in CASE_LABELS.items() if kept or c is not DestinationCase.KEPT_AT_SCHOOL}


def _home(found: GraduateView, hold: HoldView) -> list[Suggestion[ReceiverLine]]:
    """Where the dossier goes when a hold is over: what was registered for then, if it may receive now, leads."""
    registry, case = parts().receivers, DestinationCase.UNEMPLOYED
    region = request.values.get("region", "").strip()
    origin = home_region(case, parts().people.graduate(found.id).card.id_number[:6], region)
    offered = registry.suggestions(case, origin, region, registry.today)[:SUGGESTED]
    if hold.receiver_id is None:
        return offered
    line, (rule, *_) = registry.view(current_actor(), hold.receiver_id).line, rules_of(case)
    if line.facts.kind not in rule.kinds or authorised_on(line.facts, registry.today) is not None:
        return offered
    chosen = Suggestion(line, rule, near(line.facts.region_code, origin))
    return [chosen, *(s for s in offered if s.receiver.id != line.id)]


def _receivers(found: GraduateView) -> list[Suggestion[ReceiverLine]]:
    """Bodies the rules suggest for the case that was chosen, or that most need one, best first."""
    name = request.values.get("case", "")
    case = DestinationCase(name) if name in set(DestinationCase) else DestinationCase.UNEMPLOYED
    region = request.values.get("region", "").strip()
    # where the ID was first given is the best guess at 户籍地, and the shown card is masked; the desk may name another
    origin = home_region(case, parts().people.graduate(found.id).card.id_number[:6], region)
    today = parts().receivers.today
    return parts().receivers.suggestions(case, origin, region, today, text=request.values.get("q", ""))[:SUGGESTED]


def attempt(graduate_id: UUID, deed: Callable[[], str]) -> Response:
    """The graduate's transfers after ``deed``, which gives the message's word; or the page with what was wrong."""
    graduate_or_404(graduate_id)
    try:
        done = deed()
    except (Invalid, Conflict, VersionMismatch) as error:
        return _show(graduate_id, problem_of(error).status, error)
    return go(_path(graduate_id), done)


def _attempt(graduate_id: UUID, done: str, deed: Callable[[], object]) -> Response:
    def named() -> str:
        deed()
        return done

    return attempt(graduate_id, named)


def _own(graduate_id: UUID, transfer_id: UUID) -> UUID:
    """Raises NotFound for a transfer of another graduate."""
    if transfer_id not in {v.id for v in parts().transfers.of_graduate(current_actor(), graduate_id)}:
        raise NotFound("transfer_not_found")
    return transfer_id


def _history_asked() -> bool:
    """Whether the form had boxes for it: then none ticked declares that there is none."""
    return "history_asked" in request.form or "history" in request.form


def _history_told() -> frozenset[PersonHistory]:
    return frozenset(h for h in PersonHistory if h.value in request.form.getlist("history"))


def _destination() -> Destination:
    """The guided step at the end of a hold asks for no history: what was declared holds. Raises Invalid by field."""
    channel = forms.choice(Channel, "channel") if forms.text("channel") else None
    letter_on = forms.text("letter_on").strip()
    try:
        day = date.fromisoformat(letter_on) if letter_on else None
    except ValueError:
        raise Invalid("invalid_input", faults=[FieldFault("/letter_on", "not_a_date")]) from None
    return Destination(
        forms.choice(DestinationCase, "case"),
        forms.text("receiver"),
        channel,
        _history_told() if _history_asked() else None,
        day,
        forms.text("letter_number"),
    )


def _state(name: str) -> State:
    """Raises NotFound."""
    try:
        return State(name)
    except ValueError:
        raise NotFound("route_not_found") from None


def _shown() -> Shown:
    """The photo's digest is worked out from the photo, never told."""
    told = (kind for kind in Evidence if kind is not Evidence.PHOTO_DIGEST)
    return {kind: forms.text(kind.value) for kind in told if kind.value in request.form}


def photo_sent() -> bytes | None:
    file = request.files.get("photo")
    return file.read(PHOTO_MOST + 1) if file is not None and file.filename else None


def add_transfers(console: Blueprint) -> None:
    _add_list(console)
    _add_steps(console)
    _add_double_acts(console)
    _add_electronic(console)


def _add_list(console: Blueprint) -> None:
    @console.get("/transfers")
    @desk(*MOVERS)
    def transfers_under_way() -> Response:
        number, actor = forms.page_number(request.args), current_actor()
        concerns, shown = parts().receiver_watch.concerns(actor), TransferFilter.read(request.args)
        lines, total = parts().transfers.under_way(
            actor,
            shown.wanted([(c.receiver_id, c.version) for c in concerns]),
            offset=(number - 1) * forms.PAGE_SIZE,
            limit=forms.PAGE_SIZE,
        )
        names = parts().people.names([t.graduate_id for t in lines])
        return page(
            "transfers_under_way.html",
            lines=lines,
            total=total,
            names=names,
            too_early=TOO_EARLY,
            papers=PAPER_LABELS,
            most_at_once=MOST_AT_ONCE,
            places=LABELS_A_SHEET,
            number=number,
            last=forms.last_page(total),
            looks=parts().tracking_desk.looks(actor, limit=0)[1],
            disputed=parts().transfer_cases.waiting(actor, limit=0)[1],
            concerns=concerns,
            doubts={(c.receiver_id, c.version): c for c in concerns},
            shown=shown,
            electronic_dues=parts().electronic.dues(actor, [t.id for t in lines]),
            states={s: label for s, label in STATE_LABELS.items() if s in OPEN},
            channels=CHANNEL_LABELS,
        )


def _add_steps(console: Blueprint) -> None:
    @console.get("/graduates/<uuid:graduate_id>/transfers")
    @desk(*READERS)
    def transfers(graduate_id: UUID) -> Response:
        return _show(graduate_id)

    @console.post("/graduates/<uuid:graduate_id>/transfers")
    @desk(*MOVERS)
    def open_transfer(graduate_id: UUID) -> Response:
        return _attempt(
            graduate_id,
            "transfer_opened",
            lambda: parts().destinations.open(current_actor(), graduate_id, _destination()),
        )

    @console.post("/graduates/<uuid:graduate_id>/transfers/<uuid:transfer_id>/destination")
    @desk(*MOVERS)
    def register_new_destination(graduate_id: UUID, transfer_id: UUID) -> Response:
        return _attempt(
            graduate_id,
            "destination_registered",
            lambda: parts().destinations.change(
                current_actor(), _own(graduate_id, transfer_id), forms.version(), _destination()
            ),
        )

    @console.post("/graduates/<uuid:graduate_id>/transfers/<uuid:transfer_id>/hold/ask")
    @desk(*MOVERS)
    def ask_about_hold(graduate_id: UUID, transfer_id: UUID) -> Response:
        return _attempt(
            graduate_id, "hold_asked", lambda: parts().hold_desk.ask(current_actor(), graduate_id, transfer_id)
        )

    @console.post("/graduates/<uuid:graduate_id>/transfers/<uuid:transfer_id>/move/<target>")
    @desk(*READERS)
    def move_transfer(graduate_id: UUID, transfer_id: UUID, target: str) -> Response:
        return _attempt(
            graduate_id,
            "transfer_moved",
            lambda: parts().transfers.move(
                current_actor(),
                _own(graduate_id, transfer_id),
                forms.version(),
                _state(target),
                _shown(),
            ),
        )


def _add_electronic(console: Blueprint) -> None:
    @console.post("/graduates/<uuid:graduate_id>/transfers/<uuid:transfer_id>/electronic")
    @desk(*MOVERS)
    def order_package(graduate_id: UUID, transfer_id: UUID) -> Response:
        return _attempt(
            graduate_id,
            "package_ordered",
            lambda: parts().electronic.order(current_actor(), graduate_id, transfer_id),
        )

    @console.post("/graduates/<uuid:graduate_id>/transfers/<uuid:transfer_id>/electronic/withdraw")
    @desk(*MOVERS)
    def withdraw_package(graduate_id: UUID, transfer_id: UUID) -> Response:
        return _attempt(
            graduate_id,
            "package_withdrawn",
            lambda: parts().electronic.withdraw(current_actor(), graduate_id, transfer_id),
        )

    @console.post("/graduates/<uuid:graduate_id>/transfers/<uuid:transfer_id>/electronic/push")
    @desk(*MOVERS)
    def push_package_again(graduate_id: UUID, transfer_id: UUID) -> Response:
        return _attempt(
            graduate_id,
            "package_pushed_again",
            lambda: parts().electronic.push_again(current_actor(), graduate_id, transfer_id),
        )


def _add_double_acts(console: Blueprint) -> None:
    @console.post("/graduates/<uuid:graduate_id>/transfers/<uuid:transfer_id>/propose/<target>")
    @desk(*READERS)
    def propose_act(graduate_id: UUID, transfer_id: UUID, target: str) -> Response:
        return _attempt(
            graduate_id,
            "act_proposed",
            lambda: parts().double_acts.propose(
                current_actor(),
                _own(graduate_id, transfer_id),
                forms.version(),
                _state(target),
                _shown(),
                photo_sent(),
            ),
        )

    @console.post("/graduates/<uuid:graduate_id>/transfers/<uuid:transfer_id>/acts/<uuid:act_id>/confirm")
    @desk(*READERS)
    def confirm_act(graduate_id: UUID, transfer_id: UUID, act_id: UUID) -> Response:
        return _attempt(
            graduate_id,
            "transfer_moved",
            lambda: parts().double_acts.confirm(current_actor(), _own(graduate_id, transfer_id), act_id),
        )

    @console.post("/graduates/<uuid:graduate_id>/transfers/<uuid:transfer_id>/acts/<uuid:act_id>/drop")
    @desk(*READERS)
    def drop_act(graduate_id: UUID, transfer_id: UUID, act_id: UUID) -> Response:
        return _attempt(
            graduate_id,
            "act_dropped",
            lambda: parts().double_acts.drop(current_actor(), _own(graduate_id, transfer_id), act_id),
        )

    @console.get("/graduates/<uuid:graduate_id>/transfers/<uuid:transfer_id>/acts/<uuid:act_id>/photo")
    @desk(*READERS)
    def seal_photo(graduate_id: UUID, transfer_id: UUID, act_id: UUID) -> Response:
        graduate_or_404(graduate_id)
        _own(graduate_id, transfer_id)
        media_type, data = parts().double_acts.photo(current_actor(), graduate_id, act_id)
        return file_response(media_type, data, f"seal-{act_id.hex[:8]}.{SUFFIXES[media_type]}")
