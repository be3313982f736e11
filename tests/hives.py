"""Small hives for tests: a busybox base image from a file, a directory of Dockerfiles, and the command itself."""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from hivebase.tar import Entry, Writer

APPLETS = [
    "sh",
    "cat",
    "chmod",
    "chown",
    "cp",
    "cut",
    "date",
    "dd",
    "echo",
    "env",
    "false",
    "find",
    "grep",
    "head",
    "id",
    "kill",
    "ln",
    "ls",
    "mkdir",
    "mknod",
    "mount",
    "mv",
    "nc",
    "od",
    "ps",
    "printf",
    "pwd",
    "readlink",
    "rm",
    "rmdir",
    "sed",
    "seq",
    "setsid",
    "sleep",
    "sort",
    "stat",
    "tail",
    "tar",
    "test",
    "touch",
    "tr",
    "true",
    "uname",
    "wc",
    "yes",
]
BASE = "busybox:1"
PASSWD = "root:x:0:0:root:/root:/bin/sh\napp:x:1000:1000::/home/app:/bin/sh\n"
GROUP = "root:x:0:\napp:x:1000:\nextra:x:2000:app\n"


def busybox_tar() -> bytes:
    """Return a root file system with busybox and nothing else, as a tar."""
    program = shutil.which("busybox")
    if program is None:
        pytest.skip("busybox is not installed (Debian package busybox-static)")
    binary = Path(program).read_bytes()
    out = io.BytesIO()
    writer = Writer(out.write)
    for name, mode in (("bin", 0o755), ("etc", 0o755), ("root", 0o700), ("tmp", 0o1777), ("var", 0o755)):
        writer.add(Entry(name, "dir", mode))
        if name == "bin":
            writer.add(Entry("bin/busybox", "file", 0o755, size=len(binary)), binary)
            for applet in APPLETS:
                writer.add(Entry(f"bin/{applet}", "symlink", 0o777, link="busybox"))
        if name == "etc":
            for file, text in (("passwd", PASSWD), ("group", GROUP)):
                writer.add(Entry(f"etc/{file}", "file", 0o644, size=len(text)), text.encode())
    writer.close()
    return out.getvalue()


@dataclass
class TestHive:
    """A directory of Dockerfiles with a store of its own, and ``hivebase`` to be run on it."""

    __test__ = False

    root: Path
    store: Path
    env: dict[str, str] = field(default_factory=dict)

    def write(self, files: dict[str, str]) -> TestHive:
        """Write files into the directory."""
        for name, text in files.items():
            path = self.root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return self

    def command(self, *words: str) -> list[str]:
        """Return the command line of ``hivebase`` with ``words``."""
        return [sys.executable, "-m", "hivebase", "-C", str(self.root), *words]

    def environment(self) -> dict[str, str]:
        """Return the environment that the command runs in."""
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        return kept | {"HIVEBASE_STORE": str(self.store), "SOURCE_DATE_EPOCH": "1700000000"} | self.env

    def run(self, *words: str, code: int = 0, **options: Any) -> subprocess.CompletedProcess[str]:
        """Run the command; fail the test if its exit code is another one than ``code``."""
        done = subprocess.run(
            self.command(*words),
            env=self.environment(),
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
            timeout=300,
            **options,
        )
        assert done.returncode == code, f"exit code {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done

    def json(self, *words: str, code: int = 0) -> dict[str, Any]:
        """Run the command with ``--json`` and return what it printed."""
        document: dict[str, Any] = json.loads(self.run(*words, "--json", code=code).stdout)
        return document

    def build(self, *words: str, code: int = 0) -> dict[str, dict[str, Any]]:
        """Build; return the results by image."""
        return {item["name"]: item for item in self.json("build", *words, code=code)["images"]}

    def cat(self, image: str, path: str) -> str:
        """Return the content of a file in an image."""
        return self.run("run", "--network", "none", image, "--", "cat", path).stdout
