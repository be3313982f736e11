"""The text of console scripts, read from the pip that would write them."""

from __future__ import annotations

import pytest
from tests.wheels import make_wheel

from hivebase.layers.wheels.templates import UV, distlib_template, of_wheel, own_template

OLD = """\
SCRIPT_TEMPLATE = r\'\'\'# -*- coding: utf-8 -*-
import re
import sys
from %(module)s import %(import_name)s
if __name__ == '__main__':
    sys.exit(%(func)s())
\'\'\'
"""
NEW = '''\
class PipScriptMaker(ScriptMaker):
    # Override distlib's default script template
    script_template = textwrap.dedent(
        """\\
        import sys
        from %(module)s import %(import_name)s
        if __name__ == '__main__':
            sys.exit(%(func)s())
"""
    )
'''


def test_distlibs_own():
    """Of older pips."""
    expected = OLD.partition("'''")[2].rpartition("'''")[0]
    assert distlib_template(OLD.encode()) == expected
    assert own_template(OLD.encode()) == ""


def test_pips_own():
    """Of newer ones; indented in the source."""
    text = own_template(NEW.encode())
    assert text.splitlines()[0] == "import sys"
    assert text % {"module": "m", "import_name": "f", "func": "f.g"} == (
        "import sys\nfrom m import f\nif __name__ == '__main__':\n    sys.exit(f.g())\n"
    )


@pytest.mark.parametrize(
    "change", [("%(func)s()", "%(func)s() or %d"), ("%(import_name)s", "name"), ("'''", '"')]
)
def test_another_way_is_not_understood(change):
    """Then nothing is composed."""
    assert distlib_template(OLD.replace(*change).encode()) == ""


def test_of_a_wheel(tmp_path):
    """pip's own comes before distlib's; a wheel without pip has none."""
    files = {"pip/_vendor/distlib/scripts.py": OLD, "pip/_internal/operations/install/wheel.py": "x = 1\n"}
    old = make_wheel(tmp_path, "pip", "1", files)
    assert of_wheel(old, old.name) == distlib_template(OLD.encode())
    new = make_wheel(tmp_path, "pip", "2", files | {"pip/_internal/operations/install/wheel.py": NEW})
    assert of_wheel(new, new.name) == own_template(NEW.encode())
    other = make_wheel(tmp_path, "other", "1")
    assert of_wheel(other, other.name) == ""


def test_uvs_can_be_filled_in():
    """And is Python."""
    compile(UV % {"module": "m", "import_name": "f", "func": "f.g"}, "x", "exec")
