"""Chapter I: what dossiers lack before graduation, who owes it, and the catalogue on paper."""

from __future__ import annotations

from collections.abc import Iterator

from tests.journey.cast import SEALED, YEAR
from tests.journey.scene import Scene
from tests.journey.story import check, step
from tests.journey.wechat_steps import come_back
from tests.pdf_reading import conformance_of, fonts_of, text_of

CHAPTER = "壬　档案全本 the dossier in full"
MASKED = "（题名不予显示）"


@step("full.forecast", CHAPTER, "毕业前完整性预测：缺什么、谁负责、何时到期", "a cohort's forecast; who lacks what",
      "op.import", "staff.first")  # fmt: skip
def forecast(scene: Scene) -> Iterator[str]:
    ran = scene.stack.cli("completeness", "recompute", "--cohort", str(YEAR), "--all")
    check(ran.code == 0 and "已计算" in ran.output, f"recompute: {ran.code} {ran.output.strip()[-300:]}")
    yield next(line for line in ran.output.splitlines() if "已计算" in line)
    window = scene.clerk("archivist").window
    scene.clerk("archivist").open(f"/console/completeness?cohort={YEAR}")
    for words in ("最常缺少的材料", "毕业论文（设计）评定书", "教务处", "缺少材料的毕业生"):
        check(words in window.text, f"the forecast does not say {words}")
    most = next(k for k in window.links("kind=") if "#who" in k)
    scene.clerk("archivist").open(f"/console/completeness?cohort={YEAR}&kind=high_school&remind=1")
    if "14 天内已提醒过。" in window.text:
        told = "：本届 14 天内都已提醒过，不再发送"  # another telling of the story has just done it
    else:
        check("将提醒" in window.text, f"no count before reminding: {window.text[-400:]}")
        told = window.text.partition("将提醒")[2].partition("。")[0]
        window.submit("/completeness/remind")
        check("提醒已发出" in window.text, f"reminded: {window.text[:200]}")
    status, kind, table = window.fetch(f"/console/completeness.csv?cohort={YEAR}")
    check(status == 200 and kind.startswith("text/csv"), f"the file: {status} {kind}")
    people = [g.person for g in scene.cast.values()]
    check(not [p for p in people if p.id_number.encode() in table], "an ID number stands in the file")
    yield f"最常缺少：{most.partition('kind=')[2].partition('#')[0]}；已提醒{told}"


@step("full.list", CHAPTER, "本人看到所缺材料与责任方", "one graduate's list, for staff and the graduate",
      "wx.face", "full.forecast")  # fmt: skip
def missing(scene: Scene) -> Iterator[str]:
    wei, clerk = scene.graduate("wei"), scene.clerk("archivist")
    come_back(wei)
    found = wei.app.get("/dossier/completeness")
    lines = {i["kind"]: i for i in found["items"]}
    form = lines.get("graduate_form", {"standing": "not told"})
    check(form["standing"] == "paper_only", f"毕业生登记表: {form['standing']}")
    check(lines["report_card"]["standing"] == "not_applicable", "a report card is asked of a cohort after 2022")
    check(lines["destination_code"]["standing"] == "present", f"转递编号: {lines['destination_code']['standing']}")
    # which ones are missing depends on the degree: postgraduates bring no 高中材料
    owed = [i for i in found["items"] if i["standing"] == "missing"]
    check(owed and all(i["owner_label"] for i in owed), f"nobody owes what is missing: {owed}")
    own = [i["name"] for i in owed if i["owner_label"] == "本人" and i["need"] != "optional"]
    check("还缺" in found["summary"] and all(name in found["summary"] for name in own), found["summary"])
    check(SEALED not in str(found), "a sealed material is named to the graduate")
    clerk.open(f"/console/graduates/{clerk.find(wei.person.student_number)}/completeness")
    names = [i["name"] for i in found["items"] if i["standing"] == "missing"]
    check(all(name in clerk.window.text for name in names), "staff and graduate are told different things")
    yield found["summary"]


@step("full.catalogue", CHAPTER, "打印材料目录：字体内嵌、可复制", "catalogue PDF, text extracted",
      "full.list")  # fmt: skip
def catalogue(scene: Scene) -> Iterator[str]:
    wei, clerk = scene.graduate("wei"), scene.clerk("archivist")
    graduate_id = clerk.find(wei.person.student_number)
    status, kind, whole = clerk.window.fetch(f"/console/graduates/{graduate_id}/catalogue.pdf")
    check((status, kind) == (200, "application/pdf"), f"staff's catalogue: {status} {kind}")
    reply = wei.app.call("GET", "/dossier/catalogue.pdf")
    check(reply.status == 200, f"the graduate's catalogue: {reply.status}")
    own = reply.content
    for name, pdf in (("staff", whole), ("graduate", own)):
        fonts = fonts_of(pdf)
        check(fonts and all(fonts.values()), f"{name}: fonts not embedded: {fonts}")
        check(conformance_of(pdf) == "2U", f"{name}: not PDF/A-2u")
        for words in ("档案材料目录", "毕业生登记表", "学历学位材料"):
            check(words in text_of(pdf), f"{name}: {words} cannot be read out of the PDF")
    check(wei.person.name in text_of(whole), "the name cannot be read out of the staff's PDF")
    check(SEALED in text_of(whole), "staff do not see the sealed title")
    text = text_of(own)
    check(MASKED in text and SEALED not in text, "the sealed title is not masked for the graduate")
    check(wei.person.id_number not in text_of(whole) + text, "an ID number is printed in full")
    yield f"管理台 {len(whole) // 1024} KB，本人 {len(own) // 1024} KB，PDF/A-2u，内嵌字体 {len(fonts_of(whole))} 个"
