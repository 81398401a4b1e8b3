"""Editions of the catalogue: old notices keep their words, and what went out does not change."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import update

from app.actors import SYSTEM
from app.corrections.rules import STATE_LABELS as TICKET_LABELS
from app.jobs import Announce
from app.transfers.electronic_clocks import LEG_TIMERS, LegTimer
from app.transfers.electronic_rules import LEG_LABELS, LEG_NEXT, Leg
from app.transfers.states import NEXT_WORDS
from app.transfers.states import STATE_LABELS as TRANSFER_LABELS
from app.transfers.states import State as TransferState
from notifications.catalogue.editions import CATALOGUE_VERSION, EDITIONS, Edition, EditionInvalid, read
from notifications.catalogue.text import NoticeText
from notifications.catalogue.words import notice_for
from notifications.models import Notice
from parts import Lantai
from tests.conftest import Person
from tests.notifications.catalogue.samples import happenings

RELEASED = {
    "2026-1": "d66bafc9a0a09a13d9d0de5957afd1694a6f8751b057cbf3844112c544f90c55",
    "2026-2": "b3fb8a1df4890f7ab25a1dbff923cb1a6e97436bb66d3010cedd5728edc1a0e0",
}
"""What every edition says. One that went out may not change: new words are a new folder and a new line here."""

WHOLE = 'template = "ticket_decided"\npromise = "at_most_once"\nimportance = "ordinary"\ntopic = "chat"\n'
WORDS = 'title = "旧题"\nbody = "旧文"\nphrase = "旧"\nhint = "旧提示"\npage = "pages/chat/index"\n'


SAID = ("title", "body", "phrase", "hint", "subject", "page", "calls", "version")


def digest(edition: Edition) -> str:
    said = {key: [getattr(words, name) for name in SAID] for key, words in sorted(edition.items())}
    return hashlib.sha256(json.dumps(said, ensure_ascii=False).encode()).hexdigest()


def made(folder: Path, **editions: str) -> Path:
    for name, text in editions.items():
        (folder / name.replace("_", "-").strip("-")).mkdir(parents=True)
        (folder / name.replace("_", "-").strip("-") / "a.toml").write_text(text, "utf-8")
    return folder


def test_words_that_went_out_have_not_changed() -> None:
    assert {name: digest(edition) for name, edition in EDITIONS.items()} == RELEASED


def test_a_changed_word_is_noticed(tmp_path: Path) -> None:
    one = read(made(tmp_path / "one", _2026_1=f'["a.b"]\n{WHOLE}{WORDS}'))
    other = read(made(tmp_path / "other", _2026_1=f'["a.b"]\n{WHOLE}{WORDS.replace("旧文", "旧文。")}'))
    assert digest(one["2026-1"]) != digest(other["2026-1"])


def test_an_old_notice_is_read_in_its_old_words(lantai: Lantai, graduate_factory: Callable[..., Person]) -> None:
    person, kind = graduate_factory(), "completeness.reminded"
    with lantai.db.transaction() as session:
        event = lantai.log.record(session, SYSTEM, kind, graduate_id=person.id)
    lantai.announcing.announce(Announce(event))
    (before,), _ = lantai.inbox.notices(person.actor(), before=None, limit=5)
    with lantai.db.transaction() as session:
        session.execute(update(Notice).values(catalogue_version="2026-1"))
    (after,), _ = lantai.inbox.notices(person.actor(), before=None, limit=5)
    assert (before.version, after.version) == (CATALOGUE_VERSION, "2026-1")
    old, new = notice_for(kind, {}, "2026-1"), notice_for(kind, {})
    assert old is not None
    assert new is not None
    assert (old.version, old.hint) == ("2026-1", "请进入小程序查看清单")
    assert (new.version, new.hint) == ("2026-2", "小程序内看清单")
    assert (after.title, after.body) == (old.title, old.body)


def test_an_edition_says_only_what_it_changes_and_ten_comes_after_nine(tmp_path: Path) -> None:
    found = read(
        made(
            tmp_path,
            _2026_9=f'["a.b"]\n{WHOLE}{WORDS}\n["c.d"]\n{WHOLE}{WORDS}',
            _2026_10='["a.b"]\ntitle = "新题"\n',
        )
    )
    assert list(found) == ["2026-9", "2026-10"]
    new, old, same = found["2026-10"]["a.b"], found["2026-9"]["a.b"], found["2026-10"]["c.d"]
    assert (new.title, new.body, new.version) == ("新题", "旧文", "2026-10")
    assert (old.title, old.version) == ("旧题", "2026-9")
    assert same.version == "2026-9"


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ('["a.b"]\ntitle = "只有题"\n', "a.b"),
        (f'["a.b"]\n{WHOLE}{WORDS}colour = "red"\n', "colour"),
        (f'["a.b"]\n{WHOLE.replace("ordinary", "loud")}{WORDS}', "loud"),
    ],
)
def test_a_faulty_edition_says_where(tmp_path: Path, text: str, named: str) -> None:
    with pytest.raises(EditionInvalid, match=re.escape(named)):
        read(made(tmp_path, _2026_1=text))


def test_a_notice_twice_in_one_edition_is_a_fault(tmp_path: Path) -> None:
    folder = made(tmp_path, _2026_1=f'["a.b"]\n{WHOLE}{WORDS}')
    (folder / "2026-1" / "b.toml").write_text(f'["a.b"]\n{WHOLE}{WORDS}', "utf-8")
    with pytest.raises(EditionInvalid, match="twice"):
        read(folder)


@pytest.mark.parametrize("version", EDITIONS)
def test_every_event_in_every_state_has_its_words_and_no_words_lie_idle(version: str) -> None:
    told: dict[str, NoticeText] = {}
    for kind, data in happenings(version):
        words = notice_for(kind, data, version)
        assert words is not None, (kind, data)
        assert "{" not in words.title + words.body + words.hint, words.key
        told[words.key] = words
    assert set(told) == set(EDITIONS[version])


def test_what_is_no_notice_stays_none_and_a_later_release_s_edition_is_read_in_ours() -> None:
    assert notice_for("dossier.section_read", {}) is None
    assert notice_for("electronic.moved", {"state": Leg.PACKAGED.value}) is None
    assert notice_for("chat.answered", {}, "2099-1") == notice_for("chat.answered", {})


def test_the_newest_words_agree_with_what_the_app_calls_its_states() -> None:
    """The app's labels changed? Then the notices want a new edition."""
    newest = EDITIONS[CATALOGUE_VERSION]
    for state in TransferState:
        for what, called in (("transfer", "档案转递"), ("supplement_transfer", "补充材料转递")):
            words = newest[f"{what}.step.{state.value}"]
            assert words.title == f"{called}：{TRANSFER_LABELS[state]}"
            assert words.body == f"下一步：{NEXT_WORDS[state]}。"
    for key in [k for k in newest if k.startswith("ticket.decided.")]:
        state_label = next(label for s, label in TICKET_LABELS.items() if key.endswith(f".{s.value}"))
        assert newest[key].title == f"更正申请：{state_label}"
    for key in [k for k in newest if k.startswith("electronic.moved.")]:
        leg = Leg(key.rsplit(".", 1)[1])
        assert newest[key].title == f"电子档案：{LEG_LABELS[leg]}"
        assert newest[key].body == f"下一步：{LEG_NEXT[leg]}。"
    for timer in LegTimer:
        late = LEG_TIMERS[timer]
        assert newest[f"electronic.overdue.{timer.value}"].title == f"电子档案：已超过{late.label}"
        assert newest[f"electronic.overdue.{timer.value}"].body.startswith(late.late)
