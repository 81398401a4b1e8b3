"""Staff find titles by words and facets, within bounds, and nothing they may not see."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import insert, select

from app.actors import Actor, Role
from app.dossiers.incoming import NewMaterial
from app.dossiers.rules import Section, Zone
from app.errors import Conflict, DomainError, Forbidden, Invalid, NotFound
from app.events import Event
from app.retrieval import rules
from app.retrieval.models import RetrievalUnit, StaffSearch
from app.retrieval.rules import Filters
from parts import Lantai
from tests.conftest import Person
from tests.fakes import FakeClock

Clerk = Callable[..., Actor]
People = Callable[..., Person]


def award(name: str, level: str = "校级", on: str = "2025-05-04") -> dict[str, str]:
    return {"award_name": name, "level": level, "issuer": "教育厅", "awarded_on": on}


@pytest.fixture
def filed(graduate_factory: People) -> dict[str, Person]:
    """Three graduates of two cohorts."""

    def one(major: str, cohort: int, *awards: dict[str, str], **more: Any) -> Person:
        records = {
            Section.IDENTITY: [{"name": "秘密姓名", "id_number": "1"}],
            Section.AWARD: list(awards),
            Section.COURSE: [{"course_name": "档案学概论", "term": "2024-2025-1", "grade": "90"}],
            **more,
        }
        return graduate_factory(records=records, major=major, cohort_year=cohort)

    return {
        "a": one("档案学", 2026, award("国家奖学金", "国家级"), award("数学建模竞赛二等奖", "省级", "2024-09-01")),
        "b": one("历史学", 2026, award("国家励志奖学金", "国家级"), award("校园歌手大赛 Top10")),
        "c": one("档案学", 2025, award("国家奖学金", "国家级")),
    }


def titles(lantai: Lantai, actor: Actor, query: str = "", **filters: Any) -> list[str]:
    return [h.title for h in lantai.search.search(actor, query, Filters(**filters)).hits]


def test_words_are_found_in_titles_and_issuers(lantai: Lantai, clerk: Clerk, filed: dict[str, Person]) -> None:
    actor = clerk()
    assert titles(lantai, actor, "奖学金") == ["国家奖学金", "国家奖学金", "国家励志奖学金"]
    assert titles(lantai, actor, "励志 国家") == ["国家励志奖学金"]
    assert titles(lantai, actor, "ｔｏｐ10") == ["校园歌手大赛 Top10"]
    assert len(titles(lantai, actor, "教育厅")) == 5
    assert set(titles(lantai, actor, "概论")) == {"档案学概论"}
    assert titles(lantai, actor, "没有这样") == []


def test_bigrams_that_stand_apart_are_no_hit(lantai: Lantai, clerk: Clerk, filed: dict[str, Person]) -> None:
    # 国家, 家励, 励志 and 志奖 stand in one title; 家奖学 does not, though 家奖 and 奖学 do in another
    assert titles(lantai, clerk(), "家励志") == ["国家励志奖学金"]
    assert titles(lantai, clerk(), "国家学金") == []


def test_facets_count_and_narrow(lantai: Lantai, clerk: Clerk, filed: dict[str, Person]) -> None:
    actor = clerk()
    found = lantai.search.search(actor, "奖学金", Filters())
    assert (found.total, found.more, found.narrow) == (3, False, False)
    counts = {name: {v.label: v.count for v in values} for name, values in found.facets.items()}
    assert counts["cohort"] == {"2026 届": 2, "2025 届": 1}
    assert counts["major"] == {"档案学": 2, "历史学": 1}
    assert counts["level"] == {"国家级": 3}
    assert titles(lantai, actor, "奖学金", cohort=2025) == ["国家奖学金"]
    assert titles(lantai, actor, "奖学金", major="历史学") == ["国家励志奖学金"]
    assert titles(lantai, actor, level="provincial") == ["数学建模竞赛二等奖"]
    assert titles(lantai, actor, strength="contest", year=2024) == ["数学建模竞赛二等奖"]
    assert titles(lantai, actor, "奖学金", college="别的学院") == []
    assert len(titles(lantai, actor, major="历史学")) == 5
    with pytest.raises(Invalid, match="search_empty"):
        lantai.search.search(actor, "", Filters(degree="本科"))


def test_names_are_masked_and_zone_c_identity_and_enrolment_are_never_found(
    lantai: Lantai, clerk: Clerk, filed: dict[str, Person], graduate_factory: People
) -> None:
    papers = (NewMaterial("10", "confidential", "绝密组织函件"), NewMaterial("3", "", "学年鉴定表"))
    graduate_factory(name="欧阳秘", materials=papers)
    actor = clerk()
    for words in ("秘密姓名", "欧阳", "绝密", "组织函件", "档案学院"):
        assert titles(lantai, actor, words) == [], words
    hit = lantai.search.search(actor, "鉴定表", Filters(cohort=2026)).hits[0]
    assert (hit.zone, hit.title) == (Zone.B, "学年鉴定表")
    assert "*" in hit.name
    assert filed["a"].card.name not in str([h.name for h in lantai.search.search(actor, "奖学金", Filters()).hits])


def test_an_index_that_lies_shows_nothing_of_zone_c(lantai: Lantai, clerk: Clerk, graduate_factory: People) -> None:
    """The second wall: even a unit wrongly indexed is not opened for a search."""
    person = graduate_factory()
    held = lantai.holdings.of(person.id)
    closed = next(m for m in held.materials if m.zone is Zone.C)
    with lantai.db.transaction() as session:
        shelf = session.scalars(select(RetrievalUnit.shelf_key)).first()
        session.execute(insert(RetrievalUnit).values(id=closed.id, shelf_key=shelf, graduate_id=person.id))
    assert "组织函件" not in titles(lantai, clerk(), cohort=2026)


def test_a_search_stops_counting_and_says_so(
    lantai: Lantai, clerk: Clerk, filed: dict[str, Person], monkeypatch: pytest.MonkeyPatch
) -> None:
    actor = clerk()
    everything = lantai.search.search(actor, "", Filters(cohort=2026))
    assert everything.total == 10
    pages = [h.unit_id for n in (1, 2) for h in lantai.search.search(actor, "", Filters(cohort=2026), page=n).hits]
    assert len(set(pages)) == 10
    monkeypatch.setattr(rules, "MOST_HITS", 5)
    few = lantai.search.search(actor, "", Filters(cohort=2026))
    assert (few.total, few.more, len(few.hits)) == (5, True, 5)


def test_the_catalogue_lists_distinct_titles_with_their_numbers(
    lantai: Lantai, clerk: Clerk, filed: dict[str, Person]
) -> None:
    actor = clerk()
    entries, total, more = lantai.search.catalogue(actor, Filters(group="award", level="national"))
    assert [(e.title, e.count) for e in entries] == [("国家奖学金", 2), ("国家励志奖学金", 1)]
    assert (total, more) == (2, False)
    assert titles(lantai, actor, entry=entries[0].key) == ["国家奖学金", "国家奖学金"]
    entries, _, _ = lantai.search.catalogue(actor, Filters(group="award", level="national", cohort=2025))
    assert [(e.title, e.count) for e in entries] == [("国家奖学金", 1)]
    with pytest.raises(Invalid):
        lantai.search.catalogue(actor, Filters(cohort=2025))


def test_only_readers_search_and_the_words_stand_in_no_event(
    lantai: Lantai, clerk: Clerk, filed: dict[str, Person]
) -> None:
    for role in Role:
        actor, allowed = clerk(role), role in (Role.ARCHIVIST, Role.REVIEWER, Role.DISPATCHER)
        for act in (
            lambda a=actor: lantai.search.search(a, "奖学金", Filters()),
            lambda a=actor: lantai.search.catalogue(a, Filters(group="award")),
            lambda a=actor: lantai.searches.keep(a, "奖学金", Filters()),
            lambda a=actor: lantai.searches.saved(a),
        ):
            if allowed:
                act()
            else:
                with pytest.raises(Forbidden):
                    act()
    with pytest.raises(DomainError):
        lantai.search.search(filed["a"].actor(), "奖学金", Filters())
    with lantai.db.transaction() as session:
        events = [e for e in session.scalars(select(Event)) if e.type.startswith("retrieval.")]
        sealed = session.scalars(select(StaffSearch.sealed_search)).all()
    assert {e.type for e in events} >= {"retrieval.searched", "retrieval.search_asked", "retrieval.catalogue_read"}
    assert "奖学金" not in str([e.data for e in events])
    assert all("奖学金".encode() not in s for s in sealed)


def test_kept_searches_are_ones_own_and_expire(lantai: Lantai, clerk: Clerk, clock: FakeClock) -> None:
    actor, other = clerk(), clerk()
    kept = lantai.searches.keep(actor, " 奖学金 ", Filters(level="national"))
    assert lantai.searches.recall(actor, kept).words == "奖学金"
    saved = lantai.searches.save(actor, kept, "国家级奖学金", Filters(level="national", cohort=2026))
    for search in (kept, saved):
        with pytest.raises(NotFound):
            lantai.searches.recall(other, search)
        with pytest.raises(NotFound):
            lantai.searches.forget(other, search)
    clock.advance(hours=9)
    with pytest.raises(NotFound):
        lantai.searches.recall(actor, kept)
    mine = lantai.searches.saved(actor)
    assert [(s.name, s.words, dict(s.filters)) for s in mine] == [
        ("国家级奖学金", "奖学金", {"level": "national", "cohort": "2026"})
    ]
    lantai.searches.keep(actor, "奖学金", Filters())
    with lantai.db.transaction() as session:
        assert session.get(StaffSearch, kept) is None  # swept when the next was asked
    lantai.searches.forget(actor, saved)
    assert lantai.searches.saved(actor) == []
    with pytest.raises(Invalid):
        lantai.searches.keep(actor, "奖", Filters())


def test_saved_searches_have_an_end(lantai: Lantai, clerk: Clerk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rules, "MOST_SAVED", 1)
    actor = clerk()
    kept = lantai.searches.keep(actor, "奖学金", Filters())
    for name in ("", "长" * 41):
        with pytest.raises(Invalid):
            lantai.searches.save(actor, kept, name, Filters())
    lantai.searches.save(actor, kept, "一", Filters())
    with pytest.raises(Conflict):
        lantai.searches.save(actor, kept, "二", Filters())
