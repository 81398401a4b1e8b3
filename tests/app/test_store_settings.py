"""Which store is chosen from the settings, what is refused, and the probe that doctor makes of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from app.file_ports import RepairableStore
from app.settings import Settings
from cli import lantai
from commands.files import probe
from providers.files import LocalFileStore
from providers.outside import build_files
from providers.replicas import ReplicatedFileStore
from providers.s3_files import S3FileStore
from tests.fakes import MemoryFiles

S3 = {"endpoint": "https://s3.example.org", "bucket": "dossiers", "access_key": "k", "secret_key": "do-not-show"}


def settings(tmp_path: Path, **more: Any) -> Settings:
    return Settings(data_dir=tmp_path / "data", **more)


def s3(prefix: str = "s3", **changed: str) -> dict[str, str]:
    return {f"{prefix}_{name}": value for name, value in {**S3, **changed}.items()}


def test_the_store_is_chosen_in_one_place(tmp_path: Path) -> None:
    local, none = build_files(settings(tmp_path))
    assert isinstance(local, LocalFileStore)
    assert none is None
    assert isinstance(build_files(settings(tmp_path, file_store="s3", **s3()))[0], S3FileStore)
    for more in ({"replica_dir": tmp_path / "copy"}, s3("replica_s3")):
        both, replica = build_files(settings(tmp_path, **more))
        assert isinstance(both, ReplicatedFileStore)
        assert both is replica


@pytest.mark.parametrize("missing", ["endpoint", "bucket", "access_key", "secret_key"])
def test_an_s3_store_without_its_settings_is_refused_by_name(tmp_path: Path, missing: str) -> None:
    (fault,) = settings(tmp_path, file_store="s3", **s3(**{missing: ""})).faults()
    assert f"LANTAI_S3_{missing.upper()}" in fault


def test_a_replica_stands_elsewhere_and_there_is_one(tmp_path: Path) -> None:
    assert len(settings(tmp_path, replica_dir=tmp_path / "data" / "files").faults()) == 1
    assert len(settings(tmp_path, replica_dir=tmp_path / "copy", **s3("replica_s3")).faults()) == 1
    assert settings(tmp_path, replica_dir=tmp_path / "copy").faults() == []
    plain = settings(tmp_path, environment="production", file_store="s3", **s3(endpoint="http://s3.example.org"))
    assert [fault for fault in plain.faults() if "LANTAI_S3_ENDPOINT" in fault]
    assert "do-not-show" not in repr(plain)


class Overwriting(MemoryFiles):
    def put(self, name: str, data: bytes) -> None:
        self.files[name] = data


class Forgetful(LocalFileStore):
    def delete(self, name: str) -> None:
        """Says that it did."""


class Garbling(LocalFileStore):
    def get(self, name: str) -> bytes:
        return super().get(name)[::-1]


def test_the_probe_sees_what_a_store_does_wrong(tmp_path: Path) -> None:
    good: RepairableStore = LocalFileStore(tmp_path / "good")
    assert probe(good) == ""
    assert list(good.names()) == []
    assert "覆盖" in probe(Overwriting())
    assert "删除" in probe(Forgetful(tmp_path / "forgetful"))
    assert "不同" in probe(Garbling(tmp_path / "garbling"))
    (tmp_path / "away").mkdir()
    away = LocalFileStore(tmp_path / "away")
    for first in range(256):
        (tmp_path / "away" / f"{first:02x}").write_text("in the way")
    assert "无法读写" in probe(away)


def test_sync_is_told_in_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LANTAI_ENV_FILE", raising=False)
    monkeypatch.setenv("LANTAI_DATA_DIR", str(tmp_path / "data"))
    refused = CliRunner().invoke(lantai, ["files", "sync"])
    assert refused.exit_code == 1
    assert "LANTAI_REPLICA_DIR" in refused.output
    LocalFileStore(tmp_path / "data" / "files").put("a" * 32, b"x")
    monkeypatch.setenv("LANTAI_REPLICA_DIR", str(tmp_path / "copy"))
    done = CliRunner().invoke(lantai, ["files", "sync"])
    assert "共 1 个文件，补齐副本 1 个" in done.output
    assert LocalFileStore(tmp_path / "copy").get("a" * 32) == b"x"


def test_reading_turns_to_the_replica_only_when_asked(tmp_path: Path) -> None:
    for asked in (True, False):
        folder = tmp_path / str(asked)
        store, _ = build_files(Settings(data_dir=folder, replica_dir=folder / "copy", replica_fallback=asked))
        store.put("b" * 32, b"twice")
        LocalFileStore(folder / "files").delete("b" * 32)
        if asked:
            assert store.get("b" * 32) == b"twice"
        else:
            with pytest.raises(Exception, match="not_found"):
                store.get("b" * 32)
