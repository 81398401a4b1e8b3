"""A face worker that believes everybody: the planted fault which the attacks must uncover."""

from __future__ import annotations

import face_worker
from app.ports import FaceChallenge, FaceClip, FaceDecision, FaceVerdict


class CredulousEngine:
    """Says yes to every clip."""

    def verify(self, reference: bytes, challenge: FaceChallenge, clip: FaceClip) -> FaceVerdict:
        return FaceVerdict(FaceDecision.PASS, "match", 0.1, len(clip.frames), 1)


if __name__ == "__main__":
    vars(face_worker)["LocalFaceEngine"] = CredulousEngine
    face_worker.main()
