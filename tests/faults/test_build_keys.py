"""Row B-7: whatever decides an image is part of its key: changed alone, that image alone is built again."""

from __future__ import annotations

import pytest
from tests.faults.builds import digests, statuses

pytestmark = pytest.mark.root

_FROM = "FROM busybox:1\n"
HIVE = {
    "control/Dockerfile": f"{_FROM}COPY . /all\n",
    "control/file": "content\n",
    "health/Dockerfile": f"{_FROM}HEALTHCHECK --interval=5s CMD true\n",
    "heredoc/Dockerfile": f"{_FROM}COPY <<EOF /here\none\nEOF\nRUN <<EOF\necho one > /there\nEOF\n",
    "ignore/Dockerfile": f"{_FROM}COPY . /all\n",
    "ignore/.dockerignore": "nothing\n",
    "ignore/file": "content\n",
    "link/Dockerfile": f"{_FROM}COPY . /all\n",
    "mode/Dockerfile": f"{_FROM}COPY . /all\n",
    "mode/file": "content\n",
    "owner/Dockerfile": f"{_FROM}COPY --chown=1:1 file /file\n",
    "owner/file": "content\n",
    "scratch/Dockerfile": "FROM scratch\nCOPY file /file\n",
    "scratch/file": "content\n",
    "trigger/Dockerfile": f"{_FROM}ONBUILD RUN echo one > /one\n",
    "user/Dockerfile": f"{_FROM}USER 1000\nRUN id -u > /tmp/id\n",
}
CHANGES = {
    "health/Dockerfile": f"{_FROM}HEALTHCHECK --interval=6s CMD true\n",
    "heredoc/Dockerfile": f"{_FROM}COPY <<EOF /here\none\nEOF\nRUN <<EOF\necho two > /there\nEOF\n",
    "ignore/.dockerignore": "file\n",
    "owner/Dockerfile": f"{_FROM}COPY --chown=1:2 file /file\n",
    "scratch/Dockerfile": f"{_FROM}COPY file /file\n",
    "trigger/Dockerfile": f"{_FROM}ONBUILD RUN echo two > /one\n",
    "user/Dockerfile": f"{_FROM}USER 1001\nRUN id -u > /tmp/id\n",
}


def test_b7_every_field_counts(hive):
    """Every image but the unchanged one is built again and comes out different; changed back, it is as before."""
    link = hive.root / "link/link"
    hive.write(HIVE)
    link.symlink_to("one")
    first = hive.build()
    assert set(statuses(hive.build()).values()) == {"cached"}
    hive.write(CHANGES)
    link.unlink()
    link.symlink_to("two")
    (hive.root / "mode/file").chmod(0o755)
    second = hive.build()
    assert statuses(second) == dict.fromkeys(first, "built") | {"control": "cached"}
    assert {name for name in first if first[name]["digest"] == second[name]["digest"]} == {"control"}
    hive.write(HIVE)
    link.unlink()
    link.symlink_to("one")
    (hive.root / "mode/file").chmod(0o644)
    third = hive.build()
    # The name stands for the other image now: an intact one of the same key somewhere in the store is not enough.
    assert statuses(third) == statuses(second)
    assert digests(third) == digests(first)
    assert hive.cat("heredoc", "/there") == "one\n"
    assert set(statuses(hive.build()).values()) == {"cached"}


def test_b7_what_does_not_decide_does_not_count(hive):
    """Times, owners on this machine, group and other bits, order of making, files that no step reads."""
    hive.write(HIVE)
    (hive.root / "link/link").symlink_to("one")
    before = digests(hive.build())
    for path in sorted(hive.root.rglob("*"), reverse=True):
        if path.is_file() and not path.is_symlink():
            data = path.read_bytes()
            path.unlink()
            path.write_bytes(data)
            path.chmod(0o600)
    hive.write({"owner/unread": "x", "scratch/unread": "x"})
    results = hive.build()
    assert set(statuses(results).values()) == {"cached"}
    assert digests(results) == before


def test_b7_a_name_says_what_is_under_it(hive):
    """A new version is a new name for the same layers; a moved name is noticed; a name is not given by its content."""
    hive.write({"a/Dockerfile": f"{_FROM}RUN echo a > /a\n", "b/Dockerfile": f"{_FROM}RUN echo a > /a\n"})
    hive.write({"hivebase.toml": '[hive]\nname = "team"\n[[group]]\nname = "all"\npath = "."\n'})
    assert statuses(hive.build("a", "--version", "1.0.0")) == {"a": "built"}
    results = hive.build("--version", "1.0.0")
    assert statuses(results) == {"a": "cached", "b": "built"}
    again = hive.build("--version", "2.0.0")
    assert statuses(again) == {"a": "built", "b": "built"}
    assert digests(again) == digests(results)
    assert {item["ref"] for item in hive.json("images")["images"]} >= {
        f"team/{name}:{version}" for name in "ab" for version in ("1.0.0", "2.0.0")
    }
    assert set(statuses(hive.build("--version", "1.0.0")).values()) == {"cached"}
