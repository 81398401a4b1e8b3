"""The report-signing keys: files, rotation, and that they serve nothing else."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from click.testing import CliRunner
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from app.settings import SettingsError
from commands import keys as commands
from commands.checks import public_keys_in
from providers.keys import FileKeys
from providers.signing import FileSigner, key_id_of, public_pem


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    FileKeys.create(tmp_path / "keys")
    return tmp_path / "keys"


def test_a_signature_holds_under_the_published_key_and_under_no_other_message(folder: Path) -> None:
    signer = FileSigner(folder)
    public = signer.public_keys()[signer.key_id]
    assert signer.key_id == key_id_of(public)
    signature = signer.sign(b"report")
    Ed25519PublicKey.from_public_bytes(public).verify(signature, b"report")
    with pytest.raises(InvalidSignature):
        Ed25519PublicKey.from_public_bytes(public).verify(signature, b"Report")


def test_rotation_keeps_the_old_public_key(folder: Path) -> None:
    before = FileSigner(folder)
    first, number = before.key_id, FileSigner.add_key(folder)
    after = FileSigner(folder)
    assert number == 2
    assert after.key_id != first
    assert list(after.public_keys()) == [first, after.key_id]
    assert {stat.S_IMODE(p.stat().st_mode) for p in folder.glob("report-signing-*.key")} == {0o400}


def test_without_a_key_the_way_out_is_named_when_something_is_to_be_signed(tmp_path: Path) -> None:
    signer = FileSigner(tmp_path)
    with pytest.raises(SettingsError, match="lantai keys init"):
        signer.sign(b"x")


def test_an_open_key_file_is_refused(folder: Path) -> None:
    (folder / "report-signing-1.key").chmod(0o644)
    with pytest.raises(SettingsError, match="open to others"):
        FileSigner(folder).sign(b"x")


def test_the_published_file_is_what_the_offline_check_reads(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LANTAI_KEY_DIR", str(folder))
    monkeypatch.setenv("LANTAI_ENVIRONMENT", "test")
    runner = CliRunner()
    before = FileSigner(folder).key_id
    assert runner.invoke(commands.group, ["new-signing-key"]).exit_code == 0
    printed = runner.invoke(commands.group, ["public"])
    assert printed.exit_code == 0
    assert "已停用" in printed.output
    published = tmp_path / "published.pem"
    published.write_text(printed.output)
    assert public_keys_in(published) == dict(FileSigner(folder).public_keys())
    assert before in printed.output
    assert public_pem(next(iter(FileSigner(folder).public_keys().values()))) in printed.output
