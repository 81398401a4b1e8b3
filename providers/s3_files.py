"""Files in an S3-compatible store (path style, Signature Version 4), by their random name, never overwritten.

Where the server knows conditional writes (``If-None-Match: *``) it decides who was first. Where it says that it does
not (OpenStack Swift), the store looks before it writes, one writer of a name at a time within this process; two
processes putting the same random 128-bit name in the same instant is what remains.
"""

from __future__ import annotations

import base64
import hashlib
import os
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar

import boto3
import urllib3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from app.errors import Conflict, Invalid, NotFound, Unavailable
from providers.files import FILE_NAME, damaged_name

_T = TypeVar("_T")
_CONNECT_S, _READ_S, _TRIES = 3.0, 20.0, 3
_CHUNK, _LEAST_PER_S = 1 << 18, 1 << 18  # bytes at a time, and bytes a second that a slow line must still bring
_WRITER = "writer"  # object metadata: who put it, so that a repeated request knows its own work
_ABSENT = {"404", "NoSuchKey", "NotFound"}
_THERE_ALREADY = {"PreconditionFailed", "412", "ConditionalRequestConflict", "409"}
_NO_CONDITIONS = {"NotImplemented", "501"}
# It keeps the service descriptions that every client is made from, and makes one client at a time.
_SESSION, _MAKING = boto3.session.Session(), threading.Lock()


@dataclass(frozen=True, slots=True)
class Bucket:
    """Where a store is and how it is entered."""

    endpoint: str
    name: str
    region: str
    access_key: str = field(repr=False)
    secret_key: str = field(repr=False)


