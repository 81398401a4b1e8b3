"""The cheapest checks: are these the frames that were asked for, in order and in time? Loads no face stack."""

from __future__ import annotations

import hashlib
import hmac
from collections import Counter
from itertools import pairwise

from app.ports import FaceAction, FaceChallenge, FaceClip, FaceFrame
from providers.faces.reasons import Reason, Refused

MIN_FRAMES = 12
MIN_FRAMES_PER_ACTION = 3
MIN_GAP_MS = 30  # faster than any phone's camera delivers stills
MAX_GAP_MS = 2000  # a longer pause is a cut
MIN_ACTION_MS = 250  # nobody reads a prompt and turns faster
MIN_NONCE_BYTES = 16


def frame_mac(nonce: bytes, index: int, action: int, at_ms: int, image: bytes) -> bytes:
    """HMAC-SHA256 keyed by the nonce over ASCII "index|action|at_ms|" + lower-case hex SHA-256 of the image."""
    text = f"{index}|{action}|{at_ms}|{hashlib.sha256(image).hexdigest()}"
    return hmac.digest(nonce, text.encode("ascii"), "sha256")


def check_frames(challenge: FaceChallenge, clip: FaceClip, *, max_frames: int, max_bytes: int) -> None:
    """Size, MAC, order, timing and exact duplicates. Raises Refused; the pictures are not opened."""
    _check_challenge(challenge)
    _check_size(clip.frames, max_frames, max_bytes)
    _check_macs(challenge.nonce, clip.frames)
    _check_sequence(len(challenge.actions), clip.frames)
    _check_timing(challenge.deadline_ms, clip.frames)
    if len({hashlib.sha256(f.image).digest() for f in clip.frames}) < len(clip.frames):
        raise Refused(Reason.DUPLICATE_FRAMES)


def _check_challenge(challenge: FaceChallenge) -> None:
    """Our own fault if it fails: a challenge without a rest first, or a guessable nonce."""
    actions = challenge.actions
    starts_at_rest = len(actions) >= 2 and actions[0] is FaceAction.NEUTRAL and FaceAction.NEUTRAL not in actions[1:]
    if not starts_at_rest or len(challenge.nonce) < MIN_NONCE_BYTES or challenge.deadline_ms <= 0:
        raise Refused(Reason.BAD_CHALLENGE)


def _check_size(frames: tuple[FaceFrame, ...], max_frames: int, max_bytes: int) -> None:
    if not frames:
        raise Refused(Reason.NO_FRAMES)
    if len(frames) > max_frames:
        raise Refused(Reason.TOO_MANY_FRAMES)
    if any(len(f.image) > max_bytes for f in frames):
        raise Refused(Reason.FRAME_TOO_BIG)
    if len(frames) < MIN_FRAMES:
        raise Refused(Reason.TOO_FEW_FRAMES)


def _check_macs(nonce: bytes, frames: tuple[FaceFrame, ...]) -> None:
    for f in frames:
        if not hmac.compare_digest(frame_mac(nonce, f.index, f.action, f.at_ms, f.image), f.mac):
            raise Refused(Reason.FORGED_FRAME)


def _check_sequence(actions: int, frames: tuple[FaceFrame, ...]) -> None:
    """Indices count up from 0; actions go from the first to the last without a step back or a gap."""
    if [f.index for f in frames] != list(range(len(frames))):
        raise Refused(Reason.WRONG_SEQUENCE)
    steps = [b.action - a.action for a, b in pairwise(frames)]
    if frames[0].action != 0 or frames[-1].action != actions - 1 or not set(steps) <= {0, 1}:
        raise Refused(Reason.WRONG_SEQUENCE)
    if min(Counter(f.action for f in frames).values()) < MIN_FRAMES_PER_ACTION:
        raise Refused(Reason.TOO_FEW_FRAMES)


def _check_timing(deadline_ms: int, frames: tuple[FaceFrame, ...]) -> None:
    """``deadline_ms`` is each action's own share, so action i must be over (i + 1) shares after the first frame."""
    if frames[0].at_ms != 0 or any(f.at_ms > (f.action + 1) * deadline_ms for f in frames):
        raise Refused(Reason.TOO_LATE)
    if any(not MIN_GAP_MS <= b.at_ms - a.at_ms <= MAX_GAP_MS for a, b in pairwise(frames)):
        raise Refused(Reason.IMPLAUSIBLE_TIMING)
    for action in {f.action for f in frames}:
        times = [f.at_ms for f in frames if f.action == action]
        if times[-1] - times[0] < MIN_ACTION_MS:
            raise Refused(Reason.IMPLAUSIBLE_TIMING)
