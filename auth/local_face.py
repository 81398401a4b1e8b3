"""Local face verification: the challenge, the way of the frames to the worker, and the worker's side.

Frames are sealed in Redis for two minutes at most. The web process never imports the face stack.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import select

from app.actors import SYSTEM, Actor
from app.db import Database
from app.dossiers.models import Dossier
from app.dossiers.service import DossierService
from app.envelope import open_json
from app.errors import Conflict, FieldFault, Invalid, TooLarge
from app.events import EventLog
from app.jobs import JobQueue, VerifyFace
from app.keyring import Keyring
from app.ports import (
    Clock,
    FaceAction,
    FaceChallenge,
    FaceClip,
    FaceDecision,
    FaceEngine,
    FaceFrame,
    FaceVerdict,
    FrameBox,
)
from auth.lockouts import Lockouts
from auth.models import Verification, VerificationState
from auth.places import state_place
from auth.rules import Factor

CAPTURE_LIFE = timedelta(seconds=180)


def _challenge(hidden: dict[str, Any]) -> FaceChallenge:
    actions = tuple(FaceAction(a) for a in hidden["actions"])
    return FaceChallenge(bytes.fromhex(hidden["nonce"]), actions, int(hidden["deadline_ms"]))


class LocalFace:
    """The web process's side."""

    life = CAPTURE_LIFE

    def __init__(
        self,
        db: Database,
        box: FrameBox,
        issue: Callable[[], FaceChallenge],
        queue: JobQueue,
        log: EventLog,
        clock: Clock,
        *,
        max_frames: int,
        max_frame_bytes: int,
    ) -> None:
        self._db, self._box, self._issue, self._queue, self._log, self._clock = db, box, issue, queue, log, clock
        self._max_frames, self._max_frame_bytes = max_frames, max_frame_bytes

    def challenge(self) -> tuple[dict[str, Any], dict[str, Any]]:
        challenge = self._issue()
        value = {
            "nonce": challenge.nonce.hex(),
            "actions": [a.value for a in challenge.actions],
            "deadline_ms": challenge.deadline_ms,
        }
        return dict(value), value

    def hand_over(
        self, actor: Actor, verification_id: UUID, hidden: dict[str, Any], frames: Sequence[FaceFrame]
    ) -> None:
        """Seal the clip into the box and enqueue the work. Raises Invalid, TooLarge, Unavailable, Conflict."""
        if not frames:
            raise Invalid("invalid_input", faults=[FieldFault("/frames", "required")])
        if len(frames) > self._max_frames:
            raise Invalid("invalid_input", faults=[FieldFault("/frames", "too_many")])
        if any(len(f.image) > self._max_frame_bytes for f in frames):
            raise TooLarge("frame_too_large", params={"limit": self._max_frame_bytes})
        self._box.put(verification_id, _challenge(hidden), FaceClip(tuple(frames)))
        with self._db.transaction() as session:
            row = session.get_one(Verification, verification_id, with_for_update=True)
            session.refresh(row)
            if row.state is not VerificationState.WAITING:
                raise Conflict("verification_state", params={"state": row.state.value})
            row.state, row.queued_at = VerificationState.QUEUED, self._clock.now()
            self._queue.enqueue(session, VerifyFace(verification_id))
            self._log.record(
                session,
                actor,
                "verification.frames_received",
                object_kind="verification",
                object_id=verification_id,
                data={"frames": len(frames)},
            )


class FaceWork:
    """The face worker's side: takes one clip, judges it, writes the verdict, drops the frames."""

    def __init__(
        self,
        db: Database,
        keys: Keyring,
        dossiers: DossierService,
        box: FrameBox,
        engine: FaceEngine,
        lockouts: Lockouts,
        log: EventLog,
        clock: Clock,
    ) -> None:
        self._db, self._keys, self._dossiers = db, keys, dossiers
        self._box, self._engine, self._lockouts, self._log, self._clock = box, engine, lockouts, log, clock

    def handle(self, job: VerifyFace) -> None:
        """Idempotent: a verification that is no longer queued is left alone."""
        with self._db.transaction() as session:
            row = session.get(Verification, job.verification_id)
        if row is None or row.state is not VerificationState.QUEUED:
            return
        clip = self._box.get(row.id)
        if clip is None:
            # expired before pick-up: not the person's fault, so no try is spent
            self._settle(row.id, VerificationState.RETAKE, "frames_expired")
            return
        hidden = open_json(self._keys.house(), state_place(row.id), row.sealed_state)
        reference, own = self._reference(row.graduate_id)
        verdict = self._engine.verify(reference, _challenge(hidden), clip)
        self._settle_verdict(row, verdict, hidden["lock"], own=own)
        self._box.drop(row.id)

    def _reference(self, graduate_id: UUID | None) -> tuple[bytes, bool]:
        """(photo, is it the graduate's own). Without one another's is judged against, at the same cost and with the
        same words, so that the answer tells no hit from a miss; it can never pass.
        """
        photo = self._dossiers.reference_photo(graduate_id) if graduate_id is not None else None
        if photo is None:
            with self._db.transaction() as session:
                owner = session.scalar(
                    select(Dossier.graduate_id).where(Dossier.sealed_photo_name.is_not(None)).limit(1)
                )
            return (self._dossiers.reference_photo(owner) if owner is not None else None) or b"", False
        return photo, True

    def _settle_verdict(self, row: Verification, verdict: FaceVerdict, lock: str, *, own: bool) -> None:
        if verdict.decision is FaceDecision.PASS and own:
            self._settle(row.id, VerificationState.VERIFIED, "", verdict=verdict)
        elif verdict.decision is FaceDecision.RETAKE:
            self._settle(row.id, VerificationState.RETAKE, verdict.reason, verdict=verdict)
        else:
            reason = verdict.reason if verdict.decision is not FaceDecision.PASS else "mismatch"
            self._settle(row.id, VerificationState.FAILED, reason, lock=lock, verdict=verdict)

    def _settle(
        self,
        verification_id: UUID,
        state: VerificationState,
        reason: str,
        *,
        lock: str = "",
        verdict: FaceVerdict | None = None,
    ) -> None:
        """Write the verdict once; ``lock`` names the subject a failed try is counted against."""
        with self._db.transaction() as session:
            row = session.get_one(Verification, verification_id, with_for_update=True)
            session.refresh(row)
            if row.state is not VerificationState.QUEUED:
                return
            row.state, row.reason = state, reason
            if state is not VerificationState.VERIFIED:
                row.finished_at = self._clock.now()
            if lock:
                self._lockouts.fail(session, Factor.LOCAL_FACE.value, lock)
            self._log.record(
                session,
                SYSTEM,
                "verification.judged",
                object_kind="verification",
                object_id=verification_id,
                data={"state": state.value, "reason": reason, "cpu_ms": verdict.cpu_ms if verdict else 0},
            )
