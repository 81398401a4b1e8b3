"""What honest large documents cost the child that cleans them: python -m bench documents

Made on the spot: pages with lines of text-like marks and paper noise, which pack about as badly as scans do.
"""

from __future__ import annotations

import io
import random
import time
from collections.abc import Callable, Iterator
from statistics import median

import pikepdf
from PIL import Image, ImageDraw

from app.errors import DomainError
from providers.documents import ChildDocumentCleaner, read_answer

MAX_BYTES = 60 << 20
PEAK_MB = 300
STARTS = 9
A4, A3 = (8.27, 11.69), (11.69, 16.54)


def scan(paper: tuple[float, float], dpi: int, mode: str, noise: float = 6) -> Image.Image:
    """One page with 60 lines of dark blocks."""
    width, height = round(paper[0] * dpi), round(paper[1] * dpi)
    page = Image.new("L", (width, height), 236)
    draw, dice = ImageDraw.Draw(page), random.Random(7)
    line = height // 64
    for row in range(2, 62):
        at = line * 2
        while at < width - 2 * line:
            wide = dice.randint(line // 8, line // 2)
            draw.rectangle((at, row * line, at + wide, row * line + line // 2), fill=dice.randint(10, 60))
            at += wide + dice.randint(line // 10, line // 4)
    if mode == "1":
        return page.convert("1", dither=Image.Dither.NONE)
    grain = Image.effect_noise((1024, 1024), noise)
    sheet = Image.new("L", page.size)
    for left in range(0, width, 1024):
        for top in range(0, height, 1024):
            sheet.paste(grain, (left, top))
    return Image.blend(page, sheet, 0.25).convert(mode)


def encoded(page: Image.Image, kind: str, **options: object) -> bytes:
    out = io.BytesIO()
    page.save(out, kind, **options)
    return out.getvalue()


def tiff(pages: int) -> bytes:
    page = scan(A4, 300, "1")
    return encoded(
        page, "TIFF", save_all=True, append_images=[page] * (pages - 1), compression="group4", dpi=(300, 300)
    )


def pdf(pages: int, quality: int) -> bytes:
    """Scanned pages, each a JPEG that fills it."""
    document, picture = pikepdf.new(), encoded(scan(A4, 300, "RGB", 40), "JPEG", quality=quality)
    width, height = round(A4[0] * 300), round(A4[1] * 300)
    for number in range(pages):
        document.add_blank_page(page_size=(A4[0] * 72, A4[1] * 72))
        image = document.make_stream(
            picture + b"%d" % number,  # else one object would serve all pages
            Type=pikepdf.Name.XObject, Subtype=pikepdf.Name.Image, Width=width, Height=height,
            ColorSpace=pikepdf.Name.DeviceRGB, BitsPerComponent=8, Filter=pikepdf.Name.DCTDecode,
        )  # fmt: skip
        page = document.pages[number]
        page.obj.Resources = pikepdf.Dictionary(XObject=pikepdf.Dictionary(Scan=image))
        page.obj.Contents = document.make_stream(b"%f 0 0 %f 0 0 cm /Scan Do" % (A4[0] * 72, A4[1] * 72))
    out = io.BytesIO()
    document.save(out)
    return out.getvalue()


def cases() -> Iterator[tuple[str, Callable[[], bytes]]]:
    yield "A4 300 dpi colour JPEG", lambda: encoded(scan(A4, 300, "RGB"), "JPEG", quality=90, dpi=(300, 300))
    yield "A4 300 dpi colour PNG", lambda: encoded(scan(A4, 300, "RGB"), "PNG", dpi=(300, 300))
    yield "A4 300 dpi colour TIFF LZW", lambda: encoded(scan(A4, 300, "RGB"), "TIFF", compression="tiff_lzw")
    yield "A4 600 dpi colour JPEG", lambda: encoded(scan(A4, 600, "RGB"), "JPEG", quality=90)
    yield "A4 600 dpi colour TIFF LZW", lambda: encoded(scan(A4, 600, "RGB"), "TIFF", compression="tiff_lzw")
    yield "A3 600 dpi grey JPEG", lambda: encoded(scan(A3, 600, "L"), "JPEG", quality=90)
    yield "A3 600 dpi grey TIFF", lambda: encoded(scan(A3, 600, "L"), "TIFF", compression="tiff_adobe_deflate")
    yield "A3 600 dpi grey PNG", lambda: encoded(scan(A3, 600, "L"), "PNG")
    yield "24 MP phone photo, turned", lambda: _photo(6000, 4000)
    yield "200 pages of G4, A4 300 dpi", lambda: tiff(200)
    yield "PDF of 5 scans", lambda: pdf(5, 60)
    yield "PDF of 17 scans", lambda: pdf(17, 85)


def _photo(width: int, height: int) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = 6
    return encoded(scan((width / 300, height / 300), 300, "RGB", 30), "JPEG", quality=92, exif=exif)


def run() -> bool:
    """Whether every one came out, below PEAK_MB."""
    cleaner, good = ChildDocumentCleaner(MAX_BYTES), True
    cleaner.clean(encoded(Image.new("L", (9, 9)), "PNG"))
    print(
        f"{'document':32} {'MB in':>6} {'CPU s':>6} {'wall s':>6} {'peak MB':>7}  outcome (target: peak < {PEAK_MB} MB)"
    )
    for name, make in cases():
        data = make()
        began = time.perf_counter()
        outcome, usage = cleaner.measure(data)
        wall = time.perf_counter() - began
        try:
            done = read_answer("", "", outcome)
            words = f"{len(done.data) / 1e6:.1f} MB out, {done.pages} p., {done.width}x{done.height} at {done.dpi} dpi"
            words += f", preview {len(done.preview or b'') // 1000} kB"
        except DomainError as error:
            words, good = f"{error.code} {error.params}", False
        cost = f"{usage.cpu_s:6.2f} {wall:6.2f} {usage.peak_mb:7.0f}" if usage else f"     - {wall:6.2f}       -"
        good = good and usage is not None and usage.peak_mb < PEAK_MB
        print(f"{name:32} {len(data) / 1e6:6.1f} {cost}  {words}", flush=True)
    cleaner.close()
    _starts()
    return good


def _starts() -> None:
    """What a ready nest spares: the same small picture with a new interpreter each time, and from a nest."""
    cleaner, small = ChildDocumentCleaner(MAX_BYTES), encoded(Image.new("L", (60, 40)), "JPEG")
    times: dict[bool, list[float]] = {True: [], False: []}
    for fresh in [True, False] * STARTS:
        if fresh:
            cleaner.close()
        began = time.perf_counter()
        cleaner.clean(small)
        times[fresh].append(time.perf_counter() - began)
    cleaner.close()
    new, ready = (median(times[fresh]) * 1000 for fresh in (True, False))
    print(f"a small picture: {new:.0f} ms with a new interpreter, {ready:.0f} ms from a nest ({new / ready:.0f} times)")
