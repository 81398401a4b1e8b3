"""The register, and every machine check against a planted fault of its kind."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from app.checks import layout
from app.checks.check import ask
from app.checks.documents import Catalogue, Metadata, NotCanonical, Records, canonical, read_canonical, write_document
from app.checks.offline import SEAL
from app.checks.package import Package, open_package
from app.checks.registry import BY_ID, CHECKS, MACHINE
from app.checks.rules import (
    ChecklistState,
    Finding,
    MissingItem,
    Mode,
    Outcome,
    Property,
    Result,
    Stage,
    Verdict,
    verdict,
)
from app.package_ports import Probe
from tests.app.checks.conftest import MemorySource, pdf, scan
from tests.conftest import make_id_number

TODAY = date(2026, 6, 10)
NUMBER = make_id_number(2)
FIRST, SECOND = "data/materials/4-1/001.jpg", "data/materials/4-1/002.pdf"


def item(**changes: Any) -> dict[str, Any]:
    data = scan()
    base = {
        "class_code": "4-1", "sequence": 1, "title": "成绩单", "kind": "transcript", "formed_on": "2026-06-01",
        "pages": 1, "remark": None, "zone": "A", "path": FIRST, "media_type": "image/jpeg", "size": len(data),
        "sha256": layout.sha256(data), "sm3": layout.sm3(data), "version": 1, "source": "import",
        "filed_at": "2026-06-05T00:00:00+00:00",
    }  # fmt: skip
    return {**base, **changes}


def paper(**changes: Any) -> dict[str, Any]:
    none = {"path": None, "media_type": None, "size": None, "sha256": None, "sm3": None}
    return item(class_code="3", title="鉴定表", **{**none, **changes})


def record(section: str, position: int = 1, **fields: str) -> dict[str, Any]:
    return {"section": section, "position": position, "zone": "A", "version": 1, "fields": fields}


class Draft:
    """A sound package that a test spoils before it is opened. ID number: of nobody, born 2004-03-15, a woman."""

    def __init__(self) -> None:
        second = pdf()
        self.items = [
            item(),
            item(
                sequence=2, title="登记表", pages=2, path=SECOND, media_type="application/pdf", size=len(second),
                sha256=layout.sha256(second), sm3=layout.sm3(second),
            ),
        ]  # fmt: skip
        self.records = [
            record("identity", name="测试甲", id_number=NUMBER, sex="女", birth_date="2004-03-15"),
            record(
                "enrolment", student_number="2022000001", enrolled_on="2022-09-01", graduated_on="2026-07-01",
                destination_code="A" * 18,
            ),
        ]  # fmt: skip
        self.about: dict[str, Any] = {
            "format": "lantai-metadata-1", "archive": "某大学", "office": "档案馆", "dossier_id": "d",
            "dossier_version": 1,
            "name": "测试甲", "id_number": NUMBER, "student_number": "2022000001", "cohort_year": 2026,
            "college": "文学院", "major": "档案学", "degree_level": "本科", "class_map": {"4-1": "学历", "3": "鉴定"},
            "zones": {"A": "a", "B": "b", "C": "c"}, "dossier_rules": "r", "class_map_version": "1",
            "counts": {"records": 2, "materials": 2, "files": 2, "file_bytes": len(scan()) + len(second)},
        }  # fmt: skip
        self.files: dict[str, bytes] = {FIRST: scan(), SECOND: second}
        self.probes: dict[str, Probe] = {
            FIRST: Probe(opens=True, pages=1, width=60, height=80, dpi=300),
            SECOND: Probe(opens=True, pages=2),
        }
        self.extra: dict[str, bytes] = {}
        self.checklist: ChecklistState | None = ChecklistState("1", (), 3)

    def opened(self) -> Package:
        documents = {
            layout.CATALOGUE: write_document(
                Catalogue.model_validate({"format": "lantai-catalogue-1", "labels": {}, "items": self.items})
            ),
            layout.RECORDS: write_document(
                Records.model_validate({"format": "lantai-records-1", "labels": {}, "records": self.records})
            ),
            layout.METADATA: write_document(Metadata.model_validate(self.about)),
        }
        payload = {**documents, **self.files}
        info = [("Source-Organization", "x"), ("Bagging-Date", "2026-06-10"), ("External-Identifier", "d")]
        info.append(("Payload-Oxum", f"{sum(map(len, payload.values()))}.{len(payload)}"))
        tags = {
            layout.BAGIT: layout.BAGIT_TEXT,
            layout.BAG_INFO: layout.bag_info(info),
            layout.MANIFEST: layout.digest_list({n: layout.sha256(d) for n, d in payload.items()}),
            layout.SM3_LIST: layout.digest_list({n: layout.sm3(d) for n, d in payload.items()}),
        }
        whole = {**payload, **{n: t.encode() for n, t in tags.items()}, **self.extra}
        return open_package(MemorySource(whole), self, TODAY, checklist=self.checklist)

    def probe(self, data: bytes, media_type: str) -> Probe:
        return next(
            (self.probes[n] for n, d in self.files.items() if d == data and n in self.probes), Probe(True, pages=1)
        )


Spoil = Callable[[Draft], object]


def of(draft: Draft, **changes: Any) -> None:
    draft.items[0].update(changes)


def about(draft: Draft, **changes: Any) -> None:
    draft.about.update(changes)


def person(draft: Draft, **changes: str) -> None:
    draft.records[0]["fields"].update(changes)


def study(draft: Draft, **changes: str) -> None:
    draft.records[1]["fields"].update(changes)


def file(draft: Draft, name: str, data: bytes) -> None:
    draft.files[name] = data


def probe(draft: Draft, name: str, **changes: Any) -> None:
    draft.probes[name] = Probe(**{"opens": True, "pages": 1, **changes})


FAULTS: list[tuple[str, Spoil]] = [
    ("Z-1-01", lambda d: of(d, sha256="0" * 64)),
    ("Z-1-02", lambda d: of(d, sm3="0" * 64)),
    ("Z-1-03", lambda d: of(d, sm3=None)),
    ("Z-1-04", lambda d: study(d, graduated_on="2021-07-01")),
    ("Z-1-04", lambda d: study(d, enrolled_on="2003-09-01")),
    ("Z-1-05", lambda d: of(d, formed_on="2026-06-11")),
    ("Z-1-05", lambda d: of(d, formed_on="2001-01-01")),
    ("Z-1-06", lambda d: of(d, formed_on="2026/06/01")),
    ("Z-1-06", lambda d: person(d, birth_date="2004-02-30")),
    ("Z-1-07", lambda d: about(d, id_number=NUMBER[:-1] + "A")),
    ("Z-1-08", lambda d: person(d, birth_date="2004-03-16")),
    ("Z-1-09", lambda d: person(d, sex="男")),
    ("Z-1-10", lambda d: about(d, name="测试\u200b甲")),
    ("Z-1-11", lambda d: person(d, name="另一人")),
    ("Z-1-12", lambda d: file(d, SECOND, scan())),
    ("Z-1-13", lambda d: of(d, title="登记表")),
    ("Z-1-14", lambda d: of(d, media_type="application/pdf")),
    ("Z-1-15", lambda d: of(d, class_code="99")),
    ("Z-1-16", lambda d: of(d, zone="Z")),
    ("Z-1-17", lambda d: file(d, "data/materials/4-1/007.jpg", scan(70))),
    ("Z-1-17", lambda d: d.files.pop(FIRST)),
    ("Z-1-18", lambda d: of(d, sequence=9)),
    ("Z-1-19", lambda d: of(d, title="成绩\u202e单")),
    ("Z-2-01", lambda d: d.items.append(paper())),
    ("Z-2-02", lambda d: of(d, size=1)),
    ("Z-2-03", lambda d: d.extra.update({layout.BAG_INFO: b"Payload-Oxum: 1.1\n"})),
    ("Z-2-04", lambda d: about(d, major=" ")),
    ("Z-2-04", lambda d: about(d, cohort_year=1066)),
    ("Z-2-05", lambda d: of(d, title="")),
    ("Z-2-06", lambda d: of(d, formed_on=None)),
    ("Z-2-07", lambda d: of(d, pages=None)),
    ("Z-2-08", lambda d: of(d, sequence=3)),
    ("Z-2-09", lambda d: d.records.append(record("course", 2, course_name="x"))),
    ("Z-2-10", lambda d: of(d, pages=7)),
    ("Z-2-11", lambda d: d.files.pop(SECOND)),
    ("Z-2-12", lambda d: d.items.append(paper())),
    ("Z-2-13", lambda d: d.extra.update({"data/more.json": b"x"})),
    ("Z-2-14", lambda d: d.extra.update({layout.SM3_LIST: b""})),
    ("Z-2-15", lambda d: setattr(d, "checklist", ChecklistState("1", (MissingItem("form", "登记表"),), 3))),
    ("Z-2-16", lambda d: d.records.pop()),
    ("Z-2-17", lambda d: study(d, destination_code="")),
    ("Z-2-18", lambda d: of(d, source="")),
    ("Z-3-01", lambda d: file(d, FIRST, b"GIF89a....")),
    ("Z-3-02", lambda d: probe(d, SECOND, opens=False, why="damaged")),
    ("Z-3-02", lambda d: file(d, FIRST, b"no format at all")),
    ("Z-3-03", lambda d: probe(d, SECOND, encrypted=True)),
    ("Z-3-04", lambda d: probe(d, SECOND, pages=0)),
    ("Z-3-05", lambda d: probe(d, FIRST, dpi=72)),
    ("Z-3-06", lambda d: file(d, FIRST, b"\x89PNG\r\n\x1a\n")),
    ("Z-3-07", lambda d: d.extra.update({layout.RECORDS: b'{"format": "lantai-records-1"}'})),
    ("Z-3-08", lambda d: d.extra.update({layout.BAGIT: b"BagIt-Version: 0.97\n"})),
    ("Z-3-09", lambda d: file(d, FIRST, b"")),
    ("Z-4-01", lambda d: probe(d, SECOND, active=("javascript",))),
    ("Z-4-02", lambda d: probe(d, SECOND, active=("attachment",))),
    ("Z-4-03", lambda d: probe(d, SECOND, surplus=True)),
    ("Z-4-04", lambda d: file(d, FIRST, b"MZ\x90\x00")),
    ("Z-4-05", lambda d: d.extra.update({"data/materials/.DS_Store": b"x"})),
    ("Z-4-06", lambda d: d.extra.update({"data/../../etc/passwd": b"x"})),
    ("Z-4-06", lambda d: d.extra.update({"data/materials/4-1/001.JPG": b"x"})),
    ("Z-4-07", lambda d: d.extra.update({"readme.txt": b"x"})),
]  # fmt: skip


def test_the_sound_package_passes_every_machine_check() -> None:
    package = Draft().opened()
    assert {ask(c, package).outcome for c in MACHINE} == {Outcome.PASS}


@pytest.mark.parametrize(("check_id", "spoil"), FAULTS, ids=[f"{c}-{n}" for n, (c, _) in enumerate(FAULTS)])
def test_each_check_finds_its_planted_fault(check_id: str, spoil: Spoil) -> None:
    draft = Draft()
    spoil(draft)
    result = ask(BY_ID[check_id], draft.opened())
    assert result.outcome is Outcome.FAIL
    assert result.findings
    assert all(f.where and f.words for f in result.findings)


def test_every_machine_check_has_a_planted_fault() -> None:
    # the bounds of Z-4-08 are gigabytes; tests/app/checks/test_offline.py tries the reader's own limits
    assert {c.id for c in MACHINE} - {c for c, _ in FAULTS} == {"Z-4-08"}


def test_the_register_is_whole() -> None:
    ids = [c.id for c in (*CHECKS, *SEAL)]
    assert len(ids) == len(set(ids))
    assert len(MACHINE) >= 35
    prefix = {Property.AUTHENTIC: "Z-1-", Property.COMPLETE: "Z-2-", Property.USABLE: "Z-3-", Property.SAFE: "Z-4-"}
    for check in CHECKS:
        assert check.id.startswith(prefix[check.property])
        assert check.title
        assert check.ground
        assert check.advice
        assert check.stages
        assert (check.judge is None) == (check.mode is Mode.MANUAL)
    for stage in Stage:
        assert {c.property for c in MACHINE if stage in c.stages and c.veto} == set(Property)


def test_what_is_missing_makes_a_check_not_run_never_passed() -> None:
    draft = Draft()
    draft.checklist = None
    assert ask(BY_ID["Z-2-15"], draft.opened()).outcome is Outcome.NOT_RUN
    draft.extra[layout.CATALOGUE] = b"{}"
    package = draft.opened()
    for check_id in ("Z-1-01", "Z-1-17", "Z-2-11"):
        assert ask(BY_ID[check_id], package).outcome is Outcome.NOT_RUN


@pytest.mark.parametrize(
    ("outcomes", "expected"),
    [
        ([(Outcome.PASS, True), (Outcome.NOT_APPLICABLE, True)], Verdict.PASSED),
        ([(Outcome.PASS, True), (Outcome.FAIL, False)], Verdict.NOTED),
        ([(Outcome.PASS, True), (Outcome.NOT_RUN, False)], Verdict.NOTED),
        ([(Outcome.PASS, True), (Outcome.WAITING, False), (Outcome.FAIL, False)], Verdict.WAITING),
        ([(Outcome.FAIL, True), (Outcome.WAITING, True)], Verdict.FAILED),
        ([(Outcome.NOT_RUN, True), (Outcome.PASS, True)], Verdict.FAILED),
    ],
)
def test_verdicts(outcomes: list[tuple[Outcome, bool]], expected: Verdict) -> None:
    assert verdict([(Result("x", o, 1, (Finding("a", "b"),)), veto) for o, veto in outcomes]) is expected


@pytest.mark.parametrize(
    "data",
    [
        b'{"a": 1}\n',
        b'{"b":1,"a":2}\n',
        b'{"a":1}',
        b"\xef\xbb\xbf{}\n",
        b'{"a":1.5}\n',
        b'{"a":1,"a":1}\n',
        b"[" * 100_000,
    ],
)
def test_other_spellings_are_not_canonical(data: bytes) -> None:
    with pytest.raises(NotCanonical):
        read_canonical(data)


def test_canonical_form_round_trips_and_refuses_floats() -> None:
    assert canonical({"乙": [1, None, True], "a": "x"}) == '{"a":"x","乙":[1,null,true]}\n'.encode()
    assert read_canonical(canonical({"b": {"a": []}})) == {"b": {"a": []}}
    with pytest.raises(ValueError, match="floating"):
        canonical({"a": [0.5]})


def test_the_house_rules_about_paths_hold_for_our_own_names() -> None:
    assert layout.material_path("9-4", 12, "application/ofd") == "data/materials/9-4/012.ofd"
    assert Path(layout.CATALOGUE).parts[0] == "data"
    assert layout.read_digest_list("x") is None
