"""The base image as the peers need it: the same files, and where packages come from.

hivebase shows a step the machine's settings for its duration. The others know nothing like it, so the settings
become one small layer over the base, made before anything is measured.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from benchmarks.mirror import Mirror

# A machine whose clock or mirror is off has the same trouble on every side; only ours would get over it by itself.
_APT = 'Acquire::Check-Valid-Until "false";\nAcquire::Check-Date "false";\n'


def peer_base(directory: Path, mirror: Mirror, original: str) -> Path:
    """Write the build context of the base over ``original``; return its directory."""
    context = directory / "base"
    context.mkdir(exist_ok=True)
    (context / "pip.conf").write_text(f"[global]\nindex-url = {mirror.index}\n")
    (context / "uv.toml").write_text(f'[[index]]\nurl = "{mirror.index}"\ndefault = true\n')
    (context / "99bench").write_text(_APT)
    (context / "Dockerfile").write_text(
        f"FROM {original}\n"
        "COPY pip.conf /etc/pip.conf\n"
        "COPY uv.toml /etc/uv/uv.toml\n"
        "COPY 99bench /etc/apt/apt.conf.d/99bench\n"
    )
    return context
