import os
import time
from collections.abc import Mapping
from pathlib import Path

import pytest

from hivebase.build import workspace
from hivebase.build.workspace import DiskFacts, find_root, open_workspace
from hivebase.errors import SystemFaultError, UsageError
from hivebase.plan.files import FileFact
from hivebase.plan.graph import build_graph


def write(root: Path, files: Mapping[str, str | bytes]) -> None:
    for path, text in files.items():
        full = root / path
        full.parent.mkdir(parents=True, exist_ok=True)
        full.write_bytes(text if isinstance(text, bytes) else text.encode())


def names(root: Path) -> list[str]:
    return [image.name for image in open_workspace(root).hive.images]


def test_a_tree_needs_no_configuration(tmp_path):
    """Point at a directory, get its images, their contexts and their edges."""
    root = tmp_path / "shop"
    write(
        root,
        {
            "Dockerfile": "FROM shop/web",
            "web/Dockerfile": "FROM shop/base:1\nCOPY web/app.py /",
            "web/app.py": "",
            "docker/base.Dockerfile": "FROM debian:12",
            "docker/Containerfile.tools": "FROM debian:12",
        },
    )
    found = open_workspace(root)
    assert [image.name for image in found.hive.images] == ["base", "shop", "tools", "web"]
    assert found.hive.image("web").context == ""
    assert root == found.context(found.hive.image("web"))
    assert root / "web/Dockerfile" == found.dockerfile(found.hive.image("web"))
    assert {("web", "base"), ("shop", "web")} == {(e.child, e.parent) for e in build_graph(found.hive).edges}


def test_other_peoples_directories_are_left_out(tmp_path):
    """Version control, dependencies, virtual environments and hidden caches hold no images of ours."""
    hidden = [".git/x", ".venv", "node_modules/p", "web/node_modules/q", "__pycache__", ".cache", "myenv/lib"]
    write(tmp_path, {f"{place}/Dockerfile": "FROM x" for place in [*hidden, "real"]})
    write(tmp_path, {"myenv/pyvenv.cfg": "", ".devcontainer/Dockerfile": "FROM x"})
    assert names(tmp_path) == [".devcontainer", "real"]


def test_linked_directories_are_not_entered(tmp_path):
    """A link to a directory would show its images twice, or walk in circles."""
    write(tmp_path, {"real/Dockerfile": "FROM x"})
    (tmp_path / "again").symlink_to("real")
    (tmp_path / "real" / "loop").symlink_to("..")
    assert names(tmp_path) == ["real"]


def test_a_linked_dockerfile_is_read_when_it_stays_inside(tmp_path):
    """And is refused when it shows a file of the host."""
    write(tmp_path / "hive", {"real/Dockerfile": "FROM x"})
    write(tmp_path, {"secret": "FROM secret"})
    for name, target in (("linked", "../real/Dockerfile"), ("leak", "../../secret"), ("gone", "nowhere")):
        (tmp_path / "hive" / name).mkdir()
        (tmp_path / "hive" / name / "Dockerfile").symlink_to(target)
    hive = open_workspace(tmp_path / "hive").hive
    assert [image.name for image in hive.images if image.name != "gone"] == ["leak", "linked", "real"]
    assert [remark.path.partition("/")[0] for remark in hive.diagnostics] == ["gone", "leak"]
    assert "leaves the hive" in str(hive.image("leak").error)


def test_bad_files_are_told_and_do_not_stop_the_others(tmp_path, monkeypatch):
    """Binary, too large, a directory, a fifo, unparseable: the rest of the tree is fine."""
    monkeypatch.setattr(workspace, "MAX_DOCKERFILE", 1000)
    write(
        tmp_path,
        {
            "good/Dockerfile": "FROM x",
            "binary/Dockerfile": b"\x7fELF\0\0",
            "large/Dockerfile": "FROM x\n" + "#" * 2000,
            "latin/Dockerfile": b"FROM x\n# caf\xe9\n",
            "template/Dockerfile": "{% if x %}\nFROM x\n{% endif %}",
            "empty/Dockerfile": "",
        },
    )
    (tmp_path / "pipe").mkdir()
    os.mkfifo(tmp_path / "pipe" / "Dockerfile")
    (tmp_path / "dir" / "Dockerfile").mkdir(parents=True)
    hive = open_workspace(tmp_path).hive
    bad = sorted(remark.path.partition("/")[0] for remark in hive.diagnostics)
    assert bad == ["binary", "empty", "large", "pipe", "template"]
    assert {"good", "latin"} == {image.name for image in hive.images if image.document}