class S3FileStore:
    """app.file_ports.RepairableStore. Thread-safe. Every wait is bounded, every call tried ``tries`` times."""

    def __init__(
        self,
        bucket: Bucket,
        *,
        connect_s: float = _CONNECT_S,
        read_s: float = _READ_S,
        tries: int = _TRIES,
        page: int = 1000,
    ) -> None:
        self._bucket, self._tries, self._page, self._read_s = bucket, tries, page, read_s
        self._config = Config(
            signature_version="s3v4",
            s3={"addressing_style": "path"},
            connect_timeout=connect_s,
            read_timeout=read_s,
            retries={"mode": "standard", "total_max_attempts": tries},
            # trailing check sums are newer than many servers; Content-MD5 and the seal's own tag guard the bytes
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
        )
        self._locks = [threading.Lock() for _ in range(256)]
        self._made: tuple[int, Any] | None = None
        self._conditional = True

    def put(self, name: str, data: bytes) -> None:
        """Raises Conflict (file_exists), Invalid (file_name_refused), Unavailable."""
        if not FILE_NAME.fullmatch(name):
            raise Invalid("file_name_refused")
        with self._locks[int(name[:2], 16)]:
            if self._conditional and self._put_if_absent(name, data):
                return
            if self._writer_of(name) is not None:
                raise Conflict("file_exists")
            self._put(name, data)

    def get(self, name: str) -> bytes:
        """Raises NotFound, Unavailable."""
        if not FILE_NAME.fullmatch(name):
            raise NotFound
        found = None
        for _ in range(self._tries):  # a body that breaks off is not asked for again by the client itself
            try:
                return self._read(name)
            except Unavailable as error:
                found = error
                if error.params.get("reason") not in _BROKEN_OFF:
                    break
        raise found or Unavailable("file_store_unavailable")

    def delete(self, name: str) -> None:
        """Deleting what is not there is no fault. Raises Unavailable."""
        if FILE_NAME.fullmatch(name):
            self._call(lambda s3: s3.delete_object(Bucket=self._bucket.name, Key=name))

    def names(self) -> Iterator[str]:
        """In ascending order, ``page`` at a time. Raises Unavailable."""
        after = ""
        while True:
            page = self._call(partial(_page, self._bucket.name, after, self._page))
            keys = [str(entry["Key"]) for entry in page.get("Contents", ())]
            yield from (key for key in keys if FILE_NAME.fullmatch(key))
            if not keys or not page.get("IsTruncated"):
                return
            after = keys[-1]

    def sweep(self, before: float) -> int:  # noqa: ARG002 - the port's form
        """app.file_ports.RepairableStore: an object is there whole or not at all, so nothing is ever left."""
        return 0

    def repair(self, name: str, data: bytes) -> None:
        """Raises Invalid (file_name_refused), Unavailable."""
        if not FILE_NAME.fullmatch(name):
            raise Invalid("file_name_refused")
        with self._locks[int(name[:2], 16)]:
            if self._writer_of(name) is not None:
                source = {"Bucket": self._bucket.name, "Key": name}
                self._call(
                    lambda s3: s3.copy_object(Bucket=self._bucket.name, Key=damaged_name(name), CopySource=source)
                )
            self._put(name, data)

    # --- one request each ---------------------------------------------------------------------------------------------

    def _put_if_absent(self, name: str, data: bytes) -> bool:
        """False when the server does not know the condition and wrote nothing. Raises Conflict, Unavailable."""
        writer = secrets.token_hex(8)
        try:
            self._put(name, data, writer, IfNoneMatch="*")
        except _Answered as answer:
            if answer.answer in _NO_CONDITIONS:
                self._conditional = False
                return False
            if answer.answer not in _THERE_ALREADY:
                raise
            there = self._writer_of(name)
            if there is None:
                raise Unavailable("file_store_unavailable", params={"reason": answer.answer}) from None
            if there != writer:  # it is ours when only the answer to the first try was lost
                raise Conflict("file_exists") from None
        return True

    def _put(self, name: str, data: bytes, writer: str = "", **condition: str) -> None:
        digest = base64.b64encode(hashlib.md5(data, usedforsecurity=False).digest()).decode()
        self._call(
            lambda s3: s3.put_object(
                Bucket=self._bucket.name,
                Key=name,
                Body=data,
                ContentMD5=digest,
                ContentType="application/octet-stream",
                Metadata={_WRITER: writer or secrets.token_hex(8)},
                **condition,
            )
        )

    def _writer_of(self, name: str) -> str | None:
        """Who put the object; empty when nobody said; None when there is none."""
        try:
            head = self._call(lambda s3: s3.head_object(Bucket=self._bucket.name, Key=name))
        except NotFound:
            return None
        return str(head.get("Metadata", {}).get(_WRITER, ""))

    def _read(self, name: str) -> bytes:
        def fetch(s3: Any) -> bytes:
            answer = s3.get_object(Bucket=self._bucket.name, Key=name)
            length = int(answer["ContentLength"])
            with answer["Body"] as body:
                return _whole(body, length, time.monotonic() + self._read_s + length / _LEAST_PER_S)

        return self._call(fetch)

    def _call(self, ask: Callable[[Any], _T]) -> _T:
        """Raises NotFound, or Unavailable with one word as reason; never the client's own words, which hold the URL."""
        try:
            return ask(self._client())
        except ClientError as error:
            code = str(error.response.get("Error", {}).get("Code", ""))
            if code in _ABSENT:
                raise NotFound("file_not_found") from None
            raise _Answered(code) from None
        except (BotoCoreError, urllib3.exceptions.HTTPError, OSError, RecursionError) as error:
            raise Unavailable("file_store_unavailable", params={"reason": type(error).__name__}) from None

    def _client(self) -> Any:
        """One client for each process: a connection may not be shared with a fork."""
        with _MAKING:
            if self._made is None or self._made[0] != os.getpid():
                made = _SESSION.client(
                    "s3",
                    endpoint_url=self._bucket.endpoint,
                    region_name=self._bucket.region,
                    aws_access_key_id=self._bucket.access_key,
                    aws_secret_access_key=self._bucket.secret_key,
                    config=self._config,
                )
                self._made = (os.getpid(), made)
            return self._made[1]


def _whole(stream: Any, length: int, deadline: float) -> bytes:
    """All of it by ``deadline``. The client's own read waits as long as a byte comes now and then. Raises OSError."""
    found = bytearray()
    while chunk := stream.read1(_CHUNK):
        found += chunk
        if time.monotonic() > deadline or len(found) > length:
            raise TimeoutError
    if len(found) != length:
        raise ConnectionError
    return bytes(found)


def _page(bucket: str, after: str, size: int, s3: Any) -> dict[str, Any]:
    return dict(s3.list_objects_v2(Bucket=bucket, StartAfter=after, MaxKeys=size))


class _Answered(Unavailable):
    """The server answered, with a code of its own."""

    def __init__(self, code: str) -> None:
        super().__init__("file_store_unavailable", params={"reason": code})
        self.answer = code


_BROKEN_OFF = {"IncompleteReadError", "ResponseStreamingError", "ReadTimeoutError", "ProtocolError", "ConnectionError"}
