"""Fetch the public portraits that the face tests and the demo need. They are never part of this repository.

    python deploy/fetch_portraits.py [folder]        (default: var/portraits)

They come from the source package of face-recognition 1.3.0 (its tests' pictures), through pip and whatever index pip is
set up for; the package's SHA-256 is checked before it is opened. Running it again does nothing when all are there.
"""

from __future__ import annotations

import argparse
import hashlib
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

REQUIREMENT = "face-recognition==1.3.0"
ARCHIVE = "face_recognition-1.3.0.tar.gz"
ARCHIVE_SHA256 = "5e5efdd1686aa566af0d3cc1313b131e4b197657a8ffd03669e6d3fad92705ec"
INSIDE = "face_recognition-1.3.0/tests/test_images/"
PICTURES = {
    "person_a_1.jpg": "obama.jpg",
    "person_a_2.jpg": "obama2.jpg",
    "person_a_3.jpg": "obama3.jpg",
    "person_a_partial_1.jpg": "obama_partial_face.jpg",
    "person_a_partial_2.jpg": "obama_partial_face2.jpg",
    "person_b_1.jpg": "biden.jpg",
}


def missing(folder: Path) -> list[str]:
    """Names of pictures that are not in ``folder`` yet."""
    return [name for name in PICTURES if not (folder / name).is_file()]


def download(folder: Path) -> Path:
    """The source package in ``folder``. Raises CalledProcessError if pip fails, ValueError if it is another file."""
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"]
    command += ["--no-deps", "--no-binary", ":all:", "--no-build-isolation", "--dest", str(folder), REQUIREMENT]
    subprocess.run(command, check=True)  # noqa: S603 - a fixed command of our own interpreter
    archive = folder / ARCHIVE
    if hashlib.sha256(archive.read_bytes()).hexdigest() != ARCHIVE_SHA256:
        raise ValueError(f"{ARCHIVE} is not the file that was pinned")
    return archive


def extract(archive: Path, folder: Path) -> None:
    """Copy the named pictures only, under our own neutral names; a half-written file never gets the final name."""
    folder.mkdir(parents=True, exist_ok=True)
    with tarfile.open(archive) as package:
        for done, (name, original) in enumerate(PICTURES.items(), start=1):
            member = package.extractfile(INSIDE + original)
            if member is None:
                raise ValueError(f"{original} is not in the package")
            part = folder / f"{name}.part"
            part.write_bytes(member.read())
            part.replace(folder / name)
            sys.stdout.write(f"\rportraits {done}/{len(PICTURES)}")
    sys.stdout.write("\n")


def main() -> int:
    parser = argparse.ArgumentParser(description="Fetch the public portraits for the face tests and the demo.")
    parser.add_argument("folder", nargs="?", type=Path, default=Path("var/portraits"))
    folder = parser.parse_args().folder
    if not missing(folder):
        sys.stdout.write(f"portraits {len(PICTURES)}/{len(PICTURES)} already there\n")
        return 0
    with tempfile.TemporaryDirectory() as scratch:
        try:
            extract(download(Path(scratch)), folder)
        except (subprocess.CalledProcessError, ValueError, OSError) as error:
            sys.stderr.write(f"no portraits: {error}\n")
            return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
