"""The S3 store's words with a server whose answers a test decides; tests/providers/test_stores.py asks a real one."""

from __future__ import annotations

import base64
import hashlib
import logging

import pytest

from app.errors import Conflict, NotFound, Unavailable
from providers.s3_files import Bucket, S3FileStore
from tests.providers.fake_server import DRIP, RESET, SILENT, Answer, FakeServer, Seen

NAME = "0123456789abcdef" * 2
SECRET = "never-to-be-shown-4711"


def fault(status: int, code: str) -> Answer:
    body = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>no</Message></Error>".encode()
    return Answer(body, status, "application/xml")


@pytest.fixture
def store(platform_server: FakeServer) -> S3FileStore:
    platform_server.answer = lambda seen: Answer()
    bucket = Bucket(platform_server.url, "dossiers", "us-east-1", "AKEY", SECRET)
    return S3FileStore(bucket, connect_s=0.5, read_s=0.5, tries=2)


def test_a_put_asks_the_server_not_to_overwrite_and_to_check_the_bytes(
    store: S3FileStore, platform_server: FakeServer
) -> None:
    store.put(NAME, b"sealed")
    (seen,) = platform_server.seen
    assert (seen.method, seen.path, seen.body) == ("PUT", f"/dossiers/{NAME}", b"sealed")
    assert seen.headers["if-none-match"] == "*"
    assert seen.headers["content-md5"] == base64.b64encode(hashlib.md5(b"sealed").digest()).decode()
    assert "/us-east-1/s3/aws4_request" in seen.headers["authorization"]


@pytest.mark.parametrize("answer", [fault(412, "PreconditionFailed"), fault(409, "ConditionalRequestConflict")])
def test_somebody_elses_file_is_a_conflict(store: S3FileStore, platform_server: FakeServer, answer: Answer) -> None:
    platform_server.answer = lambda seen: answer if seen.method == "PUT" else Answer(headers={"x-amz-meta-writer": "z"})
    with pytest.raises(Conflict):
        store.put(NAME, b"sealed")


def test_a_put_whose_answer_was_lost_knows_its_own_file(store: S3FileStore, platform_server: FakeServer) -> None:
    writers: list[str] = []

    def answer(seen: Seen) -> Answer:
        if seen.method == "PUT":
            writers.append(seen.headers["x-amz-meta-writer"])
            return RESET if len(writers) == 1 else fault(412, "PreconditionFailed")
        return Answer(headers={"x-amz-meta-writer": writers[0]})

    platform_server.answer = answer
    store.put(NAME, b"sealed")
    assert len(writers) == 2


def test_a_server_without_conditions_is_looked_at_before_it_is_written_to(
    store: S3FileStore, platform_server: FakeServer
) -> None:
    there: set[str] = set()

    def answer(seen: Seen) -> Answer:
        if seen.method == "HEAD":
            return Answer(status=200 if seen.path in there else 404)
        if "if-none-match" in seen.headers:
            return fault(501, "NotImplemented")
        there.add(seen.path)
        return Answer()

    platform_server.answer = answer
    store.put(NAME, b"sealed")
    with pytest.raises(Conflict):
        store.put(NAME, b"other")
    plain = [seen.method for seen in platform_server.seen if "if-none-match" not in seen.headers]
    assert plain == ["HEAD", "PUT", "HEAD"], "looked, put, looked; and asked for the condition no second time"


@pytest.mark.parametrize(
    "answer",
    [RESET, SILENT, DRIP, fault(500, "InternalError"), fault(403, "AccessDenied"), fault(404, "NoSuchBucket"),
     fault(503, "SlowDown"), Answer(b"<html>", 502, "text/html")],
)  # fmt: skip
def test_every_other_answer_is_unavailable_and_bounded(
    store: S3FileStore, platform_server: FakeServer, answer: Answer
) -> None:
    platform_server.answer = lambda seen: answer
    with pytest.raises(Unavailable) as caught:
        store.get(NAME)
    assert caught.value.code == "file_store_unavailable"
    assert len(platform_server.seen) <= 4
    assert "dossiers" not in str(caught.value.params)


def test_only_the_servers_word_for_it_is_not_found(store: S3FileStore, platform_server: FakeServer) -> None:
    platform_server.answer = lambda seen: fault(404, "NoSuchKey")
    with pytest.raises(NotFound):
        store.get(NAME)


def test_no_secret_in_any_log_or_text(
    store: S3FileStore, platform_server: FakeServer, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        store.put(NAME, b"PLAIN-CONTENT-OF-A-FILE")
        platform_server.answer = lambda seen: fault(403, "AccessDenied")
        with pytest.raises(Unavailable) as caught:
            store.get(NAME)
    assert caplog.records, "the client does log at this level"
    assert SECRET not in caplog.text + repr(store._bucket) + repr(caught.value.params)
