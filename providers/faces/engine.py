"""The local face engine: liveness first, then one-to-one matching, cheapest checks first."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass

from app.ports import FaceChallenge, FaceClip, FaceVerdict
from providers.faces.capture import check_different, check_faces, check_light
from providers.faces.decode import open_picture
from providers.faces.frames import check_frames
from providers.faces.liveness import check_actions, motions_of
from providers.faces.matching import (
    check_one_person,
    choose_probes,
    copy_likeness,
    distance,
    doubtful_frames,
    encode_frames,
    fuse,
    judge,
    open_reference,
)
from providers.faces.reasons import Reason, Refused, decision_for
from providers.faces.stack import encode
from providers.faces.thresholds import THRESHOLDS, Thresholds
from providers.faces.tracking import Sighting, follow_face

FRAME_SIDE = 640


@dataclass(slots=True)
class _Evidence:
    """What a verdict reports, filled while checks go on."""

    distance: float | None = None
    frames_used: int = 0


class LocalFaceEngine:
    """Implements app.ports.FaceEngine with face_recognition. One thread only: the detector crashes when shared."""

    def __init__(
        self, thresholds: Thresholds = THRESHOLDS, *, max_frames: int = 40, max_frame_bytes: int = 600 * 1024
    ) -> None:
        self._thresholds = thresholds
        self._max_frames = max_frames
        self._max_frame_bytes = max_frame_bytes
        self._thread: int | None = None

    def verify(self, reference: bytes, challenge: FaceChallenge, clip: FaceClip) -> FaceVerdict:
        """Whether the clip shows the challenge done by the person on ``reference``.

        Bad pictures, attacks and an unusable reference are verdicts, never exceptions. Raises RuntimeError when called
        from a second thread, which is a fault of the program.
        """
        self._keep_to_one_thread()
        started = time.thread_time()
        evidence = _Evidence()
        try:
            reason = self._judge(reference, challenge, clip, evidence)
        except Refused as refused:
            reason = refused.reason
        spent = round((time.thread_time() - started) * 1000)
        return FaceVerdict(decision_for(reason), reason.value, evidence.distance, evidence.frames_used, spent)

    def _judge(self, reference: bytes, challenge: FaceChallenge, clip: FaceClip, evidence: _Evidence) -> Reason:
        check_frames(challenge, clip, max_frames=self._max_frames, max_bytes=self._max_frame_bytes)
        sightings = self._sight(clip)
        actions = [f.action for f in clip.frames]
        moved = motions_of(sightings, actions, self._thresholds)
        check_actions(challenge.actions, actions, moved, self._thresholds)
        return self._match(reference, sightings, choose_probes(actions, moved), evidence)

    def _sight(self, clip: FaceClip) -> list[Sighting]:
        pictures = [open_picture(f.image, longest_side=FRAME_SIDE) for f in clip.frames]
        check_light(pictures)
        check_different(pictures, self._thresholds)
        actions = [f.action for f in clip.frames]
        starts = [i for i in range(1, len(actions)) if actions[i] != actions[i - 1]]
        sightings = follow_face(pictures, starts, self._thresholds)
        check_faces(sightings, actions.count(0), self._thresholds)
        return sightings

    def _match(self, reference: bytes, sightings: list[Sighting], probes: list[int], evidence: _Evidence) -> Reason:
        limits = self._thresholds
        opened = open_reference(reference)
        if copy_likeness(opened, sightings) >= limits.replay_likeness:
            raise Refused(Reason.REFERENCE_REPLAYED)
        encodings = encode_frames(sightings, probes + doubtful_frames(sightings, limits))
        evidence.frames_used = len(encodings)
        check_one_person(encodings, limits)
        target = encode(opened.picture.rgb, opened.box)
        if min(distance(e, target) for e in encodings.values()) < limits.replay_distance:
            raise Refused(Reason.REFERENCE_REPLAYED)
        evidence.distance = distance(fuse([encodings[i] for i in probes]), target)
        return judge(evidence.distance, limits)

    def _keep_to_one_thread(self) -> None:
        here = threading.get_ident()
        if self._thread is None:
            self._thread = here
        if self._thread != here:
            raise RuntimeError("the face engine serves the thread that used it first")
