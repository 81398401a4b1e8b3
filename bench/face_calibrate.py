"""FMR and FNMR of the matching limits on the public faces at hand, with n and 95 % intervals.

    OPENBLAS_NUM_THREADS=1 python -m bench.face_calibrate [--portraits var/portraits] [--chips ../shared/faces]

``--chips`` is a folder with one folder of small pictures per person; without it only the portraits are used. A handful
of people is enough to place a limit and to notice when it shifts, never to promise a rate: the pairs share people and
pictures, so the intervals are narrower than the truth.
"""

from __future__ import annotations

import argparse
import hashlib
import random
from collections import defaultdict
from collections.abc import Iterator
from math import sqrt
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from providers.faces.matching import distance, fuse
from providers.faces.stack import encode, find_faces
from providers.faces.thresholds import THRESHOLDS

Floats = NDArray[np.float64]

ROOT = Path(__file__).resolve().parents[1]
TRIPLES = 10
FRAMES_FUSED = 3


def wilson(hits: int, n: int) -> tuple[float, float]:
    """95 % interval of a share, by Wilson's score."""
    if n == 0:
        return 0.0, 1.0
    z, share = 1.959964, hits / n
    middle = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    return max(0.0, middle - half), min(1.0, middle + half)


def rate(hits: int, n: int) -> str:
    low, high = wilson(hits, n)
    return f"{hits / n if n else 0:7.2%}  ({hits}/{n}, 95 % {low:.2%} to {high:.2%})"


def pictures(portraits: Path, chips: Path) -> Iterator[tuple[str, Path]]:
    """(person, file), each picture once; the partial portraits are left out, no registrar would take them."""
    seen: set[bytes] = set()
    named = [(file.name[:8], file) for file in sorted(portraits.glob("person_?_?.jpg"))]
    named += [(f"chips {file.parent.name}", file) for file in sorted(chips.glob("*/*.jpg"))]
    for person, file in named:
        digest = hashlib.sha256(file.read_bytes()).digest()
        if digest not in seen:
            seen.add(digest)
            yield person, file


def encode_file(file: Path) -> Floats | None:
    with Image.open(file) as opened:
        picture = opened.convert("RGB")
    picture.thumbnail((1000, 1000))
    pixels = np.asarray(picture)
    found = find_faces(pixels, enlarge=1)
    return encode(pixels, found[0]) if len(found) == 1 else None


def distances(people: dict[str, list[Floats]], frames: int, rng: random.Random) -> tuple[list[float], list[float]]:
    """(genuine, impostor) distances of every picture as reference against means of ``frames`` other pictures."""
    genuine, impostor = [], []
    for person, own in people.items():
        for index, reference in enumerate(own):
            others = own[:index] + own[index + 1 :]
            if len(others) >= frames:
                genuine += [distance(reference, _mean(rng.sample(others, frames))) for _ in range(TRIPLES)]
            for stranger, theirs in people.items():
                if stranger != person and len(theirs) >= frames:
                    impostor += [distance(reference, _mean(rng.sample(theirs, frames))) for _ in range(TRIPLES)]
    return genuine, impostor


def _mean(encodings: list[Floats]) -> Floats:
    return fuse(encodings) if len(encodings) >= FRAMES_FUSED else encodings[0]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--portraits", type=Path, default=ROOT / "var" / "portraits")
    parser.add_argument("--chips", type=Path, default=ROOT.parent / "shared" / "faces")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    people: dict[str, list[Floats]] = defaultdict(list)
    skipped = 0
    for person, file in pictures(arguments.portraits, arguments.chips):
        encoding = encode_file(file)
        if encoding is None:
            skipped += 1
        else:
            people[person].append(encoding)
    print(f"people {len(people)}, pictures {sum(map(len, people.values()))}, without one clear face {skipped}")
    for frames in (1, FRAMES_FUSED):
        report(frames, *distances(people, frames, random.Random(arguments.seed)))


def report(frames: int, genuine: list[float], impostor: list[float]) -> None:
    print(f"\nprobe of {frames} frame(s): genuine {_span(genuine)}, impostor {_span(impostor)}")
    for name, limit in (("pass", THRESHOLDS.pass_distance), ("unsure", THRESHOLDS.unsure_distance)):
        print(f"  {name} at {limit:.2f}  FMR {rate(sum(d <= limit for d in impostor), len(impostor))}")
        print(f"              FNMR {rate(sum(d > limit for d in genuine), len(genuine))}")


def _span(values: list[float]) -> str:
    low, middle, high = np.percentile(values, [0, 50, 100]) if values else (0, 0, 0)
    return f"{low:.3f} / {middle:.3f} / {high:.3f}"


if __name__ == "__main__":
    main()
