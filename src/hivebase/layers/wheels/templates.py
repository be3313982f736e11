"""The text of console scripts, as the installer in the image writes it.

pip's text changed with its versions, so it is read from the pip that would run: distlib's, or pip's own where it
brings one (``PipScriptMaker.script_template``, from pip 24.3 on).
"""

from __future__ import annotations

import re
import textwrap
from typing import TYPE_CHECKING

from hivebase.layers.wheels.archive import Archive

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from hivebase.layers.wheels.facts import FileFacts
    from hivebase.layers.wheels.scheme import Profile

_OWN = re.compile(r'script_template\s*=\s*textwrap\.dedent\(\s*"""\\?\n(.*?)"""', re.DOTALL)
_DISTLIB = re.compile(r"SCRIPT_TEMPLATE\s*=\s*r?('''|\"\"\")(.*?)\1", re.DOTALL)
_FIELDS = ("%(module)s", "%(import_name)s", "%(func)s")

UV = """\
# -*- coding: utf-8 -*-
import sys
from %(module)s import %(import_name)s
if __name__ == "__main__":
    if sys.argv[0].endswith("-script.pyw"):
        sys.argv[0] = sys.argv[0][:-11]
    elif sys.argv[0].endswith(".exe"):
        sys.argv[0] = sys.argv[0][:-4]
    sys.exit(%(func)s())
"""
"""What uv writes; compared with the real uv by the tests."""


def find(facts: FileFacts, libraries: Sequence[str], profile: Profile) -> str:
    """Return the template of the installer that is in one of ``libraries``; '' when there is none to be found."""
    if profile == "uv":
        return UV
    for library in libraries:
        package = f"{library}/pip"
        own = facts.ask(f"{package}/_internal/operations/install/wheel.py", "script template", own_template)
        if own is None:
            continue
        if own:
            return own
        return facts.ask(f"{package}/_vendor/distlib/scripts.py", "script template", distlib_template) or ""
    return ""


def of_wheel(path: Path, file: str) -> str:
    """Return the template of the pip in a wheel.

    Raises:
        CorruptContentError: it is no acceptable wheel.
    """
    with Archive.open(path, where=file) as archive:
        for name, extract in (
            ("pip/_internal/operations/install/wheel.py", own_template),
            ("pip/_vendor/distlib/scripts.py", distlib_template),
        ):
            member = archive.get(name)
            found = extract(archive.read(member)) if member is not None else ""
            if found:
                return found
    return ""


def own_template(source: bytes) -> str:
    """Return the template in pip's ``wheel.py``, or '' if it has none."""
    found = _OWN.search(source.decode("utf-8", "replace"))
    return _checked(textwrap.dedent(found[1])) if found else ""


def distlib_template(source: bytes) -> str:
    """Return the template in distlib's ``scripts.py``, or ''."""
    found = _DISTLIB.search(source.decode("utf-8", "replace"))
    return _checked(found[2]) if found else ""


def _checked(template: str) -> str:
    rest = template
    for field in _FIELDS:
        rest = rest.replace(field, "")
    # Anything else that is special to the % operator or to a string literal is not understood.
    return template if all(field in template for field in _FIELDS) and "%" not in rest else ""
