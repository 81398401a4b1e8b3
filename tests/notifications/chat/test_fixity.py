"""What was said stays verifiable: a bound person's words under their own key, a stranger's under the house's."""

from __future__ import annotations

from sqlalchemy import LargeBinary, type_coerce, update

from app.actors import SYSTEM
from app.materials.rules import Damage
from notifications.chat.models import ChatMessage
from parts import Lantai
from tests.notifications.chat.conftest import Writer


def found(lantai: Lantai) -> set[tuple[str, object, Damage]]:
    lantai.fixity.run_to_end(SYSTEM, lambda _: None, afresh=True)
    rows, _ = lantai.fixity_board.findings(SYSTEM, limit=500)
    return {(f.object_kind, f.object_id, f.damage) for f in rows}


def test_what_was_said_is_verified_whoever_said_it(lantai: Lantai, stranger: Writer, bound: Writer) -> None:
    assert stranger.say("怎么绑定")
    assert bound.say("我的档案到哪了")
    assert found(lantai) == set()
    spoilt = [stranger.kept()[0], bound.kept()[-1]]
    with lantai.db.transaction() as session:
        for message in spoilt:
            other = type_coerce(message.sealed_body[:-1] + bytes([message.sealed_body[-1] ^ 1]), LargeBinary)
            session.execute(update(ChatMessage).where(ChatMessage.id == message.id).values(sealed_body=other))
    assert found(lantai) == {("chat_message", m.id, Damage.CELL) for m in spoilt}
