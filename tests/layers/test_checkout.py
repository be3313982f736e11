"""Repositories for ADD, with the real git on repositories of this machine."""

from __future__ import annotations

import os
import shutil
import subprocess
from copy import copy
from typing import TYPE_CHECKING

import pytest

from hivebase.errors import SystemFaultError, UsageError
from hivebase.layers import checkout as module
from hivebase.layers.checkout import PROTOCOLS, checkout, resolve_commit
from hivebase.layers.remote import Repository

if TYPE_CHECKING:
    from pathlib import Path

LOCAL = frozenset({"file"})

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="needs git: apt-get install git")


def git(place: Path, *arguments: str) -> str:
    """Run git with a fixed identity."""
    environment = {
        "PATH": os.environ["PATH"],
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_NOSYSTEM": "1",
        **dict.fromkeys(
            ("GIT_AUTHOR_NAME", "GIT_COMMITTER_NAME", "GIT_AUTHOR_EMAIL", "GIT_COMMITTER_EMAIL"), "x"
        ),
        "GIT_ALLOW_PROTOCOL": "file",
    }
    done = subprocess.run(
        ["git", *arguments], cwd=place, env=environment, check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


class Origin:
    """A repository with a tag ``v1``, a branch ``side`` and a second commit on ``main``."""

    def __init__(self, place: Path) -> None:
        self.place = place
        place.mkdir()
        git(place, "init", "-q", "-b", "main")
        (place / "docs").mkdir()
        (place / "docs/read.me").write_text("read")
        (place / "run.sh").write_text("run")
        (place / "run.sh").chmod(0o755)
        (place / "link").symlink_to("run.sh")
        (place / "out").symlink_to("/etc")
        (place / "inner").symlink_to("docs")
        self.first = self.commit("one")
        git(place, "tag", "-a", "-m", "v1", "v1")
        git(place, "branch", "side")
        (place / "new").write_text("new")
        self.second = self.commit("two")

    def copy(self, place: Path) -> Origin:
        """Return the same repository elsewhere."""
        shutil.copytree(self.place, place, symlinks=True)
        twin = copy(self)
        twin.place = place
        return twin

    def commit(self, message: str) -> str:
        """Commit everything; return the commit."""
        git(self.place, "add", "-A")
        git(self.place, "commit", "-q", "-m", message)
        return git(self.place, "rev-parse", "HEAD")

    def at(self, ref: str = "", directory: str = "") -> Repository:
        """Return it as a source."""
        return Repository(f"file://{self.place}", "file", ref, directory)


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    """Return a repository that tests copy and do not change."""
    return Origin(tmp_path_factory.mktemp("git") / "original")


@pytest.fixture
def origin(original, tmp_path):
    """Return a repository of this test's own."""
    return original.copy(tmp_path / "origin")


@pytest.fixture
def work(tmp_path):
    """Return the directory for checkouts."""
    (tmp_path / "work").mkdir()
    return tmp_path / "work"


def test_refs_become_commits(origin):
    """Default branch, branch, annotated tag, full ref and commit."""
    assert [origin.second, origin.first, origin.first, origin.first, origin.first] == [
        resolve_commit(origin.at(ref), protocols=LOCAL)
        for ref in ("", "side", "v1", "refs/heads/side", origin.first)
    ]


def test_a_tag_wins_over_a_branch(origin):
    """As in gitrevisions(7)."""
    git(origin.place, "branch", "v1", "main")

    assert origin.first == resolve_commit(origin.at("v1"), protocols=LOCAL)


def test_the_files_of_the_commit_are_given(origin, work):
    """With git's modes and links, without ``.git``, and nothing stays behind."""
    with checkout(origin.at("v1"), origin.first, work, protocols=LOCAL) as source:
        assert list(source.children("")) == ["docs", "inner", "link", "out", "run.sh"]
        assert (source.entry("run.sh").mode, source.entry("docs/read.me").mode) == (0o755, 0o644)
        assert source.entry("link").link == "run.sh"
        with source.open("docs/read.me") as stream:
            assert stream.read() == b"read"

    assert list(work.iterdir()) == []


def test_an_older_commit_is_found(origin, work):
    """Also where the server gives out only what refs point to: then everything is fetched."""
    git(origin.place, "tag", "-d", "v1")
    git(origin.place, "branch", "-D", "side")
    git(origin.place, "config", "uploadpack.allowAnySHA1InWant", "false")
    with checkout(origin.at(origin.first), origin.first, work, protocols=LOCAL) as source:
        assert source.get("new") is None
        assert source.get("run.sh") is not None


def test_a_directory_of_the_repository(origin, work):
    """It becomes the root."""
    with checkout(origin.at("", "docs"), origin.second, work, protocols=LOCAL) as source:
        assert list(source.children("")) == ["read.me"]


def test_the_git_directory_can_be_kept(origin, work):
    """For builds that ask git for their version."""
    with checkout(origin.at(), origin.second, work, keep_git_dir=True, protocols=LOCAL) as source:
        assert source.get(".git/HEAD") is not None


def test_submodules_are_checked_out(original, origin, work, tmp_path):
    """Their own .git does not stay either."""
    outer = original.copy(tmp_path / "outer")
    git(
        outer.place,
        "-c",
        "protocol.file.allow=always",
        "submodule",
        "-q",
        "add",
        f"file://{origin.place}",
        "sub",
    )
    commit = outer.commit("with submodule")

    with checkout(outer.at(), commit, work, protocols=LOCAL) as source:
        assert source.get("sub/run.sh") is not None
        assert source.get("sub/.git") is None
        assert source.get(".git") is None


def test_d13_a_submodule_with_a_forbidden_protocol_is_refused(origin, work, tmp_path):
    """``ext::`` would run a command."""
    (origin.place / ".gitmodules").write_text(
        f'[submodule "s"]\n\tpath = s\n\turl = ext::sh -c touch% {tmp_path}/canary\n'
    )
    git(origin.place, "add", ".gitmodules")
    git(origin.place, "update-index", "--add", "--cacheinfo", f"160000,{origin.first},s")
    git(origin.place, "commit", "-q", "-m", "evil")
    commit = git(origin.place, "rev-parse", "HEAD")

    with pytest.raises(SystemFaultError), checkout(origin.at(), commit, work, protocols=LOCAL):
        pass
    assert not (tmp_path / "canary").exists()
    assert list(work.iterdir()) == []


@pytest.mark.parametrize(
    "url", ["ext::sh -c touch% {canary}", "file://{origin}", "{origin}", "http://127.0.0.1:1/x.git"]
)
def test_d13_only_protocols_on_the_list_are_spoken(origin, work, tmp_path, url):
    """Whatever git itself could do."""
    canary = tmp_path / "canary"
    repository = Repository(url.format(canary=canary, origin=origin.place), url.partition(":")[0])

    with pytest.raises(UsageError, match="may not use"):
        resolve_commit(repository)
    # Were the check above not there, git's own list still says no.
    with pytest.raises(SystemFaultError, match="git failed"):
        module._git(PROTOCOLS, "ls-remote", "--", repository.url)
    assert not canary.exists()


@pytest.mark.parametrize("directory", ["out", "out/ssh", "inner", "link", "none", "../work"])
def test_d13_a_directory_behind_a_link_is_refused(origin, work, directory):
    """``out`` is a link to /etc of the host."""
    with (
        pytest.raises(UsageError, match="no directory"),
        checkout(origin.at("", directory), origin.second, work, protocols=LOCAL),
    ):
        pass


def test_d13_hooks_filters_and_settings_of_the_user_do_not_run(origin, work, tmp_path, monkeypatch):
    """Neither the global configuration nor a template's hooks."""
    hook = tmp_path / "template/hooks/post-checkout"
    hook.parent.mkdir(parents=True)
    hook.write_text(f"#!/bin/sh\ntouch {tmp_path}/canary\n")
    hook.chmod(0o755)
    (tmp_path / ".gitconfig").write_text(
        f"[init]\n\ttemplateDir = {tmp_path}/template\n[core]\n\thooksPath = {tmp_path}/template/hooks\n"
        f'[filter "x"]\n\tsmudge = "touch {tmp_path}/canary; cat"\n'
    )
    (origin.place / ".gitattributes").write_text("* filter=x\n")
    commit = origin.commit("filter")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("GIT_TEMPLATE_DIR", str(tmp_path / "template"))

    with checkout(origin.at(), commit, work, protocols=LOCAL):
        pass

    assert not (tmp_path / "canary").exists()


def test_nothing_of_the_environment_reaches_git_but_a_list(tmp_path, monkeypatch):
    """A fake git shows what it sees."""
    fake = tmp_path / "bin/git"
    fake.parent.mkdir()
    fake.write_text("#!/bin/sh\nenv\n")
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", f"{fake.parent}:{os.environ['PATH']}")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "canary")
    monkeypatch.setenv("GIT_EXEC_PATH", "/canary")
    monkeypatch.setenv("GIT_SSH", "/canary")

    seen = module._git(PROTOCOLS, "anything")

    assert "canary" not in seen
    assert "GIT_ALLOW_PROTOCOL=https:ssh" in seen.splitlines()


def test_without_git_the_message_says_what_to_install(origin, monkeypatch):
    """Nothing else of a build needs it."""
    monkeypatch.setenv("PATH", "/nonexistent")

    with pytest.raises(SystemFaultError) as raised:
        resolve_commit(origin.at(), protocols=LOCAL)
    assert "apt-get install git" in raised.value.hint


def test_what_git_says_is_passed_on(tmp_path, origin):
    """The last line of it, and a missing ref by name."""
    with pytest.raises(SystemFaultError, match="git failed") as raised:
        resolve_commit(Repository(f"file://{tmp_path}/none", "file"), protocols=LOCAL)
    assert raised.value.why
    with pytest.raises(SystemFaultError, match="'nope'"):
        resolve_commit(origin.at("nope"), protocols=LOCAL)
