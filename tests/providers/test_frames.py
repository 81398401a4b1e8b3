"""Face frames: sealed in Redis, bound to their verification, forgotten in time."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.errors import Invalid, Tampered, TooLarge, Unavailable
from app.ports import FaceAction, FaceChallenge, FaceClip, FaceFrame
from providers.frames import RedisFrameBox, pack_clip, unpack_clip
from providers.keys import FileKeys
from providers.redis_store import GuardedRedis, connect
from tests.providers.redis_process import RedisProcess

CHALLENGE = FaceChallenge(b"n" * 16, (FaceAction.NEUTRAL, FaceAction.BLINK), 4000)
CLIP = FaceClip(tuple(FaceFrame(i, i % 2, i * 100, b"\xff\xd8picture" * 50, bytes([i]) * 32) for i in range(6)))

frames = st.builds(
    FaceFrame,
    index=st.integers(0, 2**32 - 1),
    action=st.integers(0, 2**16 - 1),
    at_ms=st.integers(-(2**63), 2**63 - 1),
    image=st.binary(max_size=40),
    mac=st.binary(max_size=40),
)
clips = st.builds(FaceClip, st.lists(frames, max_size=5).map(tuple))


@pytest.fixture(scope="module")
def server() -> Iterator[RedisProcess]:
    with tempfile.TemporaryDirectory() as folder:
        process = RedisProcess(Path(folder))
        process.start()
        yield process
        process.kill()


@pytest.fixture
def redis(server: RedisProcess) -> Iterator[GuardedRedis]:
    client = connect(server.url, timeout_s=2)
    yield client
    client.close()


@pytest.fixture
def keys(tmp_path: Path) -> FileKeys:
    return FileKeys.create(tmp_path / "keys")


def test_frames_come_back_until_dropped(redis: GuardedRedis, keys: FileKeys) -> None:
    box, verification = RedisFrameBox(redis, keys, 120), uuid4()
    box.put(verification, CHALLENGE, CLIP)
    assert RedisFrameBox(redis, keys, 120).get(verification) == CLIP
    assert box.get(verification) == CLIP, "a killed worker's successor finds them still"
    box.drop(verification)
    box.drop(verification)
    assert box.get(verification) is None


@pytest.mark.parametrize(("asked", "kept"), [(5, 5), (120, 120), (100_000, 120), (0, 1)])
def test_nothing_is_kept_longer_than_two_minutes(redis: GuardedRedis, keys: FileKeys, asked: int, kept: int) -> None:
    verification = uuid4()
    RedisFrameBox(redis, keys, asked).put(verification, CHALLENGE, CLIP)
    assert 0 < redis.pttl(f"frames:{verification.hex}") <= kept * 1000


def test_redis_holds_no_readable_picture(redis: GuardedRedis, keys: FileKeys) -> None:
    verification = uuid4()
    RedisFrameBox(redis, keys).put(verification, CHALLENGE, CLIP)
    stored = redis.get(f"frames:{verification.hex}")
    assert isinstance(stored, bytes)
    assert b"picture" not in stored
    assert CHALLENGE.nonce not in stored


def swap(redis: GuardedRedis, source: UUID, target: UUID) -> None:
    redis.copy(f"frames:{source.hex}", f"frames:{target.hex}", replace=True)


def test_another_persons_frames_do_not_open_here(redis: GuardedRedis, keys: FileKeys) -> None:
    box, mine, other = RedisFrameBox(redis, keys), uuid4(), uuid4()
    box.put(mine, CHALLENGE, CLIP)
    box.put(other, CHALLENGE, CLIP)
    swap(redis, other, mine)
    with pytest.raises(Tampered):
        box.get(mine)


@pytest.mark.parametrize("stored", [b"", b"short", b"x" * 200])
def test_garbage_is_tampered(redis: GuardedRedis, keys: FileKeys, stored: bytes) -> None:
    verification = uuid4()
    redis.set(f"frames:{verification.hex}", stored)
    with pytest.raises(Tampered):
        RedisFrameBox(redis, keys).get(verification)


def test_too_many_bytes_are_refused_before_redis(keys: FileKeys) -> None:
    box = RedisFrameBox(connect("redis://127.0.0.1:1/0", 0.2), keys, max_bytes=1000)
    with pytest.raises(TooLarge):
        box.put(uuid4(), CHALLENGE, CLIP)


@pytest.mark.parametrize(
    "frame", [FaceFrame(0, 2, 0, b"", b""), FaceFrame(0, -1, 0, b"", b""), FaceFrame(-1, 0, 0, b"", b"")]
)
def test_a_frame_that_cannot_be_is_refused(redis: GuardedRedis, keys: FileKeys, frame: FaceFrame) -> None:
    with pytest.raises(Invalid):
        RedisFrameBox(redis, keys).put(uuid4(), CHALLENGE, FaceClip((frame,)))


def test_without_redis_it_is_unavailable(keys: FileKeys) -> None:
    box = RedisFrameBox(connect("redis://127.0.0.1:1/0", 0.2), keys)
    with pytest.raises(Unavailable):
        box.put(uuid4(), CHALLENGE, CLIP)
    with pytest.raises(Unavailable):
        box.get(uuid4())
    with pytest.raises(Unavailable):
        box.drop(uuid4())


def test_a_restart_of_redis_forgets(tmp_path: Path, keys: FileKeys) -> None:
    server = RedisProcess(tmp_path)
    server.start()
    try:
        box, verification = RedisFrameBox(connect(server.url, 2), keys), uuid4()
        box.put(verification, CHALLENGE, CLIP)
        server.kill()
        server.start()
        assert box.get(verification) is None
        assert not list(tmp_path.glob("*.rdb"))
    finally:
        server.kill()


@given(clips)
def test_packing_round_trip(clip: FaceClip) -> None:
    assert unpack_clip(pack_clip(clip)) == clip


@given(clips, st.integers(1, 30))
def test_a_cut_or_extended_clip_is_refused(clip: FaceClip, size: int) -> None:
    packed = pack_clip(clip)
    for wrong in (packed[:-size], packed + b"\0" * size):
        with pytest.raises(ValueError):
            unpack_clip(wrong)
