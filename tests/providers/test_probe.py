"""The child that looks into a file: what it sees, and what it survives."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable

import pikepdf
import pytest
from PIL import Image

from app.package_ports import Probe
from providers.probe import ChildProber
from providers.probe import _read as read_answer

PDF, JPEG, PNG, TIFF, OFD = "application/pdf", "image/jpeg", "image/png", "image/tiff", "application/ofd"


def pdf(spoil: Callable[[pikepdf.Pdf], object] = lambda _: None, **saving: object) -> bytes:
    made = pikepdf.new()
    made.add_blank_page()
    made.add_blank_page()
    spoil(made)
    out = io.BytesIO()
    made.save(out, **saving)  # type: ignore[arg-type]
    return out.getvalue()


def picture(kind: str, **saving: object) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (40, 30), (10, 20, 30)).save(out, kind, **saving)
    return out.getvalue()


def ofd(*names: str) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name in names:
            archive.writestr(name, "<x/>")
    return out.getvalue()


def script(made: pikepdf.Pdf) -> None:
    made.Root.OpenAction = pikepdf.Dictionary(S=pikepdf.Name.JavaScript, JS="app.alert(1)")


def launch(made: pikepdf.Pdf) -> None:
    link = pikepdf.Dictionary(Subtype=pikepdf.Name.Link, A=pikepdf.Dictionary(S=pikepdf.Name.Launch, F="x.exe"))
    made.pages[0].obj.Annots = pikepdf.Array([made.make_indirect(link)])


def attachment(made: pikepdf.Pdf) -> None:
    made.attachments["x.txt"] = b"hidden"


SEEN: list[tuple[str, bytes, str, Probe]] = [
    ("pdf", pdf(), PDF, Probe(opens=True, pages=2)),
    ("script", pdf(script), PDF, Probe(opens=True, pages=2, active=("javascript",))),
    ("launch", pdf(launch), PDF, Probe(opens=True, pages=2, active=("launch",))),
    ("attachment", pdf(attachment), PDF, Probe(opens=True, pages=2, active=("attachment",))),
    (
        "password",
        pdf(encryption=pikepdf.Encryption(owner="o", user="u")),
        PDF,
        Probe(opens=False, why="encrypted", encrypted=True),
    ),
    (
        "owner password only",
        pdf(encryption=pikepdf.Encryption(owner="o", user="")),
        PDF,
        Probe(opens=True, pages=2, encrypted=True),
    ),
    ("tail", pdf() + b"PK\x03\x04 more", PDF, Probe(opens=True, pages=2, surplus=True)),
    ("cut pdf", pdf()[:200], PDF, Probe(opens=False, why="damaged")),
    ("jpeg", picture("JPEG", dpi=(300, 300)), JPEG, Probe(opens=True, pages=1, width=40, height=30, dpi=300)),
    ("jpeg tail", picture("JPEG") + b"x", JPEG, Probe(opens=True, pages=1, width=40, height=30, surplus=True)),
    ("png", picture("PNG"), PNG, Probe(opens=True, pages=1, width=40, height=30)),
    ("cut png", picture("PNG")[:60], PNG, Probe(opens=False, why="damaged")),
    ("tiff", picture("TIFF", dpi=(200, 200)), TIFF, Probe(opens=True, pages=1, width=40, height=30, dpi=200)),
    ("gif called jpeg", picture("GIF"), JPEG, Probe(opens=False, why="damaged")),
    ("ofd", ofd("OFD.xml", "Doc_0/Pages/Page_0/Content.xml"), OFD, Probe(opens=True, pages=1)),
    ("zip", ofd("x.txt"), OFD, Probe(opens=False, why="damaged")),
    ("ofd with a program", ofd("OFD.xml", "x.exe"), OFD, Probe(opens=True, pages=1, active=("attachment",))),
    ("another format", b"GIF89a", "image/gif", Probe(opens=False, why="not_allowed")),
]


@pytest.fixture(scope="module")
def prober() -> ChildProber:
    return ChildProber()


@pytest.mark.parametrize(("data", "media_type", "expected"), [s[1:] for s in SEEN], ids=[s[0] for s in SEEN])
def test_what_is_seen(prober: ChildProber, data: bytes, media_type: str, expected: Probe) -> None:
    assert prober.probe(data, media_type) == expected


def test_an_image_bomb_is_too_complex_and_the_parent_lives() -> None:
    out = io.BytesIO()
    Image.new("L", (30_000, 30_000)).save(out, "PNG")
    seen = ChildProber(memory_mb=300).probe(out.getvalue(), PNG)
    assert seen.opens is False


@pytest.mark.parametrize("answer", [None, b"", b"not json", b'{"opens": true, "other": 1}', b"[]"])
def test_a_child_that_babbles_is_not_believed(answer: bytes | None) -> None:
    assert read_answer(answer).opens is False
