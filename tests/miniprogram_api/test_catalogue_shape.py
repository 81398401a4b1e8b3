"""The catalogue goes out as the service's view, without a copy: it must have the shape the document promises."""

from __future__ import annotations

from collections.abc import Callable

from miniprogram_api.dossier import CatalogueOut
from tests.conftest import ApiClient, Person


def test_the_reply_is_what_the_declared_schema_would_have_made(
    graduate_factory: Callable[..., Person], signed_in: Callable[..., ApiClient]
) -> None:
    reply = signed_in(graduate_factory(), level=2).get("/dossier")
    assert reply.status_code == 200
    assert reply.content_type == "application/json"
    assert reply.headers["ETag"] == '"1"'
    assert {item["hidden"] is None for item in reply.json["items"]} == {True, False}
    assert reply.json == CatalogueOut.model_validate(reply.json).model_dump(mode="json")
    for item in reply.json["items"]:
        assert set(item) == set(CatalogueOut.model_fields["items"].annotation.__args__[0].model_fields)  # type: ignore[union-attr]