def test_a_configured_hive(tmp_path):
    """Groups choose what belongs to the hive, and their contexts."""
    write(
        tmp_path,
        {
            "hivebase.toml": '[hive]\nname = "acme"\nversion = "1.0.0"\n'
            '[[group]]\nname = "bases"\npath = "images"\ncontext = "images"\n'
            'exclude = ["old"]\nargs = { A = "1" }\n'
            '[[group]]\nname = "services"\npath = "services"\ninclude = ["*/Dockerfile"]\n',
            "hivebase.lock": "version = 1\n",
            "images/ml/Dockerfile": "FROM x",
            "images/old/Dockerfile": "FROM x",
            "services/api/Dockerfile": "FROM x",
            "services/api/deep/Dockerfile": "FROM x",
            "elsewhere/Dockerfile": "FROM x",
        },
    )
    found = open_workspace(tmp_path)
    assert [image.name for image in found.hive.images] == ["api", "ml"]
    image = found.hive.image("ml")
    assert (image.context, image.group, image.args) == ("images", "bases", {"A": "1"})
    assert found.hive.reference("ml") == "acme/ml:1.0.0"
    assert tmp_path / "hivebase.lock" == found.lock_file
    assert found.configured


def test_the_root_is_the_nearest_directory_with_a_configuration(tmp_path):
    """From anywhere inside; without one, the place itself."""
    write(tmp_path, {"hive/hivebase.toml": "", "hive/a/b/x": "", "other/x": ""})
    assert tmp_path / "hive" == find_root(tmp_path / "hive" / "a" / "b")
    assert tmp_path / "other" == find_root(tmp_path / "other")


@pytest.mark.parametrize(
    ("files", "error"),
    [
        ({"hivebase.toml": "[hive]\nnmae='x'"}, UsageError),
        ({"hivebase.toml": b"\xff"}, UsageError),
        ({"hivebase.lock": "version = 9"}, UsageError),
        ({"hivebase.toml": "[[group]]\npath = 'nowhere'"}, UsageError),
    ],
)
def test_a_wrong_configuration_is_an_error(tmp_path, files, error):
    """Nothing is guessed."""
    write(tmp_path, files)
    with pytest.raises(error):
        open_workspace(tmp_path)


def test_a_root_that_is_no_directory(tmp_path):
    """A file, or nothing."""
    write(tmp_path, {"file": ""})
    for name in ("file", "missing"):
        with pytest.raises(UsageError, match="not a directory"):
            open_workspace(tmp_path / name)


def test_a_configuration_that_cannot_be_read(tmp_path):
    """A directory in its place is the machine's fault, not a traceback."""
    (tmp_path / "hivebase.toml").mkdir()
    with pytest.raises(SystemFaultError):
        open_workspace(tmp_path)


def test_facts_of_the_disk(tmp_path):
    """Files, directories and links; what is neither does not exist."""
    write(tmp_path, {"d/f": "abc"})
    (tmp_path / "d" / "l").symlink_to("f")
    os.mkfifo(tmp_path / "d" / "p")
    (tmp_path / "d" / "f").chmod(0o640)
    facts = DiskFacts(tmp_path)
    assert FileFact("file", 0o640, 3) == facts.get("d/f")
    assert FileFact("symlink", 0o777, 0, "f") == facts.get("d/l")
    assert [facts.get("d/p"), facts.get("nope\0")] == [None, None]
    assert (list(facts.children("d")), list(facts.children("nope"))) == (["f", "l", "p"], [])


def test_a_large_tree_is_read_quickly(tmp_path):
    """A thousand images with their contexts, within a few seconds."""
    for n in range(1000):
        write(
            tmp_path,
            {f"g{n % 20}/i{n}/Dockerfile": f"FROM i{n - 1}\nCOPY app.py /\n", f"g{n % 20}/i{n}/app.py": ""},
        )
    started = time.perf_counter()
    assert len(build_graph(open_workspace(tmp_path).hive).edges) == 999
    assert time.perf_counter() - started < 60
