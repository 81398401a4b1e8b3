"""The envelope of WeChat's message push: SHA-1 signatures, AES-256-CBC with padding to 32.

wechatpy's WeChatCrypto is not used: it never checks the padding, lets struct.error and binascii.Error out, cannot
read or write JSON, and compares signatures in variable time.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from app.ports import CallbackRejected

BLOCK = 32  # PKCS#7 with K=32: pads 1 to 32 bytes, unlike AES's own 16
RANDOM = 16
HEAD = RANDOM + 4


def signature(*parts: str) -> str:
    """Hex SHA-1 of the sorted parts joined; the algorithm is the platform's."""
    return hashlib.sha1("".join(sorted(parts)).encode(errors="surrogatepass"), usedforsecurity=False).hexdigest()


def signature_fits(given: str, *parts: str) -> bool:
    """Constant-time comparison."""
    return hmac.compare_digest(given.encode(errors="replace"), signature(*parts).encode())


@dataclass(frozen=True, slots=True)
class Envelope:
    """What lay inside ``Encrypt``."""

    random: bytes
    message: bytes = field(repr=False)
    receiver: str


class PushCrypto:
    """Opens and seals push envelopes of one app."""

    def __init__(self, app_id: str, token: str, encoding_aes_key: str) -> None:
        """``encoding_aes_key``: the 43 characters of the console. Raises ValueError if it is something else."""
        try:
            key = base64.b64decode(encoding_aes_key + "=", validate=True)
        except ValueError:
            key = b""
        if len(key) != 32:
            raise ValueError("the EncodingAESKey must be 43 base64 characters")
        self._app_id, self._token = app_id, token
        self._cipher = Cipher(algorithms.AES(key), modes.CBC(key[:16]))

    def open(self, msg_signature: str, timestamp: str, nonce: str, encrypt: str) -> Envelope:
        """Raises CallbackRejected unless the signature over the four parts, padding, length and app id all fit."""
        if not signature_fits(msg_signature, self._token, timestamp, nonce, encrypt):
            raise CallbackRejected("callback_signature")
        plain = self._decrypted(encrypt)
        length = int.from_bytes(plain[RANDOM:HEAD], "big")
        message, receiver = plain[HEAD : HEAD + length], plain[HEAD + length :]
        if not hmac.compare_digest(receiver, self._app_id.encode()):  # a length too great leaves no receiver
            raise CallbackRejected("callback_envelope")
        return Envelope(plain[:RANDOM], message, self._app_id)

    def _decrypted(self, encrypt: str) -> bytes:
        try:
            sealed = base64.b64decode(encrypt, validate=True)
        except ValueError:
            sealed = b""
        if not sealed or len(sealed) % BLOCK:
            raise CallbackRejected("callback_envelope")
        opener = self._cipher.decryptor()
        padded = opener.update(sealed) + opener.finalize()
        count = padded[-1]
        if not 1 <= count <= BLOCK or padded[-count:] != bytes([count]) * count or len(padded) - count < HEAD:
            raise CallbackRejected("callback_envelope")
        return padded[:-count]

    def seal(self, text: str, random16: bytes | None = None) -> str:
        """Base64 of the encrypted text. ``random16`` only for published samples."""
        raw = text.encode()
        head = random16 if random16 is not None else secrets.token_bytes(RANDOM)
        if len(head) != RANDOM:
            raise ValueError("random16 must be 16 bytes")
        plain = head + len(raw).to_bytes(4, "big") + raw + self._app_id.encode()
        count = BLOCK - len(plain) % BLOCK
        sealer = self._cipher.encryptor()
        return base64.b64encode(sealer.update(plain + bytes([count]) * count) + sealer.finalize()).decode()

    def sign(self, timestamp: str, nonce: str, encrypt: str) -> str:
        return signature(self._token, timestamp, nonce, encrypt)
