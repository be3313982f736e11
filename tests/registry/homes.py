"""A home directory with files of credentials, and helpers that are shell scripts."""

from __future__ import annotations

import base64
import json
import os
from typing import TYPE_CHECKING

from hivebase.registry.credentials import Keychain

if TYPE_CHECKING:
    from pathlib import Path

    from hivebase.registry.credentials import Credential


def entry(user: str, password: str = "password-of-{}") -> dict[str, str]:
    return {"auth": base64.b64encode(f"{user}:{password.format(user)}".encode()).decode()}


class Home:
    """A home directory with files of credentials."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.environ = {
            "HOME": str(root / "home"),
            "XDG_RUNTIME_DIR": str(root / "run"),
            "PATH": f"{root / 'bin'}:{os.environ['PATH']}",
        }
        (root / "bin").mkdir()
        (root / "home").mkdir()

    def write(self, name: str, document: object) -> Path:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(document if isinstance(document, str) else json.dumps(document))
        return path

    def helper(self, name: str, script: str) -> None:
        path = self.write(f"bin/docker-credential-{name}", f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)

    def find(self, registry: str, repository: str = "", **options: float) -> Credential | None:
        return Keychain(self.environ, **options).find(registry, repository)

    def user(self, registry: str, repository: str = "") -> str | None:
        found = self.find(registry, repository)
        return found.username if found else None
