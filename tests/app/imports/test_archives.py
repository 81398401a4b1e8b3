"""Archives nobody should open: refused clearly, as a whole, and before anything of them is used."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from app.actors import SYSTEM
from app.errors import Invalid, TooLarge
from app.imports.bundle import ZipBundle, open_upload, packed_folder, read_whole
from app.imports.rules import BatchState
from app.imports.segments import Segment, SegmentReader, segment_place
from parts import Lantai
from tests.app.imports.test_batches import graduates, receive
from tests.app.imports.test_imports import _zip, row, table
from tests.conftest import World
from tests.fakes import jpeg

GOOD = table(row(1))


def entries(*named: tuple[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in named:
            info = zipfile.ZipInfo("x")
            info.filename, info.compress_type = name, zipfile.ZIP_DEFLATED
            archive.writestr(info, data)
    return out.getvalue()


def encrypted() -> bytes:
    data = bytearray(entries(("graduates.csv", GOOD)))
    for at, offset in ((data.find(b"PK\x03\x04"), 6), (data.find(b"PK\x01\x02"), 8)):
        data[at + offset] |= 1
    return bytes(data)


def overlapping() -> bytes:
    """Two names over the same packed bytes."""
    data = bytearray(entries(("graduates.csv", GOOD), ("courses.csv", GOOD)))
    second = data.find(b"PK\x01\x02", data.find(b"PK\x01\x02") + 4)
    data[second + 42 : second + 46] = bytes(4)
    return bytes(data)


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize(
    ("data", "code"),
    [
        (entries(("graduates.csv", GOOD), ("../evil.csv", b"x")), "archive_unsafe_name"),
        (entries(("graduates.csv", GOOD), ("/etc/passwd", b"x")), "archive_unsafe_name"),
        (entries(("graduates.csv", GOOD), ("C:/evil.csv", b"x")), "archive_unsafe_name"),
        (entries(("graduates.csv", GOOD), ("photos\\..\\evil.jpg", b"x")), "archive_unsafe_name"),
        (entries(("graduates.csv", GOOD), ("more.zip", _zip({"a": b"b"}))), "archive_nested"),
        (entries(("graduates.csv", GOOD), ("graduates.csv", GOOD)), "archive_duplicate_name"),
        (entries(("graduates.csv", bytes(64 * 1024 * 1024))), "archive_bomb"),
        (overlapping(), "archive_bomb"),
        (encrypted(), "archive_encrypted"),
        (entries(("graduates.csv", GOOD))[:-30], "archive_damaged"),
        (b"PK\x05\x06" + bytes(10), "archive_damaged"),
    ],
)
def test_an_archive_that_cannot_be_trusted_is_refused_as_a_whole(data: bytes, code: str, lantai: Lantai) -> None:
    view = lantai.importer.import_now(SYSTEM, receive(lantai, data, "g.zip").id)
    assert (view.state, [p.code for p in view.problems]) == (BatchState.FAILED, [code])
    assert view.problems[0].words
    assert graduates(lantai) == 0


def test_a_bomb_that_lies_about_its_size_is_stopped_while_it_inflates() -> None:
    data = bytearray(entries(("photos/1.jpg", bytes(32 * 1024 * 1024)), ("graduates.csv", GOOD)))
    for mark, offset in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        at = data.find(mark)
        data[at + offset : at + offset + 4] = (64 * 1024 * 1024).to_bytes(4, "little")
    lying = ZipBundle.__new__(ZipBundle)
    lying._zip = zipfile.ZipFile(io.BytesIO(bytes(data)))
    lying._names = {e.filename: e for e in lying._zip.infolist()}
    with pytest.raises(Invalid, match="archive_bomb"):
        read_whole(lying, "photos/1.jpg")
    with pytest.raises(TooLarge):
        read_whole(lying, "graduates.csv", limit=10)


def test_a_damaged_photo_in_a_sound_archive_refuses_the_archive(lantai: Lantai) -> None:
    data = bytearray(_zip({"graduates.csv": GOOD, "photos/2022000001.jpg": jpeg()}, zipfile.ZIP_STORED))
    data[data.find(b"\xff\xd8") + 10] ^= 255
    view = lantai.importer.import_now(SYSTEM, receive(lantai, bytes(data), "g.zip").id)
    assert (view.state, [p.code for p in view.problems]) == (BatchState.FAILED, ["archive_damaged"])


def test_photos_alone_go_where_none_lies(lantai: Lantai, world: World) -> None:
    lantai.importer.run(SYSTEM, "g.csv", io.BytesIO(table(row(1), row(2))))
    archive = _zip({"2022000001.jpg": jpeg(), "2022000002.jpg": b"no picture", "2022000009.png": jpeg()})
    view = lantai.importer.import_now(SYSTEM, receive(lantai, archive, "photos.zip").id)
    assert (view.filed, view.refused, view.skipped) == (1, 2, 0)
    told = [(r.student, [f.code for f in r.faults]) for r in lantai.importer.rows(SYSTEM, view.id)]
    assert told == [
        ("2022****01", []),
        ("2022****02", ["document_type_refused"]),
        ("2022****09", ["graduate_unknown"]),
    ]
    again = lantai.importer.run(SYSTEM, "photos.zip", io.BytesIO(archive))
    assert [r.outcome for r in again.rows] == ["skipped", "refused", "refused"]
    with lantai.db.transaction() as session:
        owner = lantai.people.taken(session, [lantai.people.student_number_index("2022000001")])
    assert lantai.dossiers.reference_photo(next(iter(owner.values()))) == jpeg()


def test_a_folder_is_packed_the_same_twice_and_links_are_left_out(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "graduates.csv").write_bytes(GOOD)
    (tmp_path / "photos" / "2022000001.jpg").write_bytes(jpeg() * 9)
    (tmp_path / "photos" / "2022000002.jpg").symlink_to("/etc/hostname")
    (tmp_path / ".hidden").write_bytes(b"x")
    first, second = packed_folder(tmp_path).read(), packed_folder(tmp_path).read()
    assert first == second
    opened = open_upload("folder", first)
    assert sorted(opened.names()) == ["graduates.csv", "photos/2022000001.jpg"]
    assert read_whole(opened, "photos/2022000001.jpg") == jpeg() * 9


def test_the_segments_read_as_one_seekable_file(lantai: Lantai, world: World, monkeypatch: Any) -> None:
    monkeypatch.setattr("app.imports.segments.SEGMENT_BYTES", 1000)
    data = bytes(range(256)) * 20
    view = receive(lantai, data, "x.bin")
    house = lantai.keys.house()
    with lantai.db.transaction() as session:
        from_table = session.execute(
            text("select position, file_name, size from import_segment order by position")
        ).all()
    segments = [Segment(*r) for r in from_table]
    assert len(segments) == 6
    reader = SegmentReader(view.id, segments, house, world.files)
    assert reader.readall() == data
    for at in (0, 999, 1000, 2500, 5119, 6000):
        reader.seek(at)
        assert reader.read(3) == data[at : at + 3][: 1000 - at % 1000]
    reader.seek(-7, 2)
    assert reader.read() == data[-7:]
    assert segment_place(view.id, 0) != segment_place(view.id, 1)
