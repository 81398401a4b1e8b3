"""Key files: wrapping, rotation, permissions, and what never shows."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.errors import Tampered
from app.settings import SettingsError
from providers.keys import FileKeys

DEK = bytes(range(32))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    FileKeys.create(tmp_path / "keys")
    return tmp_path / "keys"


def test_wrap_and_unwrap(folder: Path) -> None:
    version, wrapped = FileKeys(folder).wrap(DEK, b"owner")
    assert version == 1
    assert DEK not in wrapped
    assert FileKeys(folder).unwrap(version, wrapped, b"owner") == DEK


def test_two_wraps_differ(folder: Path) -> None:
    keys = FileKeys(folder)
    assert keys.wrap(DEK, b"a") != keys.wrap(DEK, b"a")


def test_create_is_idempotent_and_makes_0400_files(folder: Path) -> None:
    before = {p.name: p.read_bytes() for p in folder.iterdir()}
    FileKeys.create(folder)
    assert {p.name: p.read_bytes() for p in folder.iterdir()} == before
    assert set(before) == {"root-secret.key", "kek-1.key", "report-signing-1.key"}
    assert {stat.S_IMODE(p.stat().st_mode) for p in folder.iterdir()} == {0o400}


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(position=st.integers(0, 59), bit=st.integers(0, 7))
def test_every_flipped_bit_is_found(folder: Path, position: int, bit: int) -> None:
    keys = FileKeys(folder)
    version, wrapped = keys.wrap(DEK, b"owner")
    assert len(wrapped) == 60
    bent = bytearray(wrapped)
    bent[position] ^= 1 << bit
    with pytest.raises(Tampered):
        keys.unwrap(version, bytes(bent), b"owner")


@pytest.mark.parametrize("cut", [0, 5, 12, 27, 59])
def test_a_short_value_is_tampered(folder: Path, cut: int) -> None:
    keys = FileKeys(folder)
    version, wrapped = keys.wrap(DEK, b"")
    with pytest.raises(Tampered):
        keys.unwrap(version, wrapped[:cut], b"")


def test_another_owner_or_version_does_not_open(folder: Path) -> None:
    FileKeys.add_kek(folder)
    keys = FileKeys(folder)
    version, wrapped = keys.wrap(DEK, b"owner")
    for other_version, aad in ((version, b"other"), (1, b"owner"), (7, b"owner"), (-1, b"owner")):
        with pytest.raises(Tampered):
            keys.unwrap(other_version, wrapped, aad)


def test_a_version_is_bound_even_if_two_files_hold_the_same_key(folder: Path) -> None:
    (folder / "kek-2.key").write_bytes((folder / "kek-1.key").read_bytes())
    (folder / "kek-2.key").chmod(0o400)
    keys = FileKeys(folder)
    _, wrapped = keys.wrap(DEK, b"owner")
    with pytest.raises(Tampered):
        keys.unwrap(1, wrapped, b"owner")


def test_rotation_keeps_old_wraps_and_the_named_secrets(folder: Path) -> None:
    old = FileKeys(folder)
    version, wrapped = old.wrap(DEK, b"owner")
    assert FileKeys.add_kek(folder) == 2
    new = FileKeys(folder)
    assert new.primary_version == 2
    assert new.unwrap(version, wrapped, b"owner") == DEK
    assert new.secret("blind-index") == old.secret("blind-index")
    assert old.unwrap(*new.wrap(DEK, b"owner"), b"owner") == DEK, "a running process must find a KEK added meanwhile"


def test_decrypt_only_then_primary(folder: Path) -> None:
    assert FileKeys.add_kek(folder, decrypt_only=True) == 2
    assert FileKeys(folder).primary_version == 1
    FileKeys.make_primary(folder, 2)
    assert FileKeys(folder).primary_version == 2
    assert FileKeys.add_kek(folder) == 3
    assert FileKeys(folder).primary_version == 3
    with pytest.raises(SettingsError):
        FileKeys.make_primary(folder, 9)


def test_secrets_differ_by_name_and_by_installation(folder: Path, tmp_path: Path) -> None:
    keys, others = FileKeys(folder), FileKeys.create(tmp_path / "elsewhere")
    names = ["blind-index", "frames", "session-pepper", "idempotency"]
    found = {keys.secret(n) for n in names} | {others.secret(n) for n in names}
    assert len(found) == 8
    assert {len(s) for s in found} == {32}
    with pytest.raises(ValueError):
        keys.secret("Blind Index")


@pytest.mark.parametrize("name", ["kek-1.key", "root-secret.key"])
@pytest.mark.parametrize("mode", [0o440, 0o404, 0o420, 0o402, 0o410])
def test_a_key_open_to_others_is_refused(folder: Path, name: str, mode: int) -> None:
    (folder / name).chmod(mode)
    with pytest.raises(SettingsError, match=name) as caught:
        FileKeys(folder)
    assert "chmod 0400" in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"ab" * 31, b"ab" * 33, b"zz" * 32, b"ab" * 32 + b"\n\n"])
def test_a_damaged_key_is_refused_without_showing_it(folder: Path, content: bytes) -> None:
    path = folder / "kek-1.key"
    path.unlink()
    path.write_bytes(content)
    path.chmod(0o400)
    with pytest.raises(SettingsError, match=r"kek-1\.key is damaged") as caught:
        FileKeys(folder)
    assert "abab" not in str(caught.value)


def test_a_lost_root_secret_is_not_replaced(folder: Path) -> None:
    (folder / "root-secret.key").unlink()
    with pytest.raises(SettingsError, match="restore"):
        FileKeys.create(folder)
    assert not (folder / "root-secret.key").exists()


def test_an_empty_folder_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="lantai keys init"):
        FileKeys(tmp_path)


@pytest.mark.parametrize("content", ["", "two", "9", "-1", "1 2"])
def test_a_wrong_primary_file_is_refused(folder: Path, content: str) -> None:
    (folder / "primary").write_text(content)
    with pytest.raises(SettingsError, match="primary"):
        FileKeys(folder)


def test_descriptions_hold_no_key(folder: Path) -> None:
    FileKeys.add_kek(folder)
    keys = FileKeys(folder)
    shown = keys.describe()
    assert [(d.version, d.primary) for d in shown] == [(1, False), (2, True)]
    assert all(len(d.fingerprint) == 8 for d in shown)
    assert shown[0].fingerprint != shown[1].fingerprint
    everything = repr(shown) + repr(keys)
    for path in folder.glob("*.key"):
        assert path.read_text().strip()[:16] not in everything
