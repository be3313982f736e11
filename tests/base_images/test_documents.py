"""The documents of the base images agree with the files, with each other, and lead somewhere."""

from __future__ import annotations

import re
import tomllib
import unicodedata
from typing import TYPE_CHECKING

import pytest
from tests.base_images.hive import BASE_IMAGES, PARENTS, ROOT, versions

if TYPE_CHECKING:
    from pathlib import Path

DOCUMENTS = (
    BASE_IMAGES / "README.md",
    BASE_IMAGES / "README.pt.md",
    BASE_IMAGES / "VERSIONING.md",
    BASE_IMAGES / "VERSIONING.pt.md",
    ROOT / "CHANGELOG.md",
)
PAIRS = (("README.md", "README.pt.md"), ("VERSIONING.md", "VERSIONING.pt.md"))


def anchors(path: Path) -> set[str]:
    """Return the anchors of the headings, made as code hosts make them."""
    headings = re.findall(r"(?m)^#+ (.+)$", without_code(path))
    kept = (re.sub(r"[^\w\- ]", "", unicodedata.normalize("NFC", heading)).lower() for heading in headings)
    return {heading.replace(" ", "-") for heading in kept}


def without_code(path: Path) -> str:
    return re.sub(r"(?ms)^```.*?^```$", "", path.read_text())


def _commands(text: str) -> list[str]:
    """Return the lines of all shell examples, without their comments."""
    blocks = re.findall(r"(?ms)^```bash\n(.*?)^```$", text)
    return [line.split("#")[0].strip() for block in blocks for line in block.splitlines()]


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_every_link_inside_the_project_leads_somewhere(path):
    """To a file that exists and, in a document, to a heading that exists."""
    for target in re.findall(r"\]\(([^)\s]+)\)", path.read_text()):
        if target.startswith("http"):
            continue
        name, _, anchor = target.partition("#")
        file = (path.parent / name).resolve() if name else path
        assert file.exists(), target
        assert not anchor or anchor in anchors(file), target


@pytest.mark.parametrize(("one", "other"), PAIRS)
def test_both_languages_say_the_same_things(one, other):
    """The same sections, the same commands, the same numbers."""
    first, second = ((BASE_IMAGES / name).read_text() for name in (one, other))
    assert [len(level) for level in re.findall(r"(?m)^(#+) ", first)] == [
        len(level) for level in re.findall(r"(?m)^(#+) ", second)
    ]
    commands = [_commands(text) for text in (first, second)]
    assert commands[0] == commands[1]
    assert re.findall(r"\d+\.\d+\.\d+", first) == re.findall(r"\d+\.\d+\.\d+", second)


@pytest.mark.parametrize("name", ["VERSIONING.md", "VERSIONING.pt.md"])
def test_the_compatibility_matrix_says_what_is_locked(name):
    """Each version in the table is the one in the locks."""
    locked = {package: version for image in PARENTS for package, version in versions(image).items()}
    rows = re.findall(r"(?m)^\| ([^|]+) \| ([^|]+) \|$", (BASE_IMAGES / name).read_text())
    compared = 0
    for packages, text in rows:
        names = [package.lower() for package in re.split(r", | / ", packages)]
        if set(names) <= locked.keys():
            given = text.split(" / ")
            wanted = [locked[package] for package in names]
            assert wanted == given * (len(names) // len(given))
            compared += len(names)
    assert compared >= 20


def test_the_documented_commands_name_the_version_of_the_hive():
    """A release that forgets the documents is noticed."""
    version = tomllib.loads((ROOT / "hivebase.toml").read_text())["hive"]["version"]
    text = (BASE_IMAGES / "README.md").read_text()
    for image in PARENTS:
        assert f"docker build -t neural-hive-mind/{image}:{version}" in text
        assert f"-f {image}/Dockerfile ." in text
    assert f"## [{version}]" in (ROOT / "CHANGELOG.md").read_text()
    for image in PARENTS:
        assert f"ARG VERSION={version}" in (BASE_IMAGES / image / "Dockerfile").read_text()


@pytest.mark.parametrize("name", ["README.md", "README.pt.md"])
def test_the_documented_hierarchy_is_the_real_one(name):
    """Arrows of the picture against FROM lines."""
    text = (BASE_IMAGES / name).read_text()
    letters = dict(re.findall(r"([A-Z]\d?)\[(python[^<\]]*)", text))
    arrows = {
        (letters[b], letters[a])
        for a, b in re.findall(r"([A-Z]\d?)(?:\[[^\]]*\])? --> ([A-Z]\d?)\[python", text)
    }
    real = {(image, re.split(r"[:$]", parent.rpartition("/")[2])[0]) for image, parent in PARENTS.items()}
    assert real == {(child, parent.split(":")[0]) for child, parent in arrows}
