from __future__ import annotations

import base64
import hashlib
from datetime import UTC, datetime

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from providers.alipay.certificates import certificate_sn, root_sn
from tests.providers.alipay.fake_alipay import key_of


def made(serial: int, *, curve: bool = False) -> str:
    """A self-signed certificate in PEM."""
    pairs = ((NameOID.COUNTRY_NAME, "CN"), (NameOID.ORGANIZATION_NAME, "Ant"), (NameOID.COMMON_NAME, "Root"))
    name = x509.Name([x509.NameAttribute(oid, value) for oid, value in pairs])
    key = ec.generate_private_key(ec.SECP256R1()) if curve else key_of("alipay")
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.not_valid_before(datetime(2020, 1, 1, tzinfo=UTC))
    builder = builder.not_valid_after(datetime(2040, 1, 1, tzinfo=UTC)).serial_number(serial)
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()


def sn(serial: int) -> str:
    return hashlib.md5(f"CN=Root,O=Ant,C=CN{serial}".encode()).hexdigest()


def test_the_serial_covers_issuer_and_number() -> None:
    assert certificate_sn(made(12345)) == sn(12345)


def test_only_rsa_signed_roots_count() -> None:
    bundle = made(1) + "\n" + made(2, curve=True) + made(3)
    assert root_sn(bundle) == f"{sn(1)}_{sn(3)}"


def test_a_damaged_rsa_root_is_not_passed_over() -> None:
    lines = made(1).strip().splitlines()
    raw = base64.b64decode("".join(lines[1:-1]))
    damaged = "\n".join([lines[0], base64.b64encode(raw[:-40]).decode(), lines[-1]])
    with pytest.raises(ValueError):
        root_sn(made(3) + damaged)
