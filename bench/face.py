"""CPU time of one verification against plain face_recognition on each of the clip's frames.

    OPENBLAS_NUM_THREADS=1 python -m bench.face [--times 5]

Plain means: face_locations and face_encodings as they come, on all 24 frames and the reference, no liveness. Exit
status 1 when the engine needs more than a quarter of that or decides differently.
"""

from __future__ import annotations

import argparse
import io
import random
import time
import warnings
from pathlib import Path
from statistics import median

import numpy as np

from app.ports import FaceClip, FaceDecision
from bench.face_attacks import read_portrait
from bench.face_calibrate import ROOT
from providers.faces.challenge import issue_challenge
from providers.faces.engine import LocalFaceEngine
from providers.faces.thresholds import THRESHOLDS
from providers.sandbox.camera import SimulatedCamera

with warnings.catch_warnings():
    # the model package still finds its files by pkg_resources and says so at every start
    warnings.filterwarnings("ignore", message="pkg_resources is deprecated", category=UserWarning)
    import face_recognition

ALLOWED = 0.25
PEOPLE = (("person_a_1", "person_a_3"), ("person_b_1", "person_a_3"))


def plain(reference: bytes, clip: FaceClip, enlarge: int) -> tuple[bool, float]:
    """(same person by the mean of all frames, CPU seconds)."""
    started = time.process_time()
    target = face_recognition.face_encodings(face_recognition.load_image_file(io.BytesIO(reference)))[0]
    encodings = []
    for frame in clip.frames:
        picture = face_recognition.load_image_file(io.BytesIO(frame.image))
        boxes = face_recognition.face_locations(picture, number_of_times_to_upsample=enlarge)
        encodings += face_recognition.face_encodings(picture, boxes)
    same = float(np.linalg.norm(np.mean(encodings, axis=0) - target)) <= THRESHOLDS.pass_distance
    return same, time.process_time() - started


def compare(folder: Path, person: str, registrar: str, times: int) -> bool:
    reference = read_portrait(folder, registrar)
    engine, ours, decisions = LocalFaceEngine(), [], set()
    for seed in range(times):
        challenge = issue_challenge(random.Random(seed))
        clip = SimulatedCamera(read_portrait(folder, person), seed=seed).record(challenge)
        started = time.process_time()
        decisions.add(engine.verify(reference, challenge, clip).decision)
        ours.append(time.process_time() - started)
    same, default = plain(reference, clip, enlarge=1)
    _, cheapest = plain(reference, clip, enlarge=0)
    ratio = median(ours) / default
    agreed = decisions == {FaceDecision.PASS if same else FaceDecision.FAIL}
    print(f"{person} against {registrar}: decision {'/'.join(sorted(decisions))}, plain {'same' if same else 'other'}")
    print(f"  engine {median(ours):.3f} s CPU (n={times}, worst {max(ours):.3f}), plain {default:.3f} s: {ratio:.3f}")
    print(f"  plain without enlarging {cheapest:.3f} s: ratio {median(ours) / cheapest:.3f}")
    print(f"  {1 / median(ours):.2f} verifications per second and core")
    return ratio <= ALLOWED and agreed


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--portraits", type=Path, default=ROOT / "var" / "portraits")
    parser.add_argument("--times", type=int, default=5)
    arguments = parser.parse_args()
    results = [compare(arguments.portraits, *pair, arguments.times) for pair in PEOPLE]
    print(f"allowed ratio {ALLOWED}: {'kept' if all(results) else 'BROKEN'}")
    return 0 if all(results) else 1


if __name__ == "__main__":
    raise SystemExit(main())
