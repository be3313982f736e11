"""Where a store may be and who may see it: faults S-10, S-12, S-13 and S-15."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from tests.faults import store_driver

from hivebase import fs
from hivebase.digest import Digest
from hivebase.errors import SystemFaultError
from hivebase.oci.store import Store

NOBODY = 65534


@contextlib.contextmanager
def _mounted(path: Path, *arguments: str):
    """Mount something at ``path`` for the length of the block."""
    path.mkdir(exist_ok=True)
    subprocess.run(["mount", *arguments, str(path)], check=True)
    try:
        yield path
    finally:
        subprocess.run(["umount", "-l", str(path)], check=True)


@contextlib.contextmanager
def _as_nobody():
    """Be a user without rights for the length of the block."""
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.fixture
def public():
    """Return a directory that everybody may enter, unlike pytest's own."""
    path = Path(tempfile.mkdtemp(prefix="hivebase-"))
    path.chmod(0o755)
    yield path
    fs.remove_tree(path)


@pytest.mark.root
def test_s10_a_full_disk_leaves_a_usable_store(tmp_path) -> None:
    """The error says what to do, the temporary file is gone, and small things still fit."""
    with _mounted(tmp_path / "small", "-t", "tmpfs", "-o", "size=4m", "tmpfs"):
        store = Store.open(tmp_path / "small/store")
        kept = store.put(b"kept")
        free = shutil.disk_usage(store.root).free
        with pytest.raises(SystemFaultError) as raised:
            store.put(os.urandom(8 << 20))
        assert raised.value.why == "No space left on device"
        assert "prune" in raised.value.hint
        assert raised.value.exit_code == 3
        assert list((store.state / "ingest").iterdir()) == []
        assert abs(free - shutil.disk_usage(store.root).free) < 100_000
        assert store.read(kept) == b"kept"
        assert store.read(store.put(b"small")) == b"small"
        assert Store.open(store.root).check() == []


@pytest.mark.root
def test_s10_names_and_records_survive_a_full_disk(tmp_path) -> None:
    """With not one block left the old names stay whole, and so does the store."""
    with _mounted(tmp_path / "small", "-t", "tmpfs", "-o", "size=1m", "tmpfs"):
        root = tmp_path / "small/store"
        store_driver.write(root)
        store = Store.open(root)
        before = (root / "index.json").read_bytes()
        with contextlib.suppress(OSError), (root.parent / "filler").open("wb", 0) as filler:
            while True:
                filler.write(bytes(4096))
        image = store.resolve(store_driver.NAME)
        assert image is not None
        for write in (
            lambda: store.tag("other:1", image),
            lambda: store.put_record("step", Digest.of(b"x"), {"a": 1}),
            lambda: store.put(b"x" * 5000),
        ):
            with pytest.raises(SystemFaultError):
                write()
        assert before == (root / "index.json").read_bytes()
        assert list(root.glob(".*.tmp")) == []
        assert store.check() == []


@pytest.mark.root
def test_s12_a_read_only_store_is_told_before_work_starts(tmp_path) -> None:
    """A read-only mount is one clear error, at opening."""
    root = Store.open(tmp_path / "store").root
    for path in (root, tmp_path / "fresh"):
        path.mkdir(exist_ok=True)
        with _mounted(path, "--bind", str(path)):
            subprocess.run(["mount", "-o", "remount,ro,bind", str(path)], check=True)
            for chosen in (path, path / "below"):
                with pytest.raises(SystemFaultError) as raised:
                    Store.open(chosen)
                assert raised.value.why == "Read-only file system"
                assert "HIVEBASE_STORE" in raised.value.hint
                assert "\n" not in raised.value.what


@pytest.mark.root
def test_s12_a_store_of_another_user_is_refused(tmp_path) -> None:
    """Root does not write into somebody's store, which that user could then not use."""
    root = Store.open(tmp_path / "store").root
    os.chown(root, NOBODY, NOBODY)
    with pytest.raises(SystemFaultError) as raised:
        Store.open(root)
    assert "another user" in raised.value.what
    assert str(NOBODY) in raised.value.why


@pytest.mark.root
def test_s12_a_directory_without_rights_is_told(public) -> None:
    """Without write permission there is one clear error, wherever the store would be."""
    Store.open(public / "roots")
    own = public / "own"
    own.mkdir(0o500)
    os.chown(own, NOBODY, NOBODY)
    with _as_nobody():
        for path in (public / "roots", public / "new", public / "roots/below", own, own / "below"):
            with pytest.raises(SystemFaultError) as raised:
                Store.open(path)
            assert raised.value.hint


@pytest.mark.root
def test_s13_others_cannot_look_into_the_store(public) -> None:
    """Unpacked images hold set-user-id files, so nobody else gets in (CVE-2021-41091)."""
    old = os.umask(0)
    try:
        store = Store.open(public / "store")
    finally:
        os.umask(old)
    planted = store.state / "snapshots/su"
    planted.write_bytes(b"x")
    planted.chmod(0o4755)
    with _as_nobody():
        for path in (planted, store.root / "index.json", store.state):
            with pytest.raises(PermissionError):
                path.stat()
        with pytest.raises(PermissionError):
            list(store.root.iterdir())


def test_s13_every_directory_is_private(tmp_path) -> None:
    """Directories are 0700 also when the umask is open or somebody opened them up."""
    old = os.umask(0)
    try:
        store = Store.open(tmp_path / "store")
        store.put_record("step", Digest.of(b"x"), {})
    finally:
        os.umask(old)
    for path in (store.root, store.state, store.state / "snapshots"):
        path.chmod(0o777)
    Store.open(store.root)
    modes = {
        path: path.stat().st_mode & 0o777 for path in (store.root, *store.root.rglob("*")) if path.is_dir()
    }
    assert set(modes.values()) == {0o700}, modes


@pytest.mark.parametrize("when", [0, 1, 4_000_000_000])
def test_s15_file_times_do_not_matter(tmp_path, when) -> None:
    """Times in the past and in the future change neither what is read nor what is kept."""
    root = tmp_path / "store"
    digest = store_driver.write(root)
    for path in (root, *root.rglob("*")):
        os.utime(path, (when, when))
    store = Store.open(root)
    assert digest == store.image(store_driver.NAME).descriptor.digest
    assert store.record("step", store_driver.KEY) is not None
    assert digest == store_driver.write(root)
    assert store.check() == []
    assert store.collect().digests == ()


@pytest.mark.skipif(shutil.which("faketime") is None, reason="faketime is not installed")
def test_s15_the_clock_does_not_matter(tmp_path) -> None:
    """Runs in 1990 and in 2037, and one after the other on one store, write the same bytes."""
    names = []
    for root, date in (
        ("a", "1990-01-01 00:00:00"),
        ("b", "2037-12-31 23:59:59"),
        ("b", "1990-01-01 00:00:00"),
    ):
        command = ["faketime", date, sys.executable, store_driver.__file__, str(tmp_path / root)]
        environment = {**os.environ, "PYTHONPATH": str(Path(store_driver.__file__).parents[2] / "src")}
        result = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        assert (result.returncode, result.stderr) == (0, "")
        names.append((result.stdout, (tmp_path / root / "index.json").read_bytes()))
    assert names[0] == names[1] == names[2]
