"""What the user gives to steps and nobody keeps."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


@dataclass(frozen=True, slots=True, repr=False)
class Secrets:
    """What the user gives to steps: secret values by id, and agent sockets by id."""

    values: Mapping[str, bytes] = field(default_factory=dict)
    agents: Mapping[str, Path] = field(default_factory=dict)

    def __repr__(self) -> str:
        return f"Secrets({', '.join(sorted(self.values))})"
