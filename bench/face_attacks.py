"""Genuine clips and every attack against the local face engine, with camera parameters nobody tuned for.

    OPENBLAS_NUM_THREADS=1 python -m bench.face_attacks [--seed 1] [--minutes 5] [--rounds 0]

Every round draws a new simulated person's strength of movement, camera noise, light and distance, and runs one genuine
clip and each attack for each pair of portraits. Prints pass and refusal counts; exit status 1 when an attack passed.
"""

from __future__ import annotations

import argparse
import random
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path

from app.ports import FaceDecision, FaceVerdict
from bench.face_calibrate import ROOT, rate
from providers.faces.challenge import issue_challenge
from providers.faces.engine import LocalFaceEngine
from providers.sandbox.attacks import Attack, Scene, stage
from providers.sandbox.camera import WarpParameters

PAIRS = (("person_a_3", "person_a_1"), ("person_a_1", "person_a_3"), ("person_a_2", "person_a_1"))
STRANGER = "person_b_1"


def unseen_warp(rng: random.Random) -> WarpParameters:
    """Parameters from around the defaults, never the defaults."""
    return WarpParameters(
        yaw_deg=rng.uniform(18, 25),
        pitch_deg=rng.uniform(12, 17),
        blink=rng.uniform(0.8, 0.95),
        mouth=rng.uniform(0.26, 0.4),
        depth=rng.uniform(0.92, 1.1),
        noise=rng.uniform(1.0, 4.0),
        jitter=rng.uniform(0.6, 2.0),
        light=rng.uniform(0.75, 1.1),
        face_px=rng.randint(170, 240),
        quality=rng.randint(75, 92),
    )


def read_portrait(folder: Path, name: str) -> bytes:
    """Raises SystemExit with the way out when the portraits were not fetched."""
    file = folder / f"{name}.jpg"
    if not file.is_file():
        raise SystemExit(f"{name}.jpg is missing: run 'python deploy/fetch_portraits.py' first")
    return file.read_bytes()


def scenes(folder: Path, rng: random.Random) -> Iterator[tuple[str, Scene]]:
    stranger = read_portrait(folder, STRANGER)
    for victim, registrar in PAIRS:
        seed, warp = rng.randrange(2**31), unseen_warp(rng)
        yield victim, Scene(read_portrait(folder, victim), read_portrait(folder, registrar), stranger, seed, warp)


def run(folder: Path, seed: int, minutes: float, rounds: int) -> bool:
    """True when no attack passed."""
    rng, engine, ends = random.Random(seed), LocalFaceEngine(), time.monotonic() + minutes * 60
    genuine: list[tuple[str, FaceVerdict]] = []
    attacked: dict[Attack, list[FaceVerdict]] = defaultdict(list)
    done = 0
    while (done < rounds) if rounds else (time.monotonic() < ends):
        for victim, scene in scenes(folder, rng):
            challenge = issue_challenge(rng)
            clip = scene.camera(scene.victim).record(challenge)
            genuine.append((victim, engine.verify(scene.registrar, challenge, clip)))
            for attack in Attack:
                attacked[attack].append(engine.verify(scene.registrar, challenge, stage(attack, scene, challenge)))
        done += 1
        print(f"\rround {done}", end="", flush=True)
    print()
    return report(genuine, attacked)


def report(genuine: list[tuple[str, FaceVerdict]], attacked: dict[Attack, list[FaceVerdict]]) -> bool:
    for victim, _ in PAIRS:
        own = [v for name, v in genuine if name == victim]
        print(f"genuine {victim}   passed {rate(sum(v.decision is FaceDecision.PASS for v in own), len(own))}")
        print(f"    {dict(Counter(f'{v.decision.value}: {v.reason}' for v in own))}")
    clean = True
    for attack, verdicts in attacked.items():
        passed = sum(v.decision is FaceDecision.PASS for v in verdicts)
        clean = clean and passed == 0
        words = dict(Counter(f"{v.decision.value}: {v.reason}" for v in verdicts))
        print(f"{attack.value:<20} refused {len(verdicts) - passed}/{len(verdicts)}  {words}")
    return clean


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--portraits", type=Path, default=ROOT / "var" / "portraits")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--minutes", type=float, default=5.0)
    parser.add_argument("--rounds", type=int, default=0, help="exactly so many rounds instead of minutes")
    arguments = parser.parse_args()
    print(f"seed {arguments.seed}, minutes {arguments.minutes}, rounds {arguments.rounds or 'as many as fit'}")
    return 0 if run(arguments.portraits, arguments.seed, arguments.minutes, arguments.rounds) else 1


if __name__ == "__main__":
    raise SystemExit(main())
