"""WeChat's own side of its cryptography: push encryption and the three hashes it checks.

Written from the wire facts alone and proved by the published vectors, so that no mistake is shared with our clients.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets
import struct
from dataclasses import dataclass

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

BLOCK = 32


class BadCiphertext(ValueError):
    """Not decryptable with this key, or not in the push layout."""


def sha1_signature(*parts: str) -> str:
    """Lower-case hex SHA-1 over the sorted parts joined without separator."""
    return hashlib.sha1("".join(sorted(parts)).encode(), usedforsecurity=False).hexdigest()


def cert_hash(cert_type: str, cert_name: str, cert_no: str) -> str:
    """What queryverifyinfo compares: SHA-256 hex of the three base64 values as a query string."""
    pairs = (("cert_type", cert_type), ("cert_name", cert_name), ("cert_no", cert_no))
    joined = "&".join(f"{name}={base64.b64encode(value.encode()).decode()}" for name, value in pairs)
    return hashlib.sha256(joined.encode()).hexdigest()


def session_signature(session_key: str, data: str = "") -> str:
    """Log-in state signature; the key is the session_key string as it is, not base64-decoded."""
    return hmac.new(session_key.encode(), data.encode(), hashlib.sha256).hexdigest()


@dataclass(frozen=True, slots=True)
class Opened:
    """A decrypted push: the 16 random bytes, the message and the app id it was made for."""

    random: bytes
    message: bytes
    app_id: str


class PushCipher:
    """AES-256-CBC with the key's first 16 bytes as IV and padding to 32-byte blocks."""

    def __init__(self, token: str, encoding_aes_key: str, app_id: str) -> None:
        self._token = token
        self._app_id = app_id
        self._key = base64.b64decode(encoding_aes_key + "=")
        if len(self._key) != 32:
            raise ValueError("EncodingAESKey must hold 43 base64 characters")

    def encrypt(self, message: bytes, random: bytes | None = None, app_id: str | None = None) -> str:
        """Base64 text of random16 + length (big-endian, in bytes) + message + app id."""
        plain = (random or secrets.token_hex(8).encode()) + struct.pack(">I", len(message)) + message
        plain += (app_id or self._app_id).encode()
        pad = BLOCK - len(plain) % BLOCK
        encryptor = Cipher(algorithms.AES(self._key), modes.CBC(self._key[:16])).encryptor()
        return base64.b64encode(encryptor.update(plain + bytes([pad]) * pad) + encryptor.finalize()).decode()

    def decrypt(self, text: str) -> Opened:
        """Raises BadCiphertext."""
        try:
            sealed = base64.b64decode(text, validate=True)
            decryptor = Cipher(algorithms.AES(self._key), modes.CBC(self._key[:16])).decryptor()
            padded = decryptor.update(sealed) + decryptor.finalize()
        except (binascii.Error, ValueError) as error:
            raise BadCiphertext("not a ciphertext of this layout") from error
        pad = padded[-1] if padded else 0
        if not 1 <= pad <= BLOCK or padded[-pad:] != bytes([pad]) * pad or len(padded) - pad < 20:
            raise BadCiphertext("wrong padding")
        plain = padded[:-pad]
        length = struct.unpack(">I", plain[16:20])[0]
        if length > len(plain) - 20:
            raise BadCiphertext("wrong length")
        return Opened(plain[:16], plain[20 : 20 + length], plain[20 + length :].decode("utf-8", "replace"))

    def signature(self, timestamp: str, nonce: str, encrypted: str | None = None) -> str:
        """``signature``, or ``msg_signature`` when the encrypted text is given."""
        return sha1_signature(self._token, timestamp, nonce, *([] if encrypted is None else [encrypted]))

    def open_reply(self, encrypted: str, msg_signature: str, timestamp: str, nonce: str) -> bytes:
        """The message of an encrypted reply to a push. Raises BadCiphertext if its signature or app id is wrong."""
        if not hmac.compare_digest(self.signature(timestamp, nonce, encrypted), msg_signature):
            raise BadCiphertext("wrong MsgSignature")
        opened = self.decrypt(encrypted)
        if opened.app_id != self._app_id:
            raise BadCiphertext("another app's reply")
        return opened.message
