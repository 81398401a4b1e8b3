"""Where things stand in a package: a BagIt bag (RFC 8493) with a fixed layout, every name ASCII.

Payload: data/catalogue.json (目录), data/records.json, data/metadata.json, data/materials/<class>/<sequence>.<suffix>,
and where there is one data/photo.jpg.
Tag files: bagit.txt, bag-info.txt, manifest-sha256.txt, digests-sm3.txt (GB/T 32905, same form as a manifest; it is no
``manifest-…`` file because the common validators know no SM3), report.json, report-signature.json and
tagmanifest-sha256.txt. A package that goes to a receiver also has transfer.json, transfer-signature.json and
transfer-manifest.json.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping

from cryptography.hazmat.primitives import hashes

BAGIT, BAG_INFO = "bagit.txt", "bag-info.txt"
MANIFEST, SM3_LIST, TAG_MANIFEST = "manifest-sha256.txt", "digests-sm3.txt", "tagmanifest-sha256.txt"
REPORT, SIGNATURE = "report.json", "report-signature.json"
CATALOGUE, RECORDS, METADATA = "data/catalogue.json", "data/records.json", "data/metadata.json"
CORE_TAGS = (BAGIT, BAG_INFO, MANIFEST, SM3_LIST)
SEAL_FILES = (REPORT, SIGNATURE, TAG_MANIFEST)
STATEMENT, STATEMENT_SIGNATURE = "transfer.json", "transfer-signature.json"
TRANSFER_MANIFEST = "transfer-manifest.json"
HAND_OVER_FILES = (STATEMENT, STATEMENT_SIGNATURE, TRANSFER_MANIFEST)
OUTER_FILES = (*SEAL_FILES, *HAND_OVER_FILES)
"""Made around a package that has been checked, so judged apart from it."""
TAGS = (*CORE_TAGS, *OUTER_FILES)
DOCUMENTS = (CATALOGUE, METADATA, RECORDS)
PHOTO = "data/photo.jpg"
"""The registrar's ID photo; it is part of the dossier and stands in no class."""

BAGIT_TEXT = "BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n"
SUFFIXES: Mapping[str, str] = {
    "application/pdf": "pdf",
    "application/ofd": "ofd",
    "image/jpeg": "jpg",
    "image/png": "png",
    "image/tiff": "tif",
}
MATERIAL_PATH = re.compile(
    r"data/materials/(?P<class>[0-9]{1,2}(?:-[0-9])?)/(?P<sequence>[0-9]{3,5})\.(?P<suffix>[a-z]{3})"
)
_LINE = re.compile(r"([0-9a-f]{64})  (\S[^\r\n]*)")
AGENT = "Lantai 0.1"


def material_path(class_code: str, sequence: int, media_type: str) -> str:
    return f"data/materials/{class_code}/{sequence:03d}.{SUFFIXES.get(media_type, 'bin')}"


def digest_list(digests: Mapping[str, str]) -> str:
    """Lines of digest, two blanks, path; sorted by path."""
    return "".join(f"{digest}  {path}\n" for path, digest in sorted(digests.items()))


def read_digest_list(text: str) -> dict[str, str] | None:
    """Path -> digest; None when a line is malformed, a path stands twice, or the last line is cut off."""
    if text and not text.endswith("\n"):
        return None
    found: dict[str, str] = {}
    for line in text.splitlines():
        match = _LINE.fullmatch(line)
        if match is None or match.group(2) in found:
            return None
        found[match.group(2)] = match.group(1)
    return found


def bag_info(fields: Iterable[tuple[str, str]]) -> str:
    return "".join(f"{name}: {value}\n" for name, value in fields)


def read_bag_info(text: str) -> dict[str, str] | None:
    """None when it is not one ``Label: value`` per line, each label once."""
    found: dict[str, str] = {}
    for line in text.splitlines():
        name, mark, value = line.partition(": ")
        if not mark or name in found or not name.strip() or not text.endswith("\n"):
            return None
        found[name] = value
    return found


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def sm3(data: bytes) -> str:
    digest = hashes.Hash(hashes.SM3())
    digest.update(data)
    return digest.finalize().hex()
