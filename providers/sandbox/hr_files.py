"""Where the demo's HR office keeps what it needs to open packages, and who it is in the sandbox's registry."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from providers.sandbox.cohort_tables import ORIGINS

HR_CODE = f"GG-{ORIGINS[0][0]}"
"""As providers.sandbox.receivers writes it."""


@dataclass(frozen=True, slots=True)
class HrFiles:
    """All below one folder of the sandbox: its age identity, its credential, the school's public keys, its inbox."""

    folder: Path

    @property
    def identity(self) -> Path:
        return self.folder / "identity.txt"

    @property
    def credential(self) -> Path:
        return self.folder / "credential"

    @property
    def keys(self) -> Path:
        return self.folder / "school.pem"

    @property
    def inbox(self) -> Path:
        return self.folder / "inbox"


def hr_files(sandbox_folder: Path) -> HrFiles:
    return HrFiles(sandbox_folder / "hr")
