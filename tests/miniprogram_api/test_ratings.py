"""The satisfaction question at the graduates' door."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from app.actors import Role
from parts import Lantai
from tests.conftest import ApiClient, Person, StaffLogin


def test_a_closed_ticket_is_rated_once(
    graduate_factory: Callable[..., Person],
    signed_in: Callable[..., ApiClient],
    staff_factory: Callable[..., StaffLogin],
    lantai: Lantai,
    run_jobs: Callable[[], None],
) -> None:
    http, clerk = signed_in(graduate_factory()), staff_factory(Role.ARCHIVIST)
    opened = {"kind": "other", "statement": "请核实"}
    ticket = http.post("/corrections", json=opened, headers={"Idempotency-Key": "rating-ticket"}).json
    path = f"/corrections/{ticket['id']}/satisfaction"

    def rate(body: dict[str, Any], key: str) -> Any:
        return http.post(path, json=body, headers={"Idempotency-Key": f"rating-{key}"})

    assert http.get(path).json["open_until"] is None
    early = rate({"score": 5}, "early")
    assert (early.status_code, early.json["code"]) == (409, "not_closed_yet")
    lantai.desk.accept(clerk.actor, lantai.desk.queue(clerk.actor)[0][0].id, ticket["version"])
    run_jobs()
    assert "评价" in http.get("/notices").json["items"][0]["body"]
    asked = http.get(path).json
    assert (asked["least"], asked["most"], asked["score"]) == (1, 5, None)
    assert asked["open_until"] is not None
    for wrong in ({"score": 6}, {"score": 0}, {"words": "好"}, {"score": 5, "words": "x" * 501}, {"score": 5, "a": 1}):
        assert rate(wrong, "wrong").status_code == 422
    first = rate({"score": 4, "words": "很清楚"}, "first-one")
    assert (first.status_code, first.json["score"]) == (200, 4)
    again = rate({"score": 4, "words": "很清楚"}, "first-one")
    assert again.headers["Idempotent-Replayed"] == "true"
    second = rate({"score": 1}, "second-one")
    assert (second.status_code, second.json["code"]) == (409, "rated_already")
    assert http.get(path).json["score"] == 4
