"""Which verifier serves which channel, and everything without face."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from app.ports import Platform
from app.settings import Settings
from parts import Lantai
from tests.auth.conftest import Rebuild, begin, claim_of, enter, factors_of, prove
from tests.conftest import ApiClient, Person, World


def test_local_face_is_refused_on_wechat_and_offered_where_it_may_be(
    graduate_factory: Callable[..., Person], claimed: Callable[..., ApiClient], lantai: Lantai, settings: Settings
) -> None:
    assert "local_face" not in settings.wechat_verifiers
    person = graduate_factory()
    wechat, alipay = claimed(person), claimed(person, "open-a", "alipay")
    assert begin(wechat, "local_face").json["code"] == "factor_not_offered"
    assert factors_of(alipay) == {"alipay_certify", "local_face", "activation_code"}
    _, credential = lantai.logins.add_terminal("大厅一号")
    terminal = ApiClient(wechat.http)
    reply = terminal.post("/sessions", json={"platform": Platform.CAMPUS_TERMINAL.value, "code": credential})
    terminal.token = reply.json["access_token"]
    terminal.post("/claims", json=claim_of(person))
    assert factors_of(terminal) == {"local_face", "activation_code"}


@pytest.mark.parametrize(
    ("reason", "refused"),
    [("", True), ("x" * 19, True), (" " * 30, True), ("平台书面许可编号 2026-0001，校办存档", False)],
)
def test_only_a_documented_override_brings_local_face_to_wechat(reason: str, refused: bool, settings: Settings) -> None:
    changed = settings.model_copy(
        update={"wechat_verifiers": ("wechat_face", "local_face"), "local_face_on_wechat_override": reason}
    )
    assert bool(changed.faults()) is refused
    assert not refused or "LANTAI_LOCAL_FACE_ON_WECHAT_OVERRIDE" in changed.faults()[0]


def test_with_the_override_wechat_offers_local_face(rebuilt: Rebuild, graduate_factory: Callable[..., Person]) -> None:
    api = rebuilt(wechat_verifiers=("wechat_face", "local_face"), local_face_on_wechat_override="许可" * 12)
    http = enter(api(), "open-1")
    http.post("/claims", json=claim_of(graduate_factory()))
    assert "local_face" in factors_of(http)


def test_everything_is_possible_with_face_switched_off(
    rebuilt: Rebuild,
    graduate_factory: Callable[..., Person],
    school_code: Callable[[Person], str],
    world: World,
) -> None:
    """The equal way without face, on both platforms: bind, step up, read, ask for a correction."""
    api = rebuilt(face_enabled=False)
    for platform, phones in (("wechat", world.wechat_phone), ("alipay", world.alipay_phone)):
        person = graduate_factory()
        http = enter(api(), f"open-{platform}", platform)
        http.post("/claims", json=claim_of(person))
        assert factors_of(http) == {"activation_code"}
        assert http.get("/factors").json["face_health"] == "off"
        assert begin(http, "wechat_face").json["code"] == "factor_not_offered"
        assert prove(http, "activation_code", "bind", {"code": school_code(person)}).json["state"] == "passed"
        phones.numbers["p"] = person.card.phone
        assert prove(http, "phone", "view_dossier", {"proof": "p"}).json["state"] == "passed"
        record = http.get("/dossier/sections/course").json["records"][0]
        asked = http.post(
            "/corrections",
            json={
                "kind": "transcription",
                "statement": "成绩有误",
                "record_id": record["id"],
                "base_version": record["version"],
                "changes": {"grade": "99"},
            },
            headers={"Idempotency-Key": f"no-face-{platform}"},
        )
        assert asked.status_code == 201
    assert world.wechat_face.asked == world.alipay_face.asked == []
