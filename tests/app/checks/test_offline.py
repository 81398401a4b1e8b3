"""A package in a stranger's hands: what is found without a database, and what needs the public key."""

from __future__ import annotations

import base64
import os
import random
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest
from click.testing import CliRunner
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from app.checks import layout
from app.checks import report as reports
from app.checks.offline import Verification, verify
from app.checks.rules import Outcome, Stage, Verdict
from app.checks.sources import Unreadable, source_at
from app.errors import Conflict
from commands.checks import FAILED, PASSED, UNREADABLE, check_cohort, check_command, export
from parts import Lantai
from providers.signing import FileSigner, key_id_of, public_pem, raw_public
from tests.app.checks.conftest import FooledProber, MemorySource, RememberingProber
from tests.conftest import Person

ROOT = Path(__file__).resolve().parents[3]
FLIPS = 260
TODAY = date(2030, 1, 1)


def judged(source: MemorySource, **given: object) -> Verification:
    return verify(source, RememberingProber(), TODAY, **given)  # type: ignore[arg-type]


def passes(found: Verification) -> bool:
    return found.verdict in (Verdict.PASSED, Verdict.NOTED)


def failed(found: Verification) -> set[str]:
    return {r.check_id for r in (*found.results, *found.seal) if r.outcome is Outcome.FAIL}


def test_bagit_accepts_the_folder_and_our_own_verifier_too(exported: Path) -> None:
    bag = subprocess.run([sys.executable, "-m", "bagit", "--validate", str(exported)], capture_output=True, text=True)
    assert bag.returncode == 0, bag.stderr
    found = judged(MemorySource.of(exported))
    assert passes(found)
    outcomes = {r.check_id: r.outcome for r in found.seal}
    assert outcomes.pop("Z-1-74") is Outcome.NOT_RUN
    # made for no receiver, it has no statement
    assert outcomes.pop("Z-1-76") is outcomes.pop("Z-1-77") is Outcome.NOT_APPLICABLE
    assert list(outcomes.values()) == [Outcome.PASS] * 5
    (exported / "data/records.json").write_bytes((exported / "data/records.json").read_bytes()[:-1])
    bag = subprocess.run([sys.executable, "-m", "bagit", "--validate", str(exported)], capture_output=True, text=True)
    assert bag.returncode == 1


def test_every_flipped_bit_is_found(exported: Path) -> None:
    """The seed is fixed: every file is hit, and the places differ from file to file."""
    whole, rng = MemorySource.of(exported), random.Random(20260601)
    names = whole.names()
    prober = FooledProber(whole.files)
    assert passes(verify(whole, prober, TODAY))
    missed = []
    for n in range(FLIPS):
        name = names[n % len(names)]
        data = bytearray(whole.files[name])
        bit = rng.randrange(len(data) * 8)
        data[bit // 8] ^= 1 << bit % 8
        if passes(verify(MemorySource({**whole.files, name: bytes(data)}), prober, TODAY)):
            missed.append((name, bit))
    assert missed == []


def test_dropped_added_renamed_and_swapped_files_are_found(exported: Path) -> None:
    whole = MemorySource.of(exported).files
    for name in whole:
        rest = {n: d for n, d in whole.items() if n != name}
        assert not passes(judged(MemorySource(rest))), f"dropped {name}"
        renamed = {**rest, name.replace(".", "-x."): whole[name]}
        assert not passes(judged(MemorySource(renamed))), f"renamed {name}"
    for extra in ("data/materials/4-1/009.jpg", "data/extra.json", "notes.txt", "data/.DS_Store", "../outside.txt"):
        assert not passes(judged(MemorySource({**whole, extra: b"x"}))), extra
    first, second = "data/materials/4-1/001.jpg", "data/materials/4-1/002.pdf"
    assert not passes(judged(MemorySource({**whole, first: whole[second], second: whole[first]})))


def test_a_report_signed_by_somebody_else_needs_the_public_key_to_be_found(
    exported: Path, lantai: Lantai, key_folder: Path
) -> None:
    """The forger rewrites a grade and everything that vouches for it, and signs with a key of their own."""
    genuine = FileSigner(key_folder)
    own = Ed25519PrivateKey.generate()

    class Forger:
        key_id = key_id_of(raw_public(own.public_key()))

        def sign(self, message: bytes) -> bytes:
            return own.sign(message)

        def public_keys(self) -> dict[str, bytes]:
            return {self.key_id: raw_public(own.public_key())}

    files = dict(MemorySource.of(exported).files)
    report = reports.read_report(files[layout.REPORT])
    key = report.key.model_copy(
        update={"key_id": Forger.key_id, "public_key": base64.b64encode(raw_public(own.public_key())).decode()}
    )
    signed = reports.sign(report.model_copy(update={"key": key}), Forger())
    files[layout.REPORT], files[layout.SIGNATURE] = signed.report, signed.signature
    tags = {n: d for n, d in files.items() if not n.startswith("data/") and n != layout.TAG_MANIFEST}
    files[layout.TAG_MANIFEST] = layout.digest_list({n: layout.sha256(d) for n, d in tags.items()}).encode()
    forged = MemorySource(files)

    unaware = judged(forged)
    assert passes(unaware)
    assert unaware.trusted is None
    assert "不能说明由谁签发" in next(r.note for r in unaware.seal if r.check_id == "Z-1-74")
    aware = judged(forged, trusted=genuine.public_keys())
    assert (aware.trusted, aware.verdict) == (False, Verdict.FAILED)
    assert failed(aware) - failed(unaware) == {"Z-1-74"}
    assert judged(MemorySource.of(exported), trusted=genuine.public_keys()).trusted is True


def test_an_old_report_holds_after_the_key_was_rotated(exported: Path, key_folder: Path, tmp_path: Path) -> None:
    folder = tmp_path / "keys"
    shutil.copytree(key_folder, folder)
    before = FileSigner(folder).key_id
    assert FileSigner.add_key(folder) == 2
    after = FileSigner(folder)
    assert after.key_id != before
    assert list(after.public_keys()) == [before, after.key_id]
    assert judged(MemorySource.of(exported), trusted=after.public_keys()).trusted is True


# --- the command ------------------------------------------------------------------------------------------------------


def zipped(path: Path, files: dict[str, bytes], method: int = zipfile.ZIP_STORED) -> Path:
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, data in files.items():
            archive.writestr(f"bag/{name}" if not name.startswith("../") else name, data)
    return path


def test_the_command_needs_nothing_but_the_package(exported: Path, key_folder: Path, tmp_path: Path) -> None:
    """A fresh process with an empty environment, in an empty folder."""
    keys = tmp_path / "archive.pem"
    keys.write_text("".join("# key\n" + public_pem(raw) for raw in FileSigner(key_folder).public_keys().values()))
    (tmp_path / "empty").mkdir()
    bare = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)}

    def run(package: Path) -> subprocess.CompletedProcess[str]:
        words = ["-m", "cli", "check", "--offline", str(package), "--public-key", str(keys)]
        return subprocess.run(
            [sys.executable, *words], cwd=tmp_path / "empty", env=bare, capture_output=True, text=True, check=False
        )

    good = run(exported)
    assert good.returncode == PASSED, good.stderr + good.stdout
    for word in ("真实性：", "完整性：", "可用性：", "安全性：", "签名由所给公钥的持有者签发", "通过"):
        assert word in good.stdout
    spoilt = exported / "data/materials/4-1/001.jpg"
    spoilt.write_bytes(spoilt.read_bytes()[:-1] + b"\x00")
    bad = run(exported)
    assert bad.returncode == FAILED
    assert "Z-1-01" in bad.stdout
    assert "未通过" in bad.stdout
    assert list((tmp_path / "empty").iterdir()) == []


