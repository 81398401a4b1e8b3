from __future__ import annotations

import threading
import uuid
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import delete, func, select, text

from app.envelope import HOUSE, Place, open_json, seal_json
from app.errors import NotFound, Tampered
from app.keyring import Keyring, WrappedKey
from parts import Lantai
from providers.keys import FileKeys
from tests.conftest import Person


def fresh(lantai: Lantai) -> Keyring:
    """The keyring of another process: nothing cached."""
    return Keyring(lantai.db, lantai.outside.keys, lantai.clock)


def test_a_key_is_made_once_and_found_by_every_process(lantai: Lantai) -> None:
    owner = uuid.uuid4()
    key, row = lantai.keys.new(owner)
    with lantai.db.transaction() as session:
        session.add(row)
    assert lantai.keys.of(owner) == key == fresh(lantai).of(owner)
    assert key.material not in row.wrapped
    with lantai.db.transaction() as session:
        assert lantai.keys.many(session, [owner, uuid.uuid4()]) == {owner: key}


def test_eight_first_uses_at_once_make_one_house_key(lantai: Lantai) -> None:
    start, found, failures = threading.Barrier(8), [], []

    def ask() -> None:
        start.wait()
        try:
            found.append(fresh(lantai).house().material)
        except Exception as error:  # reported below: a thread cannot fail a test
            failures.append(error)

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert failures == []
    assert len(found) == 8
    assert len(set(found)) == 1
    with lantai.db.transaction() as session:
        assert session.scalar(select(func.count()).select_from(WrappedKey).where(WrappedKey.owner_id == HOUSE)) == 1


def test_destroying_the_wrapped_key_erases_the_person(lantai: Lantai, graduate_factory: Callable[..., Person]) -> None:
    person, other = graduate_factory(), graduate_factory()
    with lantai.db.transaction() as session:
        session.execute(delete(WrappedKey).where(WrappedKey.owner_id == person.id))
    with pytest.raises(NotFound) as caught:
        fresh(lantai).of(person.id)
    assert caught.value.code == "data_key_absent"
    assert fresh(lantai).of(other.id).owner == other.id


def test_a_wrapped_key_under_another_owners_name_does_not_unwrap(lantai: Lantai) -> None:
    one, two = uuid.uuid4(), uuid.uuid4()
    with lantai.db.transaction() as session:
        session.add_all([lantai.keys.new(one)[1], lantai.keys.new(two)[1]])
        session.flush()
        session.execute(
            text(
                "update data_key set wrapped = (select wrapped from data_key where owner_id = :a) where owner_id = :b"
            ),
            {"a": one, "b": two},
        )
    assert fresh(lantai).of(one).owner == one
    with pytest.raises(Tampered):
        fresh(lantai).of(two)


def test_another_master_key_opens_nothing(
    lantai: Lantai, graduate_factory: Callable[..., Person], tmp_path: Path
) -> None:
    person = graduate_factory()
    stranger = Keyring(lantai.db, FileKeys.create(tmp_path / "other-keys"), lantai.clock)
    with pytest.raises(Tampered):
        stranger.of(person.id)


def test_a_new_suite_seals_anew_and_opens_the_old(lantai: Lantai) -> None:
    place = Place("claim", "sealed_person", uuid.uuid4())
    old = seal_json(lantai.keys.house(), place, {"name": "张三"})
    chinese = Keyring(lantai.db, lantai.outside.keys, lantai.clock, "sm4-gcm")
    assert open_json(chinese.house(), place, old) == {"name": "张三"}
    new = seal_json(chinese.house(), place, {"name": "李四"})
    assert (old[2], new[2]) == (1, 2)
    assert open_json(lantai.keys.house(), place, new) == {"name": "李四"}
