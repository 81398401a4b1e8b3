"""Face frames on their way from the web process to the face worker: sealed, in memory, gone within two minutes."""

from __future__ import annotations

import struct
from secrets import token_bytes
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from redis import Redis
from redis.exceptions import RedisError

from app.errors import Invalid, Tampered, TooLarge, Unavailable
from app.ports import FaceChallenge, FaceClip, FaceFrame, KeyWrapper

_MAGIC = b"LF1"
_COUNT = struct.Struct(">H")
_FRAME = struct.Struct(">IHqHI")  # index, action, at_ms, length of mac, length of image
_NONCE = 12
_MAX_TTL_S = 120


class RedisFrameBox:
    """app.ports.FrameBox in a Redis that saves nothing to disk.

    Sealed by AES-256-GCM under the secret 'frames' with the verification's id as associated data, so one person's
    frames cannot be put in the place of another's. The client should allow for a few megabytes in one command:
    give ``connect`` a timeout of a second or two.
    """

    def __init__(self, redis: Redis, keys: KeyWrapper, ttl_s: int = _MAX_TTL_S, max_bytes: int = 26_000_000) -> None:
        """``ttl_s`` is cut to 120 s; ``max_bytes`` bounds one clip as stored."""
        self._redis = redis
        self._cipher = AESGCM(keys.secret("frames"))
        self._ttl_s = max(1, min(ttl_s, _MAX_TTL_S))
        self._max_bytes = max_bytes

    def put(self, verification_id: UUID, challenge: FaceChallenge, clip: FaceClip) -> None:
        """Stores the frames only; the challenge stays with the attempt's row.

        Raises Invalid (clip_unusable) for a frame of an action not asked for; TooLarge (clip_too_large); Unavailable.
        """
        if sum(len(f.image) for f in clip.frames) > self._max_bytes:
            raise TooLarge("clip_too_large", params={"max_bytes": self._max_bytes})
        if any(not 0 <= f.action < len(challenge.actions) for f in clip.frames):
            raise Invalid("clip_unusable")
        nonce = token_bytes(_NONCE)
        sealed = nonce + self._cipher.encrypt(nonce, pack_clip(clip), _bound(verification_id))
        try:
            self._redis.set(_name(verification_id), sealed, ex=self._ttl_s)
        except RedisError:
            raise Unavailable("face_unavailable") from None

    def get(self, verification_id: UUID) -> FaceClip | None:
        """None once expired, dropped, or lost with a restart of Redis. Raises Tampered, Unavailable."""
        try:
            sealed = self._redis.get(_name(verification_id))
        except RedisError:
            raise Unavailable("face_unavailable") from None
        if not isinstance(sealed, bytes):
            return None
        try:
            return unpack_clip(self._cipher.decrypt(sealed[:_NONCE], sealed[_NONCE:], _bound(verification_id)))
        except (InvalidTag, ValueError):
            raise Tampered from None

    def drop(self, verification_id: UUID) -> None:
        try:
            self._redis.delete(_name(verification_id))
        except RedisError:
            raise Unavailable("face_unavailable") from None


def pack_clip(clip: FaceClip) -> bytes:
    """Magic, number of frames, then per frame a fixed head, the MAC and the picture. Raises Invalid (clip_unusable)."""
    try:
        parts = [_MAGIC, _COUNT.pack(len(clip.frames))]
        for f in clip.frames:
            parts += [_FRAME.pack(f.index, f.action, f.at_ms, len(f.mac), len(f.image)), f.mac, f.image]
    except struct.error:
        raise Invalid("clip_unusable") from None
    return b"".join(parts)


def unpack_clip(data: bytes) -> FaceClip:
    """The reverse of pack_clip. Raises ValueError unless every byte is accounted for."""
    if not data.startswith(_MAGIC):
        raise ValueError("not a clip")
    frames: list[FaceFrame] = []
    try:
        (count,) = _COUNT.unpack_from(data, len(_MAGIC))
        at = len(_MAGIC) + _COUNT.size
        for _ in range(count):
            index, action, at_ms, mac_size, image_size = _FRAME.unpack_from(data, at)
            mac_at = at + _FRAME.size
            image_at, at = mac_at + mac_size, mac_at + mac_size + image_size
            frames.append(FaceFrame(index, action, at_ms, data[image_at:at], data[mac_at:image_at]))
    except struct.error:
        raise ValueError("clip cut short") from None
    if at != len(data):
        raise ValueError("clip of the wrong length")
    return FaceClip(tuple(frames))


def _name(verification_id: UUID) -> str:
    return f"frames:{verification_id.hex}"


def _bound(verification_id: UUID) -> bytes:
    return b"lantai/frames/1" + verification_id.bytes
