"""Did this person do what was asked, in this order, with a face that is not flat?

It deters; it does not stop injected video. Left and right are the person's own, in frames that are not mirrored.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import groupby

from app.ports import FaceAction
from providers.faces.geometry import Motion, face_at_rest, motion, nose_place
from providers.faces.reasons import Reason, Refused
from providers.faces.thresholds import Thresholds
from providers.faces.tracking import Sighting

Shown = Callable[[Motion, Thresholds], bool]

SHOWS: dict[FaceAction, Shown] = {
    FaceAction.BLINK: lambda m, t: m.lids <= t.lids_closed,
    FaceAction.TURN_LEFT: lambda m, t: m.yaw >= t.turned,
    FaceAction.TURN_RIGHT: lambda m, t: m.yaw <= -t.turned,
    FaceAction.OPEN_MOUTH: lambda m, t: m.lips >= t.lips_open,
    FaceAction.NOD: lambda m, t: m.nose_y >= t.nod_relief,
}
# blinking is never wrong, and a nod cannot be told from looking at the prompt below the camera
NEVER_UNASKED = (FaceAction.TURN_LEFT, FaceAction.TURN_RIGHT, FaceAction.OPEN_MOUTH)


def motions_of(sightings: Sequence[Sighting], actions: Sequence[int], thresholds: Thresholds) -> list[Motion]:
    """Every frame's motion against the person's own rest, the frames of action 0.

    Raises Refused (NOT_FACING, NEUTRAL_UNSTEADY).
    """
    resting = [s.points for s, action in zip(sightings, actions, strict=True) if action == 0]
    rest = face_at_rest(resting)
    if abs(nose_place(rest)) > thresholds.rest_facing:
        raise Refused(Reason.NOT_FACING)
    moved = [motion(rest, s.points) for s in sightings]
    for m in moved[: len(resting)]:
        if abs(m.yaw) > thresholds.rest_yaw or abs(m.lips) > thresholds.rest_lips:
            raise Refused(Reason.NEUTRAL_UNSTEADY)
    return moved


def check_actions(asked: Sequence[FaceAction], actions: Sequence[int], moved: Sequence[Motion], t: Thresholds) -> None:
    """Each asked action in its own part of the clip and no other strong one. Raises Refused (ACTION_MISSING,
    ACTION_NOT_ASKED, FLAT_FACE).
    """
    parts = [[m for _, m in run] for _, run in groupby(zip(actions, moved, strict=True), key=lambda pair: pair[0])]
    previous = asked[0]
    for action, part in zip(asked[1:], parts[1:], strict=True):
        _check_nothing_else(action, previous, part, t)
        _check_shown(action, part, t)
        previous = action


def _check_shown(action: FaceAction, part: Sequence[Motion], t: Thresholds) -> None:
    if not any(SHOWS[action](m, t) for m in part):
        flat_nod = action is FaceAction.NOD and max(abs(m.nose_y) for m in part) < t.nod_relief / 4
        raise Refused(Reason.FLAT_FACE if flat_nod else Reason.ACTION_MISSING)
    if action is FaceAction.BLINK:
        _check_reopened(part)
    if action in (FaceAction.TURN_LEFT, FaceAction.TURN_RIGHT):
        side = 1 if action is FaceAction.TURN_LEFT else -1
        if max(side * m.nose_x for m in part) < t.turn_relief:
            raise Refused(Reason.FLAT_FACE)


def _check_reopened(part: Sequence[Motion]) -> None:
    """A blink begins or ends here: eyes closed all along are no action."""
    closed = min(range(len(part)), key=lambda i: part[i].lids)
    half_open = (1 + part[closed].lids) / 2
    if not any(m.lids >= half_open for m in part):
        raise Refused(Reason.ACTION_MISSING)


def _check_nothing_else(asked: FaceAction, previous: FaceAction, part: Sequence[Motion], t: Thresholds) -> None:
    """A clip that shows everything all the time fits every challenge; so nothing else may be shown.

    The person may still be coming back from the action before, hence frames at the start that show it do not count.
    """
    start = 0
    if previous in NEVER_UNASKED and previous is not asked:
        while start < len(part) and SHOWS[previous](part[start], t):
            start += 1
        if start == len(part):
            raise Refused(Reason.ACTION_NOT_ASKED)
    for other in NEVER_UNASKED:
        if other is not asked and any(SHOWS[other](m, t) for m in part[start:]):
            raise Refused(Reason.ACTION_NOT_ASKED)
