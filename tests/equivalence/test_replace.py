"""What an earlier step or a parent installed is replaced as the installer would replace it, and that is told."""

from __future__ import annotations

import pytest
from tests.equivalence.conftest import BASE, WITH_UV, WITH_VENV
from tests.wheels import wheel

pytestmark = [pytest.mark.engine, pytest.mark.root]

PIP = "pip install --no-cache-dir"
UV = "uv pip install --system --no-cache --break-system-packages"


@pytest.fixture(scope="module")
def growing(sides):
    """A package whose versions have hardly anything in common, and one that shares a directory with it."""
    old = wheel(
        "growing",
        "1",
        {
            "growing/__init__.py": "x = 1\n",
            "growing/deep/er/gone.py": "x = 1\n",
            "growing/stays/x.py": "x = 1\n",
            "growing_top.py": "x = 1\n",
            "shared/of_growing.py": "x = 1\n",
        },
        data={"data/share/growing/old": "1", "data/etc/growing.ini": "1", "scripts/old-script": "#!python\n"},
        scripts={"growing": "growing:x", "growing-old": "growing:x"},
    )
    new = wheel(
        "growing",
        "2",
        {
            "growing/__init__.py": "x = 2\n",
            "growing/deeper/new.py": "x = 2\n",
            "growing/stays/x.py": "x = 1\n",
        },
        data={"data/share/growing/new": "2"},
        scripts={"growing": "growing:x", "growing-new": "growing:x"},
    )
    for made in (old, new, wheel("sharing", "1", {"shared/of_sharing.py": "x = 1\n"})):
        sides.index.put(made.file, made.bytes())


@pytest.mark.parametrize("versions", [("1", "2"), ("2", "1"), ("1", "1")], ids="-".join)
@pytest.mark.parametrize("tool", ["pip", "uv"])
def test_another_version(sides, growing, uv_binary, tool, versions):
    """What the old one had is gone, with the directories that are empty then; what others put there stays."""
    command = PIP if tool == "pip" else f"{UV} --compile-bytecode"
    head = f"FROM {BASE}\n" if tool == "pip" else WITH_UV
    one, two = versions
    place = "/usr/local/lib/python3.11/dist-packages"
    dockerfile = (
        f"{head}RUN {command} sharing growing=={one}\n"
        f"RUN mkdir -p {place}/growing/mine && touch {place}/growing/mine/file\n"
        f"RUN {command} growing=={two}\n"
    )
    pair = sides.both(f"replace-{tool}-{one}-{two}", dockerfile, uv_binary if tool == "uv" else None)
    pair.check()
    assert (one != two) is (f"takes growing {one} away" in pair.said[0])


@pytest.mark.parametrize("tool", ["pip", "uv"])
def test_a_package_of_the_parent(sides, real, uv_binary, tool):
    """In another image of the hive; the file has another layer, not two."""
    command = PIP if tool == "pip" else UV
    head = f"FROM {BASE}\n" if tool == "pip" else WITH_UV
    files = {
        "parent/Dockerfile": f"{head}RUN {command} six==1.16.0\n",
        "child/Dockerfile": f"FROM parent\nRUN {command} six==1.15.0\n",
        "hivebase.toml": '[hive]\nname = "family"\nversion = "1"\n[[group]]\nname = "all"\npath = "."\ncontext = "."\n',
    }
    pair = sides.family(f"family-{tool}", files | uv_binary, "family/child:1")
    pair.check()
    assert "takes six 1.16.0 away" in pair.said[0]


def test_pip_itself(sides, real):
    """Which is removable in a virtual environment."""
    dockerfile = f"{WITH_VENV}ENV PATH=/venv/bin:$PATH\nRUN {PIP} pip==25.0.1 setuptools==75.8.0\n"
    pair = sides.both("replace-pip", dockerfile)
    pair.check()
    assert "takes pip 23.0.1, setuptools 66.1.1 away" in pair.said[0]


def test_packages_of_the_distribution_stay(sides, real):
    """Debian's own are found and not touched; the new one comes in front of them."""
    pair = sides.both("replace-debian", f"FROM {BASE}\nRUN {PIP} setuptools==75.8.0 pip==25.0.1\n")
    pair.check()
    assert " away;" not in pair.said[0]
