"""Serial numbers (SN) of certificate mode (公钥证书方式); vectors ali.cert.*."""

from __future__ import annotations

import base64
import hashlib
import re

from cryptography import x509

RSA_SIGNATURES = "1.2.840.113549.1.1."
RSA_OID = bytes.fromhex("2a864886f70d0101")  # the same in DER
PEM_BLOCK = re.compile("-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)


def certificate_sn(pem: str) -> str:
    """The SN of an app certificate: MD5, the platform's choice, of issuer and decimal serial number."""
    return _sn(x509.load_pem_x509_certificate(pem.encode()))


def root_sn(bundle_pem: str) -> str:
    """The SN of a root bundle: those of its RSA-signed certificates, joined by "_"."""
    found = [_rsa_signed(block) for block in PEM_BLOCK.findall(bundle_pem)]
    return "_".join(_sn(certificate) for certificate in found if certificate is not None)


def _rsa_signed(pem: str) -> x509.Certificate | None:
    """None for a certificate signed with anything else.

    Alipay's bundle holds an SM2 root that ``cryptography`` does not parse. It may be passed over; an RSA one that does
    not parse may not, because the SN would silently be another.
    """
    try:
        certificate = x509.load_pem_x509_certificate(pem.encode())
    except ValueError:
        if RSA_OID in base64.b64decode("".join(pem.splitlines()[1:-1])):
            raise
        return None
    return certificate if certificate.signature_algorithm_oid.dotted_string.startswith(RSA_SIGNATURES) else None


def _sn(certificate: x509.Certificate) -> str:
    text = certificate.issuer.rfc4514_string() + str(certificate.serial_number)
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()
