"""Chapter 壬: statistics that give nobody away, and a periodic review signed by another person."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator

from tests.journey.cast import write_class
from tests.journey.scene import Scene
from tests.journey.story import check, step
from tests.pdf_reading import text_of

WHOLE = "壬　档案全本 the dossier in full"
SIZE, SMALLEST = 30, 5
REVIEWS = "/console/governance/reviews"
TABLES = ("rows=college&across=degree", "rows=degree&across=award", "rows=college&across=award")
FOUND = "成绩单第 2 页扫描不清"


def own_cohort(scene: Scene) -> int:
    """A year that no other telling uses."""
    return 1950 + scene.number % 70  # before every real cohort, however many scenes there are


def inner_cells(text: str) -> list[str]:
    """The cells of an exported table, without its head, its totals and its notes."""
    rows = list(csv.reader(io.StringIO(text)))
    last = next(n for n, row in enumerate(rows) if row and row[0] == "合计")
    return [cell for row in rows[1:last] for cell in row[1:-1]]


@step("gov.statistics", WHOLE, "人才库统计：小单元抑制", "statistics: small cells are suppressed, in page and file",
      "op.staff")  # fmt: skip
def statistics(scene: Scene) -> Iterator[str]:
    folder = scene.house.folder / f"pool-{scene.number}"
    portrait = scene.house.portraits.registrar
    people = write_class(folder, serial=600 + scene.number, size=SIZE, faced=0, portrait=portrait)
    for person in people:
        for kind, text in (("name", person.name), ("id number", person.id_number), ("phone", person.phone)):
            scene.keep(kind, text)
    table = folder / "graduates.csv"
    rows = list(csv.DictReader(io.StringIO(table.read_text("utf-8-sig"))))
    out = io.StringIO(newline="")
    writer = csv.DictWriter(out, list(rows[0]))
    writer.writeheader()
    writer.writerows(row | {"毕业年份": str(own_cohort(scene))} for row in rows)
    table.write_text(out.getvalue(), "utf-8-sig")
    ran = scene.stack.cli("import", str(folder))
    check(ran.code == 0, f"import: {ran.output.strip()[-200:]}")
    clerk = scene.clerk("archivist")
    clerk.open("/console/statistics")
    clerk.window.submit("/statistics/publish")
    clerk.open("/console/statistics?rows=cohort&across=")
    check(f"{own_cohort(scene)} {SIZE}" in " ".join(clerk.window.text.split()), "the cohort is not counted whole")
    seen: list[str] = []
    for query in TABLES:
        clerk.open(f"/console/statistics?{query}")
        shown = clerk.window.text
        status, kind, data = clerk.window.fetch(f"/console/statistics.csv?{query}")
        check(status == 200 and kind.startswith("text/csv"), f"the file: {status} {kind}")
        check(data.startswith(b"\xef\xbb\xbf"), "a spreadsheet would not know the file's encoding")
        cells = inner_cells(data.decode("utf-8-sig"))
        small = [c for c in cells if c.isdecimal() and 0 < int(c) < SMALLEST]
        check(not small, f"{query}: groups of {small} persons are shown")
        check(("<5" in cells) == ("<5" in shown.split("说明")[0]), f"{query}: page and file differ")
        seen += cells
    check("<5" in seen and "＊" in seen, f"nothing was suppressed in {len(seen)} cells")
    clerk.window.go("/console/statistics?rows=college&across=degree&within=cohort:2026")
    check("不予公布" in clerk.window.text, "a three-way table was answered")
    few, hidden = seen.count("<5"), seen.count("＊")
    yield f"{SIZE} 人新届次全数计入；{len(seen)} 个单元中 {few} 个 <5、{hidden} 个 ＊，文件与页面一致"
    yield "三项组合：不予公布"


@step("gov.review", WHOLE, "定期审查：抽样、检查、登记问题", "a review: drawn, checked by another, a finding",
      "gov.statistics")  # fmt: skip
def review(scene: Scene) -> Iterator[str]:
    clerk, reviewer = scene.clerk("archivist"), scene.clerk("reviewer")
    clerk.open(REVIEWS)
    clerk.window.submit(
        "/reviews",
        title=f"离校前抽查{scene.number}",
        cohort_year=str(own_cohort(scene)),
        starts_on="2026-06-01",
        ends_on="2099-06-30",
        size="2",
    )
    check("样本已抽取" in clerk.window.text, f"opened: {clerk.window.text[:200]}")
    path = scene.seen["review"] = clerk.window.path
    check("重新抽取一致" in clerk.window.text, "the sample cannot be drawn again")
    check("/items/" not in str(clerk.window.links("/items/")), "the archivist may check what the archive filed")
    reviewer.open(path)
    dossiers = sorted(set(reviewer.window.links("/dossier")))
    check(len(dossiers) == 2, f"{len(dossiers)} dossiers to look at")
    items = scene.seen["items"] = _items(scene, path)
    first, second = items.split()
    page = reviewer.window.fetch(path)[2].decode()
    owner = page.split('name="owner"')[1].split('<option value="')[1].split('"')[0]
    reviewer.window.submit(f"/items/{first}", outcome="ok")
    check("检查结果已登记" in reviewer.window.text, f"checked: {reviewer.window.text[:200]}")
    reviewer.window.submit(f"/items/{second}?finding", kind="illegible", note=FOUND, owner=owner, due_on="2099-06-20")
    check("整改中" in reviewer.window.text and FOUND in reviewer.window.text, f"found: {reviewer.window.text[:300]}")
    yield f"抽取 2 / {SIZE} 份，重新抽取一致；{reviewer.name} 检查：合格 1，有问题 1（扫描件不清）"


def _items(scene: Scene, path: str) -> str:
    """The items' ids as the reviewer's page has them in its forms."""
    status, _, data = scene.clerk("reviewer").window.fetch(path)
    check(status == 200, f"the review's page: {status}")
    found = [part.split('"')[0] for part in data.decode().split(f'action="{path}/items/')[1:]]
    return " ".join(dict.fromkeys(one for one in found if "?" not in one))


@step("gov.report", WHOLE, "整改、销号，由另一人签发报告", "mended, confirmed, signed by another, frozen", "gov.review")
def report(scene: Scene) -> Iterator[str]:
    clerk, reviewer, path = scene.clerk("archivist"), scene.clerk("reviewer"), scene.seen["review"]
    clerk.open(path)
    clerk.window.submit(_finding(scene), words="已重新扫描")
    check("已整改，待确认" in clerk.window.text, f"mended: {clerk.window.text[:200]}")
    reviewer.open(path)
    reviewer.window.submit(f"{_finding(scene)}:first")
    check(
        "已销号" in reviewer.window.text and "待签发" in reviewer.window.text, f"closed: {reviewer.window.text[:300]}"
    )
    check(not reviewer.window.has_form("/sign"), "who checked may sign")
    clerk.open(path)
    clerk.window.submit("/sign")
    check("报告已签发并冻结" in clerk.window.text, f"signed: {clerk.window.text[:200]}")
    clerk.open(f"{path}/report")
    text = clerk.window.text
    check("均已整改销号" in text and FOUND not in text, f"report: {text[:300]}")
    status, _, data = clerk.window.fetch(f"{path}/report.csv")
    check(status == 200 and clerk.name in data.decode("utf-8-sig"), f"the report's file: {status}")
    status, kind, data = clerk.window.fetch(f"{path}/report.pdf")
    check(status == 200 and kind == "application/pdf", f"the printed report: {status} {kind}")
    check(clerk.name in text_of(data) and FOUND not in text_of(data), "the printed report says something else")
    yield f"{clerk.name} 整改 → {reviewer.name} 销号 → {clerk.name} 签发，报告冻结；检查人自己不能签发"


def _finding(scene: Scene) -> str:
    status, _, data = scene.clerk("reviewer").window.fetch(scene.seen["review"])
    status2, _, other = scene.clerk("archivist").window.fetch(scene.seen["review"])
    check((status, status2) == (200, 200), f"the review's page: {status} {status2}")
    for page in (other.decode(), data.decode()):
        if "/findings/" in page:
            return "/findings/" + page.split("/findings/")[1].split('"')[0]
    check(False, "nobody may do anything about the finding")
    return ""