@pytest.fixture
def offline() -> Callable[[Path], int]:
    def run(path: Path) -> int:
        return CliRunner().invoke(check_command, ["--offline", str(path)]).exit_code

    return run


def test_hostile_zips_are_refused_and_leave_nothing_behind(
    exported: Path, tmp_path: Path, offline: Callable[[Path], int]
) -> None:
    files = MemorySource.of(exported).files
    assert offline(zipped(tmp_path / "good.zip", files)) == PASSED
    assert offline(zipped(tmp_path / "slip.zip", {**files, "../../evil.txt": b"x"})) == FAILED
    assert not (tmp_path.parent / "evil.txt").exists()
    bomb = {**files, "data/materials/4-1/003.jpg": bytes(64 * 1024 * 1024)}
    assert offline(zipped(tmp_path / "bomb.zip", bomb, zipfile.ZIP_DEFLATED)) == UNREADABLE
    whole = (tmp_path / "good.zip").read_bytes()
    for n, spoilt in enumerate((b"", b"not a zip", whole[: len(whole) // 2])):
        (tmp_path / f"broken-{n}.zip").write_bytes(spoilt)
        assert offline(tmp_path / f"broken-{n}.zip") == UNREADABLE
    twice = tmp_path / "twice.zip"
    shutil.copy(tmp_path / "good.zip", twice)
    with pytest.warns(UserWarning, match="Duplicate"), zipfile.ZipFile(twice, "a") as archive:
        archive.writestr("bag/bagit.txt", "again")
    assert offline(twice) == UNREADABLE


def test_links_inside_a_folder_are_not_followed(exported: Path, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("x")
    (exported / "data/link.txt").symlink_to(tmp_path / "secret")
    with pytest.raises(Unreadable):
        source_at(exported)


def test_a_flipped_bit_in_a_stored_entry_fails_by_its_checksum(exported: Path, tmp_path: Path) -> None:
    path = zipped(tmp_path / "good.zip", MemorySource.of(exported).files)
    data = bytearray(path.read_bytes())
    at = data.find(b"\xff\xd8\xff") + 40
    data[at] ^= 1
    path.write_bytes(data)
    assert "Z-3-02" in failed(verify(source_at(path), RememberingProber(), TODAY))


def test_a_cohort_on_the_command_line_and_a_package_of_one(
    lantai: Lantai, held: Person, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The second run finds nothing left to do; the exported zip passes in a stranger's hands."""
    assert check_cohort(lantai, 2026, Stage.ARCHIVING) == PASSED
    assert "本次检测 1 份" in capsys.readouterr().out
    assert check_cohort(lantai, 2026, Stage.ARCHIVING) == PASSED
    assert "本次检测 0 份" in capsys.readouterr().out
    for name in ("one.zip", "folder"):
        export(lantai, held.id, Stage.ARCHIVING, tmp_path / name)
        assert passes(verify(source_at(tmp_path / name), RememberingProber(), TODAY))
    assert sorted(p.name for p in tmp_path.iterdir() if p.name != "data") == ["folder", "one.zip"]
    with pytest.raises(Conflict):
        export(lantai, held.id, Stage.ARCHIVING, tmp_path / "folder")


def test_both_or_neither_of_cohort_and_offline_is_a_usage_error() -> None:
    assert CliRunner().invoke(check_command, []).exit_code == 2
    assert CliRunner().invoke(check_command, ["--cohort", "2026", "--offline", "x"]).exit_code == 2
