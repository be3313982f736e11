"""Which ignore file holds, and that it is read confined."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from tests.layers.copying import Content, Link, make

if TYPE_CHECKING:
    from pathlib import Path

from hivebase.errors import DockerfileError, UsageError
from hivebase.layers import ignorefile
from hivebase.layers.context import Context

FILES: dict[str, Content] = {"a": "A", "b": "B", "sub/Dockerfile": "", "Dockerfile": ""}


def names(context: Path, dockerfile: Path | None = None) -> list[str]:
    """Return what is at the root of the context."""
    with Context.at(context, dockerfile=dockerfile) as opened:
        return [name for name in opened.children("") if not name.startswith(".")]


def test_without_an_ignore_file_nothing_is_left_out(tmp_path):
    """The Dockerfile is part of the context like any other file."""
    assert names(make(tmp_path, FILES)) == ["Dockerfile", "a", "b", "sub"]


def test_the_ignore_file_of_the_context_holds(tmp_path):
    """It is found at the root."""
    context = make(tmp_path, FILES | {".dockerignore": "a\n"})

    assert names(context, context / "Dockerfile") == ["Dockerfile", "b", "sub"]


@pytest.mark.parametrize("dockerfile", ["Dockerfile", "sub/Dockerfile", "sub/../sub/./Dockerfile"])
def test_the_ignore_file_of_the_dockerfile_comes_first(tmp_path, dockerfile):
    """It stands beside the Dockerfile and replaces the other one; its patterns start at the context."""
    own = f"{dockerfile}.dockerignore"
    context = make(tmp_path, FILES | {".dockerignore": "a\n", own: "b\nDockerfile\n*.dockerignore\n"})

    assert names(context, context / dockerfile) == ["a", "sub"]


def test_a_dockerfile_outside_the_context_brings_its_own(tmp_path):
    """As with ``docker build -f elsewhere/Dockerfile``."""
    context = make(tmp_path, FILES | {".dockerignore": "a\n"})
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "Dockerfile.dockerignore").write_text("b\n")

    assert names(context, elsewhere / "Dockerfile") == ["Dockerfile", "a", "sub"]
    assert names(context, elsewhere / "Other") == ["Dockerfile", "b", "sub"]


def test_a_link_inside_the_context_is_followed(tmp_path):
    """Sharing one ignore file by a link is common, and harmless."""
    context = make(tmp_path, FILES | {".dockerignore": Link("sub/ignore"), "sub/ignore": "a\n"})

    assert "a" not in names(context)


@pytest.mark.parametrize("target", ["../outside", "{outside}", "/etc/hostname", "nowhere"])
def test_d2_a_link_out_of_the_context_is_refused(tmp_path, target):
    """Nothing of the host is read, and the build does not go on without the rules."""
    (tmp_path / "outside").write_text("a\n")
    link = Link(target.format(outside=tmp_path / "outside"))
    context = make(tmp_path, FILES | {".dockerignore": link})

    with pytest.raises(UsageError, match="ignore file"):
        names(context)


def test_d2_a_link_beside_the_dockerfile_is_refused(tmp_path):
    """The Dockerfile's own ignore file is confined in the same way."""
    (tmp_path / "outside").write_text("a\n")
    context = make(tmp_path, FILES | {"sub/Dockerfile.dockerignore": Link("../../outside")})

    with pytest.raises(UsageError, match="ignore file"):
        names(context, context / "sub/Dockerfile")


def test_d4_an_ignore_file_that_is_a_fifo_does_not_block(tmp_path):
    """Opening it waits for nobody."""
    context = make(tmp_path, FILES)
    os.mkfifo(context / ".dockerignore")

    with pytest.raises(UsageError, match="regular"):
        names(context)


def test_a_directory_is_no_ignore_file(tmp_path):
    """It is said, not skipped."""
    with pytest.raises(UsageError, match="ignore file"):
        names(make(tmp_path, FILES | {".dockerignore/x": ""}))


def test_the_size_is_limited(tmp_path, monkeypatch):
    """A file of any size is read up to the limit only."""
    monkeypatch.setattr(ignorefile, "MAX_IGNORE_FILE", 10)

    with pytest.raises(UsageError, match="larger"):
        names(make(tmp_path, FILES | {".dockerignore": "a\n" * 6}))


def test_a_malformed_pattern_has_a_position(tmp_path):
    """The ignore file is shown like a Dockerfile."""
    with pytest.raises(DockerfileError) as raised:
        names(make(tmp_path, FILES | {".dockerignore": "ok\n[\n"}))

    assert raised.value.line == 2


def test_a_byte_order_mark_is_no_part_of_the_pattern(tmp_path):
    """Editors on other systems write one."""
    assert "a" not in names(make(tmp_path, FILES | {".dockerignore": b"\xef\xbb\xbfa\n"}))
