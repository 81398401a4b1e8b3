"""Awards and grades summed up from what was filed, whatever was filed."""

from __future__ import annotations

from uuid import uuid4

from app.retrieval import sums


def test_awards_are_summed_by_level_and_year() -> None:
    filed = [
        {"award_name": "甲", "level": "校级", "awarded_on": "2024-05-04", "issuer": "学校"},
        {"award_name": "乙", "level": "全国", "awarded_on": "2025-01-01"},
        {"award_name": "丙", "level": "国家级"},
        {"award_name": "丁", "awarded_on": "2025-03-01"},
    ]
    found = sums.awards_of([(uuid4(), body) for body in filed])
    assert [(c.label, c.count) for c in found.by_level] == [("国家级", 2), ("校级", 1), ("未填级别", 1)]
    assert [(c.label, c.count) for c in found.by_year] == [("2025 年", 2), ("2024 年", 1), ("未填日期", 1)]
    assert [a.name for a in found.items] == ["丁", "乙", "甲", "丙"]
    assert sums.awards_of([]).total == 0


def test_the_mean_is_of_numbers_weighted_by_credits() -> None:
    courses = [
        {"term": "2024-2025-1", "credit": "3", "grade": "90"},
        {"term": "2024-2025-1", "credit": "1", "grade": "70.5"},
        {"term": "2024-2025-2", "credit": "2", "grade": "优秀"},
        {"term": "2024-2025-2", "grade": "80"},
        {"term": "2024-2025-2", "credit": "x", "grade": "NaN"},
        {"term": "2024-2025-2", "credit": "0.5", "grade": "1e9"},
    ]
    whole = sums.grades_of(courses)
    assert (whole.courses, whole.credits, whole.numeric) == (6, 6.5, 3)
    assert whole.mean == round((90 * 3 + 70.5 + 80) / 5, 2)
    assert sums.grades_of([{"grade": "优秀"}]).mean is None
    summary = sums.summary_of(courses, [{"kind": "论文"}, {"kind": "专利"}, {"kind": "论文"}, {}], [])
    assert [(t.term, t.courses) for t in summary.terms] == [("2024-2025-1", 2), ("2024-2025-2", 4)]
    assert [(c.label, c.count) for c in summary.research] == [("论文", 2), ("专利", 1), ("未填类型", 1)]
