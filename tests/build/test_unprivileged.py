"""Without root: what runs no command is built, and is the same to the byte; nothing is unpacked for it."""

from __future__ import annotations

import os
import shutil
import sys
import tarfile
import tempfile
from pathlib import Path

import pytest
from tests.hives import BASE, TestHive, busybox_tar

NOBODY = 65534

# The interpreter and its packages may lie where only root can read: everything is loaded before root is given up.
AS_NOBODY = f"""
import codecs, importlib, os, pkgutil, sys
import hivebase, hivebase.cli
for module in pkgutil.walk_packages(hivebase.__path__, "hivebase."):
    if not module.name.endswith("__main__"):
        importlib.import_module(module.name)
for codec in ("ascii", "idna", "latin-1", "unicode_escape"):
    codecs.lookup(codec)
if os.geteuid() == 0:
    os.setgroups([])
    os.setgid({NOBODY})
    os.setuid({NOBODY})
assert os.geteuid() != 0
hivebase.cli.main()
"""

FILES = {
    "none/Dockerfile": "FROM scratch\nCOPY f /f\n",
    "none/f": "from nothing\n",
    "base/Dockerfile": (
        "FROM busybox:1\nENV A=1\nLABEL b=c\nCOPY --chown=app:extra f /srv/f\nADD tree.tar /unpacked/\n"
        "WORKDIR /home/app/work\nUSER app\nWORKDIR sub\n"
    ),
    "base/f": "base\n",
    "child/Dockerfile": (
        "FROM none AS first\nCOPY two one /d/\nWORKDIR /d/e\n"
        "FROM base\nCOPY --from=first /d /d\nCOPY --from=base --chown=app /bin /copy\n"
        "COPY --from=busybox:1 /etc/passwd /bin/busybox /there/\nCOPY --chmod=600 --link one /linked/\n"
    ),
    "child/one": "1\n",
    "child/two": "2\n",
}


class Unprivileged(TestHive):
    """A hive whose commands run without root."""

    def command(self, *words: str) -> list[str]:
        return [sys.executable, "-c", AS_NOBODY, "-C", str(self.root), *words]


def fill(hive: TestHive) -> None:
    """Write the files of the hive, and the base image beside it."""
    hive.root.mkdir(parents=True)
    hive.write(FILES)
    with tarfile.open(hive.root / "base/tree.tar", "w") as archive:
        archive.add(hive.root / "child", "child", filter=as_root)
    (hive.root.parent / "busybox.tar").write_bytes(busybox_tar())


def as_root(member: tarfile.TarInfo) -> tarfile.TarInfo:
    member.uid = member.gid = member.mtime = 0
    member.mode = 0o644 if member.isfile() else 0o755
    return member


@pytest.fixture
def hive():
    """A hive and a store of a user who is not root."""
    # Not tmp_path: pytest lets only its own user in there.
    place = Path(tempfile.mkdtemp(prefix="hivebase-"))
    made = Unprivileged(place / "hive", place / "store")
    fill(made)
    if os.geteuid() == 0:
        for path in (place, *place.rglob("*")):
            os.chown(path, NOBODY, NOBODY)
    yield made
    shutil.rmtree(place)


def unpacked(hive: TestHive) -> list[Path]:
    return list((hive.store / ".hivebase/snapshots").glob("*"))


def test_a_user_without_root_builds_what_runs_no_command(hive):
    """Import, build, and all that looks at the result."""
    hive.run("import", str(hive.root.parent / "busybox.tar"), BASE)
    results = hive.build()
    assert {name: result["status"] for name, result in results.items()} == {
        "none": "built",
        "base": "built",
        "child": "built",
    }
    assert unpacked(hive) == []
    assert {result["status"] for result in hive.build().values()} == {"cached"}
    for words in (["images"], ["plan"], ["graph"], ["tree"], ["inspect", "child"]):
        assert "child" in hive.run(*words).stdout, words
    for form in ("oci", "docker"):
        file = hive.root.parent / form
        hive.run("export", "child", str(file), "--format", form)
        hive.run("import", str(file), f"copy:{form}")
    assert results["child"]["digest"] == hive.json("inspect", "copy:oci")["digest"]


@pytest.mark.root
def test_root_builds_the_same_bytes_and_unpacks_nothing_either(hive, tmp_path):
    """Every digest is the same, whoever builds."""
    hive.run("import", str(hive.root.parent / "busybox.tar"), BASE)
    mine = TestHive(tmp_path / "hive", tmp_path / "store")
    shutil.copytree(hive.root, mine.root)
    mine.run("import", str(hive.root.parent / "busybox.tar"), BASE)
    expected = {name: result["digest"] for name, result in mine.build().items()}
    assert expected == {name: result["digest"] for name, result in hive.build().items()}
    assert unpacked(mine) == []
    assert mine.run("run", "child", "--", "stat", "-c", "%U:%G %a", "/srv/f", "/copy/sh").stdout == (
        "app:extra 644\napp:app 777\n"
    )


@pytest.mark.root
def test_what_a_command_left_is_copied_from_where_it_is_unpacked(hive, tmp_path):
    """Steps after a RUN, and copies from a stage with one, see what the RUN did."""
    mine = TestHive(tmp_path / "hive", tmp_path / "store")
    mine.root.mkdir()
    mine.run("import", str(hive.root.parent / "busybox.tar"), BASE)
    mine.write(
        {
            "x/Dockerfile": (
                "FROM busybox:1 AS made\n"
                "RUN echo 'new:x:77:88::/:/bin/sh' >> /etc/passwd && mkdir /out && echo hi > /out/f && rm -r /var\n"
                "WORKDIR /var/log\nCOPY --chown=new f /g\n"
                "FROM busybox:1\nCOPY --from=made /out /g /etc/passwd /all/\n"
            ),
            "x/f": "context\n",
        }
    )
    mine.build()
    listing = mine.run("run", "x", "--", "stat", "-c", "%n %u:%g", "/all/f", "/all/g", "/all/passwd").stdout
    assert listing == "/all/f 0:0\n/all/g 77:88\n/all/passwd 0:0\n"
    assert mine.cat("x", "/all/f") == "hi\n"


def test_a_command_without_root_is_one_clear_message(hive):
    """What does need root says so, and the rest of the hive is built."""
    hive.run("import", str(hive.root.parent / "busybox.tar"), BASE)
    hive.write({"runs/Dockerfile": "FROM busybox:1\nRUN true\n"})
    done = hive.run("build", code=3)
    assert "needs root" in done.stderr
    assert "Traceback" not in done.stderr
    assert {result["status"] for name, result in hive.build(code=3).items() if name != "runs"} == {"cached"}
