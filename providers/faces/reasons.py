"""The stable words a verdict gives, and what each one means for the person's tries."""

from __future__ import annotations

from enum import StrEnum

from app.ports import FaceDecision


class Reason(StrEnum):
    """Recorded and translated elsewhere; never renamed."""

    MATCH = "match"
    MATCH_UNSURE = "match_unsure"
    MISMATCH = "mismatch"

    # the capture cannot be used; costs no try
    NO_FRAMES = "no_frames"
    TOO_FEW_FRAMES = "too_few_frames"
    TOO_MANY_FRAMES = "too_many_frames"
    FRAME_TOO_BIG = "frame_too_big"
    NOT_AN_IMAGE = "not_an_image"
    IMAGE_TOO_LARGE = "image_too_large"
    IMAGE_TOO_SMALL = "image_too_small"
    NO_FACE = "no_face"
    SEVERAL_FACES = "several_faces"
    FACE_TOO_SMALL = "face_too_small"
    TOO_DARK = "too_dark"
    TOO_BRIGHT = "too_bright"
    BLURRED = "blurred"
    FACE_LOST = "face_lost"
    NEUTRAL_UNSTEADY = "neutral_unsteady"
    NOT_FACING = "not_facing"
    REFERENCE_UNUSABLE = "reference_unusable"

    # what was shown is not a person doing what was asked; costs a try
    BAD_CHALLENGE = "bad_challenge"
    FORGED_FRAME = "forged_frame"
    WRONG_SEQUENCE = "wrong_sequence"
    TOO_LATE = "too_late"
    IMPLAUSIBLE_TIMING = "implausible_timing"
    DUPLICATE_FRAMES = "duplicate_frames"
    FACE_JUMPED = "face_jumped"
    ACTION_MISSING = "action_missing"
    ACTION_NOT_ASKED = "action_not_asked"
    FLAT_FACE = "flat_face"
    SEVERAL_PEOPLE = "several_people"
    REFERENCE_REPLAYED = "reference_replayed"


_RETAKES = frozenset(
    {
        Reason.NO_FRAMES,
        Reason.TOO_FEW_FRAMES,
        Reason.TOO_MANY_FRAMES,
        Reason.FRAME_TOO_BIG,
        Reason.NOT_AN_IMAGE,
        Reason.IMAGE_TOO_LARGE,
        Reason.IMAGE_TOO_SMALL,
        Reason.NO_FACE,
        Reason.SEVERAL_FACES,
        Reason.FACE_TOO_SMALL,
        Reason.TOO_DARK,
        Reason.TOO_BRIGHT,
        Reason.BLURRED,
        Reason.FACE_LOST,
        Reason.NEUTRAL_UNSTEADY,
        Reason.NOT_FACING,
        Reason.REFERENCE_UNUSABLE,
    }
)


def decision_for(reason: Reason) -> FaceDecision:
    """A reason has one decision. Bystanders and bad light are nobody's fault, and matching is never reached there."""
    if reason is Reason.MATCH:
        return FaceDecision.PASS
    if reason is Reason.MATCH_UNSURE:
        return FaceDecision.UNSURE
    return FaceDecision.RETAKE if reason in _RETAKES else FaceDecision.FAIL


class Refused(Exception):
    """Ends a verification with its reason; never leaves this package."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason.value)
        self.reason = reason
