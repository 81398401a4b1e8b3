"""Chapter I, search: staff find titles and say why they open content; the graduate sees it, and their own awards."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tests.journey.scene import Scene
from tests.journey.story import check, step
from tests.journey.wechat_steps import come_back, show_fingerprint

FULL = "壬　档案全本 the dossier in full"
_HIT = re.compile(r"/console/records/[0-9a-f-]{36}$")


def _own_title(scene: Scene) -> str:
    """The first graduate's latest award, or a course of one who has none."""
    wei = scene.graduate("wei")
    come_back(wei)
    show_fingerprint(scene, wei, "view_dossier")  # the last one may be five minutes old
    awards = [a["name"] for a in wei.app.get("/dossier/awards")["items"]]
    return str([*awards, *_titles(scene, "course")][0])


def _titles(scene: Scene, group: str) -> list[str]:
    return [i["title"] for i in scene.graduate("wei").app.get("/dossier")["items"] if i["group"] == group]


@step("search.own", FULL, "毕业生查自己的题名，汇总自己的奖项", "own titles searched, own awards summed up", "wx.read")
def own(scene: Scene) -> Iterator[str]:
    wei, title = scene.graduate("wei"), _own_title(scene)
    found = wei.app.ask("POST", "/dossier/search", 200, json={"q": title[:4]})["items"]
    check(title in [i["title"] for i in found], f"{title} is not among {len(found)} items found")
    awards, held = wei.app.get("/dossier/awards"), _titles(scene, "award")
    check(awards["total"] == len(held), f"{awards['total']} awards summed up, {len(held)} on file")
    check(sum(c["count"] for c in awards["by_level"]) == len(held), f"by level: {awards['by_level']}")
    grades = wei.app.get("/dossier/summary")["grades"]
    check(grades["courses"] == len(_titles(scene, "course")) > 0, f"courses in the summary: {grades}")
    levels = "、".join(f"{c['label']} {c['count']}" for c in awards["by_level"])
    yield f"奖项 {awards['total']} 项：{levels}；课程 {grades['courses']} 门，加权平均 {grades['mean'] or '—'}"


@step("search.staff", FULL, "工作人员检索，按分面缩小", "staff search by words, narrowed by a facet", "search.own")
def staff(scene: Scene) -> Iterator[str]:
    title, clerk = _own_title(scene), scene.clerk("reviewer")
    clerk.open("/console/retrieval")
    clerk.window.submit("/retrieval/search", words=title)
    check("/retrieval/results/" in clerk.window.path, f"search led to {clerk.window.path}")
    check(title in clerk.window.text, f"not found: {clerk.window.text[:200]}")
    check(scene.graduate("wei").person.name not in clerk.window.text, "a whole name among the results")
    facets = sorted(set(clerk.window.links("cohort=")))
    check(facets, "no facet to narrow by")
    clerk.window.go(facets[0])
    hits = [link for link in clerk.window.links("/console/records/") if _HIT.search(link)]
    check(hits, f"the facet leaves nothing: {clerk.window.text[:200]}")
    yield f"“{title}”：{len(hits)} 条在首页，分面 {len(facets)} 个"


@step("search.purpose", FULL, "调取须登记目的，本人看得到", "content asks for a purpose; the graduate sees which",
      "search.staff", "faceless.read")  # fmt: skip
def purpose(scene: Scene) -> Iterator[str]:
    # somebody whose content no member of staff has opened yet: a ticket's page brings a purpose of its own
    owner, clerk = scene.graduate("min"), scene.clerk("reviewer")
    graduate = clerk.find(owner.person.student_number)
    path = f"/console/graduates/{graduate}/dossier/course"
    clerk.window.go(path)
    check(clerk.window.path.endswith("/purpose"), f"content opened without a purpose: {clerk.window.path}")
    clerk.window.submit("/purpose", purpose="other")
    check("须说明理由" in clerk.window.text, "the purpose 其他 passed without a note")
    clerk.window.submit("/purpose", purpose="organisation", reference="调函〔2026〕9 号")
    check(clerk.window.path == path, f"after the purpose: {clerk.window.path}")
    titles = [i["title"] for i in owner.app.get("/dossier")["items"] if i["group"] == "course"]
    check(titles[0] in clerk.window.text, "the content is not shown")
    log = owner.app.get("/dossier/access-log?limit=50")["items"]
    reasons = [e["purpose"] for e in log if e["type"] == "dossier.section_read" and e["by"] == "staff"]
    check("组织调档" in reasons, f"the access log says: {reasons}")
    yield "无目的 → 登记页；“其他”须注明；“组织调档”登记后打开，本人查阅记录可见"
