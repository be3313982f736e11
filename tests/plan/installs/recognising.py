"""Short ways to ask what a RUN is taken for."""

from collections.abc import Mapping

from hivebase.plan.installs.model import Install, Recognition
from hivebase.plan.installs.recognise import recognise

SH = ("/bin/sh", "-c")
BASH = ("/bin/bash", "-o", "pipefail", "-c")


def recognised(
    text: str, env: Mapping[str, str] | None = None, shell: tuple[str, ...] = SH, user: str = ""
) -> Recognition:
    """Return what ``text`` is, run in ``/w``."""
    return recognise(text, shell=shell, env=env or {}, user=user, workdir="/w")


def only(text: str, env: Mapping[str, str] | None = None, shell: tuple[str, ...] = SH) -> Install:
    """Return the installation that ``text`` is."""
    recognition = recognised(text, env, shell)
    assert recognition.impure is None, recognition.impure
    (part,) = recognition.parts
    assert isinstance(part, Install)
    return part


def code(text: str, env: Mapping[str, str] | None = None, shell: tuple[str, ...] = SH, user: str = "") -> str:
    """Return why ``text`` is run: a code, or an empty text when it holds no installation at all."""
    recognition = recognised(text, env, shell, user)
    assert recognition.parts == ()
    return recognition.impure.code if recognition.impure else ""


def pieces(text: str, env: Mapping[str, str] | None = None, shell: tuple[str, ...] = SH) -> list[str]:
    """Return the parts of ``text``: commands as they are, installations in angle brackets."""
    recognition = recognised(text, env, shell)
    assert recognition.impure is None, recognition.impure
    return [f"<{part.text}>" if isinstance(part, Install) else part.text for part in recognition.parts]
