"""An upload on its way: what lands on the disk is noise, and what is read is what was written."""

from __future__ import annotations

import io
import random
from typing import Any

import pytest

from app.spool import BLOCK, SealedSpool
from app.web import StrictRequest


def filled(data: bytes, in_memory: int = 1000, step: int = 7001) -> SealedSpool:
    spool = SealedSpool(in_memory)
    for start in range(0, len(data), step):
        assert spool.write(data[start : start + step]) == len(data[start : start + step])
    spool.seek(0)
    return spool


@pytest.mark.parametrize("size", [0, 1, 999, BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK, 5 * BLOCK + 17])
def test_reads_back_what_was_written(size: int) -> None:
    data = random.Random(size).randbytes(size)
    spool = filled(data)
    assert spool.on_disk is (size > 1000)
    assert io.BufferedReader(spool).read() == data


def test_seeks_everywhere() -> None:
    data = random.Random(1).randbytes(3 * BLOCK + 100)
    spool = filled(data)
    assert spool.seek(0, io.SEEK_END) == spool.tell() == len(data)
    for start in (0, 5, BLOCK - 1, BLOCK, 2 * BLOCK + 9, 3 * BLOCK, 3 * BLOCK + 50, len(data)):
        spool.seek(start)
        assert spool.read(64) == data[start : start + 64][: max(0, BLOCK - start % BLOCK)]
    assert spool.seek(10) == 10
    assert spool.seek(-4, io.SEEK_CUR) == 6


def test_nothing_on_the_disk_is_readable() -> None:
    marker = "张三110105200403150000".encode()
    spool = filled(marker * 20_000)
    assert spool._file is not None
    spool._file.seek(0)
    raw = spool._file.read()
    assert len(raw) > 450_000
    assert marker not in raw
    assert marker[:6] not in raw


def test_is_written_from_front_to_back_only() -> None:
    spool = filled(b"abc")
    with pytest.raises(io.UnsupportedOperation):
        spool.write(b"d")


def test_a_large_multipart_upload_waits_sealed() -> None:
    body = (
        b"--x\r\nContent-Disposition: form-data; name=f; filename=a.csv\r\n\r\n" + b"z" * 3_000_000 + b"\r\n--x--\r\n"
    )
    environ: dict[str, Any] = {
        "REQUEST_METHOD": "POST",
        "CONTENT_TYPE": "multipart/form-data; boundary=x",
        "CONTENT_LENGTH": str(len(body)),
        "wsgi.input": io.BytesIO(body),
    }
    request = StrictRequest(environ)
    file = request.files["f"]
    assert isinstance(file.stream, SealedSpool)
    assert file.stream.on_disk
    assert file.read() == b"z" * 3_000_000
