"""Uploads: good ones come out clean, the zoo stays in its cage, and the parent lives."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import zlib
from contextlib import suppress
from pathlib import Path

import pikepdf
import psutil
import pytest
from PIL import Image, ImageSequence

from app.errors import Invalid, TooLarge
from providers.document_unpacked import inflated_size, lzw_size, run_length_size
from providers.documents import JPEG, OFD, PDF, PNG, TIFF, ChildDocumentCleaner
from tests.providers import document_zoo as zoo
from tests.providers.zoo.paper_traps import lzw

PROJECT = Path(__file__).parents[2]
CLEANER = ChildDocumentCleaner(max_bytes=2_000_000)


def refusal(data: bytes, claimed_type: str = "", cleaner: ChildDocumentCleaner = CLEANER) -> tuple[str, object]:
    with pytest.raises(Invalid) as caught:
        cleaner.clean(data, claimed_type)
    return caught.value.code, caught.value.params["why"]


def test_a_jpeg_is_turned_upright_and_loses_its_metadata() -> None:
    done = CLEANER.clean(zoo.jpeg_with_metadata(orientation=6), "image/jpg")
    assert (done.media_type, done.pages, done.width, done.height) == (JPEG, 1, 40, 60)
    assert b"SECRET" not in done.data
    image = Image.open(io.BytesIO(done.data))
    assert dict(image.getexif()) == {}
    grey = image.convert("L").tobytes()
    assert max(grey[:400]) < 60, "the dark left half must now be on top"
    assert min(grey[-400:]) > 190


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16"])
def test_png_pixels_survive_and_text_does_not(mode: str) -> None:
    source = zoo.picture(mode="L").convert("I").convert(mode) if mode == "I;16" else zoo.picture(mode=mode)
    from_png = zoo.encoded(source, "PNG") + b"<script>SECRETTAIL</script>"
    done = CLEANER.clean(from_png, PNG)
    assert b"SECRET" not in done.data
    assert Image.open(io.BytesIO(done.data)).convert("RGBA").tobytes() == source.convert("RGBA").tobytes()


def test_a_cmyk_jpeg_becomes_rgb() -> None:
    done = CLEANER.clean(zoo.encoded(zoo.picture(mode="CMYK"), "JPEG"))
    assert Image.open(io.BytesIO(done.data)).mode == "RGB"


@pytest.mark.parametrize(("mode", "compression"), [("1", "group4"), ("RGB", "tiff_lzw"), ("L", "jpeg")])
def test_every_page_of_a_tiff_is_kept_without_its_tags(mode: str, compression: str) -> None:
    done = CLEANER.clean(zoo.tiff(3, mode, compression), TIFF)
    assert (done.media_type, done.pages, done.width, done.height) == (TIFF, 3, 60, 40)
    assert b"SECRET" not in done.data
    pages = [page.copy() for page in ImageSequence.Iterator(Image.open(io.BytesIO(done.data)))]
    assert [page.size for page in pages] == [(60, 40), (70, 40), (80, 40)]
    assert {page.mode for page in pages} == {mode}
    if compression != "jpeg":
        assert [p.tobytes() for p in pages] == [zoo.picture(60 + 10 * n, 40, mode).tobytes() for n in range(3)]


def test_a_pdf_loses_what_acts_and_keeps_its_pages() -> None:
    source = zoo.busy_pdf()
    assert source.count(b"SECRET") >= 10, "the sample must hold what is to be removed"
    done = CLEANER.clean(source, PDF)
    assert (done.media_type, done.pages, done.width) == (PDF, 2, None)
    with pikepdf.open(io.BytesIO(done.data)) as document:
        flat = io.BytesIO()
        document.save(flat, object_stream_mode=pikepdf.ObjectStreamMode.disable, compress_streams=False)
        for word in (b"SECRET", b"/JavaScript", b"/JS", b"/Launch", b"/URI", b"/AA", b"/OpenAction", b"/XFA", b"/EF"):
            assert word not in flat.getvalue()
        annotations = list(document.pages[0].obj.Annots)
        assert any(str(a.get("/Contents")) == "a remark that stays" for a in annotations)
        assert any("/A" in a and pikepdf.Name.GoTo == a.A.S for a in annotations), "a link inside the document stays"


def test_a_font_with_an_unlucky_name_stays() -> None:
    document = zoo.pdf()
    font = pikepdf.Dictionary(Type=pikepdf.Name.Font, Subtype=pikepdf.Name.Type1, BaseFont=pikepdf.Name.Helvetica)
    document.pages[0].obj.Resources = pikepdf.Dictionary(Font=pikepdf.Dictionary(AA=font, A=font, Next=font))
    done = CLEANER.clean(zoo.saved(document))
    with pikepdf.open(io.BytesIO(done.data)) as cleaned:
        assert set(cleaned.pages[0].obj.Resources.Font.keys()) == {"/AA", "/A", "/Next"}


def test_a_pdf_with_something_behind_it_comes_out_without() -> None:
    done = CLEANER.clean(zoo.saved(zoo.pdf()) + b"\n" + zoo.plain_zip())
    assert b"PK\x03\x04" not in done.data


def test_cleaning_is_repeatable() -> None:
    for source in (zoo.busy_pdf(), zoo.jpeg_with_metadata(3), zoo.tiff(2)):
        assert CLEANER.clean(source).data == CLEANER.clean(source).data


@pytest.mark.parametrize("claim", ["", OFD, "application/zip", "application/octet-stream"])
def test_ofd_is_taken_as_it_is(claim: str) -> None:
    source = zoo.ofd()
    done = CLEANER.clean(source, claim)
    assert (done.media_type, done.data, done.pages) == (OFD, source, 3)


@pytest.mark.parametrize(
    ("data", "claim"),
    [
        (b"MZ\x90\x00" + bytes(500), PDF),
        (b"<!doctype html><script>1</script>", "image/jpg"),
        (zoo.plain_zip(), PDF),
        (zoo.plain_zip(), OFD),
        (zoo.encoded(zoo.picture(), "PNG"), JPEG),
        (zoo.encoded(zoo.picture(), "JPEG"), "application/pdf; charset=binary"),
        (zoo.encoded(zoo.picture(), "JPEG"), "text/html"),
        (b"  \n%PDF-1.4 not at the first byte", PDF),
    ],
)
def test_lying_types(data: bytes, claim: str) -> None:
    assert refusal(data, claim) == ("document_type_lies", "claim_differs")


@pytest.mark.parametrize(
    "data",
    [
        b"<svg xmlns='http://www.w3.org/2000/svg'><script/></svg>",
        b"MZ\x90\x00" + bytes(500),
        b"GIF89a" + bytes(500),
        b"RIFF\x00\x00\x00\x00WEBP",
        b"\xff\xd8",
        b"\x00" * 1000,
        zoo.plain_zip(),
    ],
)
def test_types_off_the_list(data: bytes) -> None:
    assert refusal(data) == ("document_type_refused", "not_allowed")


def test_nothing_and_too_much() -> None:
    assert refusal(b"", PDF) == ("document_unreadable", "empty")
    with pytest.raises(TooLarge) as caught:
        CLEANER.clean(b"%PDF-" + bytes(2_000_000))
    assert caught.value.code == "document_too_large"


@pytest.mark.parametrize(
    "whole",
    [
        zoo.encoded(zoo.picture(), "JPEG"),
        zoo.encoded(Image.effect_noise((90, 90), 80), "PNG"),
        zoo.saved(zoo.pdf()),
        zoo.tiff(2),
        zoo.ofd(),
    ],
    ids=["jpeg", "png", "pdf", "tiff", "ofd"],
)
@pytest.mark.parametrize("part", [0.05, 0.5, 0.9])
def test_truncated_files(whole: bytes, part: float) -> None:
    assert refusal(whole[: max(16, int(len(whole) * part))])[0] == "document_unreadable"


@pytest.mark.parametrize(
    "magic", [b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"II*\0", b"MM\0*", b"%PDF-1.7\n", b"PK\x03\x04"]
)
def test_a_good_beginning_is_not_enough(magic: bytes) -> None:
    assert refusal(magic + os.urandom(3000))[0] == "document_unreadable"


@pytest.mark.parametrize("user", ["u", ""])
def test_encrypted_pdfs(user: str) -> None:
    source = zoo.saved(zoo.pdf(), encryption=pikepdf.Encryption(user=user, owner="o"))
    assert refusal(source, PDF) == ("document_encrypted", "encrypted")


def test_a_pdf_without_pages() -> None:
    assert refusal(zoo.saved(zoo.pdf(0))) == ("document_unreadable", "no_pages")


def test_a_small_file_with_a_huge_picture_is_stopped_by_its_header() -> None:
    bomb = zoo.png_bomb(side=14_000)
    assert len(bomb) < 25_000
    assert refusal(bomb) == ("document_too_complex", "too_many_pixels")


def test_a_tiff_with_too_many_pages() -> None:
    assert refusal(zoo.tiff(201)) == ("document_too_complex", "too_many_pages")


def test_a_picture_within_the_pixel_limit_is_held_by_memory() -> None:
    cleaner = ChildDocumentCleaner(max_bytes=2_000_000, memory_mb=120)
    source = zoo.encoded(Image.new("RGB", (6000, 6000)), "PNG")
    assert refusal(source, cleaner=cleaner) == ("document_too_complex", "too_much_memory")


def test_a_hog_is_stopped_by_processor_time() -> None:
    blank = Image.new("L", (7000, 7000))
    source = zoo.encoded(blank, "TIFF", save_all=True, append_images=[blank] * 9, compression="tiff_adobe_deflate")
    assert refusal(source, cleaner=ChildDocumentCleaner(2_000_000, cpu_s=0.5)) == ("document_too_complex", "too_slow")


def test_a_child_that_takes_too_long_is_killed() -> None:
    cleaner = ChildDocumentCleaner(2_000_000, wall_s=0.001)
    assert refusal(zoo.saved(zoo.pdf()), cleaner=cleaner) == ("document_too_complex", "too_slow")


def test_the_same_large_picture_passes_with_the_normal_limits() -> None:
    done = CLEANER.clean(zoo.encoded(Image.new("RGB", (6000, 4000)), "PNG"), PNG)
    assert (done.width, done.height) == (6000, 4000)


@pytest.mark.parametrize(
    "extra",
    [{"../../etc/cron.d/x": b"x"}, {"/abs": b"x"}, {"a\\b": b"x"}],
)
def test_an_ofd_that_reaches_outside(extra: dict[str, bytes]) -> None:
    assert refusal(zoo.ofd(**extra)) == ("document_unreadable", "damaged")


def test_an_ofd_bomb() -> None:
    assert refusal(zoo.ofd(**{f"big{n}": bytes(50_000_000) for n in range(5)})) == (
        "document_too_complex",
        "too_big_inside",
    )


def test_a_child_cannot_write_to_disk(tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from providers.document_child import Limits, limit_self\n"
        "limit_self(Limits(512, 5, 9))\n"
        "try: Path(sys.argv[1]).write_bytes(b'x' * 10)\n"
        "except OSError as error: print(error.errno == 27)"
    )
    target = tmp_path / "leak"
    ran = subprocess.run([sys.executable, "-c", program, str(target)], cwd=PROJECT, capture_output=True, check=True)
    assert ran.stdout == b"True\n"
    assert target.read_bytes() == b""


def test_a_pdf_that_unpacks_to_gigabytes() -> None:
    packer = zlib.compressobj(9)
    packed = b"".join(packer.compress(bytes(1 << 20)) for _ in range(1200)) + packer.flush()
    assert len(packed) < 2_000_000
    head = b"%PDF-1.5\n1 0 obj\n<</Type/XRef/Size 9/W[1 2 1]/Root 2 0 R/Filter/FlateDecode/Length "
    bomb = head + str(len(packed)).encode() + b">>\nstream\n" + packed + b"\nendstream\nendobj\nstartxref\n9\n%%EOF\n"
    assert refusal(bomb)[0] in {"document_too_complex", "document_unreadable"}


def test_unpacked_sizes_are_those_of_the_real_thing() -> None:
    """qpdf's own decoders are the measure."""
    words = os.urandom(3000) + bytes(5000) + b"abcabc" * 4000
    packed = zlib.compress(words)
    assert inflated_size(memoryview(packed), 10**9) == len(words)
    assert inflated_size(memoryview(packed[:-9]), 10**9) < len(words)
    for rounds in (1, 2):
        with pikepdf.open(io.BytesIO(lzw(rounds))) as document:
            contents = document.pages[0].obj.Contents
            expected = len(contents.read_bytes())
            assert lzw_size(memoryview(contents.read_raw_bytes()), 10**9) == expected
            assert 5000 < lzw_size(memoryview(contents.read_raw_bytes()), 5000) < expected
    runs = b"\x81\x00\x02abc\xff\x07\x80"
    document = zoo.pdf()
    document.pages[0].obj.Contents = document.make_stream(runs, Filter=pikepdf.Name.RunLengthDecode)
    expanded = document.pages[0].obj.Contents.read_bytes(pikepdf.StreamDecodeLevel.specialized)
    assert run_length_size(memoryview(runs), 10**9) == len(expanded) == 128 + 3 + 2


def nest_family(*, recursive: bool = False) -> set[int]:
    """Our children that clean documents; the test servers are children of this process too."""
    family = set()
    for child in psutil.Process().children(recursive=recursive):
        with suppress(psutil.NoSuchProcess):  # one that another test closed may be dying just now
            if "providers.document" in " ".join(child.cmdline()):
                family.add(child.pid)
    return family


def test_no_child_outlives_its_call() -> None:
    cleaner = ChildDocumentCleaner(2_000_000)
    cleaner.clean(zoo.jpeg_with_metadata())
    nests_before = nest_family()
    assert nests_before
    open_before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(3):
        refusal(zoo.png_bomb(14_000), cleaner=cleaner)
        refusal(zoo.jpeg_with_metadata(), cleaner=ChildDocumentCleaner(2_000_000, wall_s=0.001))
    assert nest_family() == nests_before
    assert nest_family(recursive=True) == nests_before, "a nest has no child between calls"
    assert len(list(Path("/proc/self/fd").iterdir())) == open_before
    cleaner.close()
    assert len(nest_family()) == len(nests_before) - 1
