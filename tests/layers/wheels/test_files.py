"""Wheels on this machine: fetched once, verified, and found again by a look."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.clocks import FakeClock
from tests.registry_simulator import changed, cut, silence, status
from tests.wheel_index import WheelIndex

from hivebase.digest import Digest
from hivebase.errors import (
    CorruptContentError,
    InterruptedByUserError,
    NotFoundError,
    SystemFaultError,
    UnreachableError,
)
from hivebase.layers.wheels.files import WheelFiles, cache_directory, wheel_directory
from hivebase.transport import Transport

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hivebase.progress import Event

BIG = {"big.bin": bytes(range(256)) * 4000}


@pytest.fixture
def index():
    with WheelIndex() as made:
        yield made


@pytest.fixture
def transport():
    with Transport(environ={}, clock=FakeClock()) as made:
        yield made


class Places:
    """Says where wheels are, and counts how often it was asked."""

    def __init__(self, index: WheelIndex) -> None:
        self.index = index
        self.asked: list[tuple[list[str], bool]] = []
        self.wrong: dict[str, str] = {}

    def __call__(self, wheels, /, *, again: bool = False) -> Mapping[str, str]:
        self.asked.append(([wheel.file for wheel in wheels], again))
        good = {wheel.sha256: f"{self.index.url}/files/{wheel.name}/{wheel.file}" for wheel in wheels}
        return good if again else {**good, **self.wrong}


@pytest.fixture
def places(index):
    return Places(index)


@pytest.fixture
def files(tmp_path, transport, places):
    with WheelFiles(tmp_path / "cache" / "wheels", transport, places) as made:
        yield made


def downloads(index) -> list[str]:
    return [seen.path for seen in index.seen(r"GET /files/.*\.whl\Z")]


def test_a_wheel_is_downloaded_once_and_kept_private(files, index, tmp_path, transport, places):
    """The second use costs a look, also for another process."""
    wheel = index.add("six", "1.16.0")
    path = files.get(wheel)
    assert wheel.digest == Digest.of(path.read_bytes())
    assert path == files.get(wheel)
    with WheelFiles(files.directory, transport, places) as other:
        assert path == other.get(wheel)
        other.prefetch([wheel])
    assert 1 == len(downloads(index)) == len(places.asked)
    assert stat.S_IMODE(files.directory.stat().st_mode) == 0o700
    assert {stat.S_IMODE(item.stat().st_mode) & 0o022 for item in files.directory.iterdir()} == {0}
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_kept_wheel_is_not_hashed_again(files, index, monkeypatch):
    """Its stamp vouches for it; without the stamp it is hashed once, and has one again."""
    wheel = index.add("six", "1.16.0")
    path = files.get(wheel)
    hashed = []
    original = Digest.of_stream

    def counted(stream):
        hashed.append(1)
        return original(stream)

    monkeypatch.setattr(Digest, "of_stream", counted)
    assert path == files.held(wheel)
    assert not hashed
    path.with_suffix(".stamp").unlink()
    assert [path, path] == [files.held(wheel), files.held(wheel)]
    assert hashed == [1]


def test_a_damaged_wheel_is_fetched_anew(files, index):
    """Other bytes under its name are noticed by the change time, which cannot be set."""
    wheel = index.add("six", "1.16.0")
    path = files.get(wheel)
    data, facts = path.read_bytes(), path.stat()
    path.write_bytes(b"x" * len(data))
    os.utime(path, ns=(facts.st_atime_ns, facts.st_mtime_ns))
    assert files.held(wheel) is None
    assert data == files.get(wheel).read_bytes()
    assert len(downloads(index)) == 2


@pytest.mark.parametrize("where", ["path", "url"])
def test_a_local_file_is_copied(files, index, tmp_path, places, where):
    """What is in a directory of packages may change later."""
    wheel = index.add("six", "1.16.0")
    local = tmp_path / "a b%.whl"
    local.write_bytes(index.packages["six"][wheel.file][0])
    places.wrong[wheel.sha256] = str(local) if where == "path" else local.as_uri()
    path = files.get(wheel)
    local.write_bytes(b"other")
    assert wheel.digest == Digest.of(path.read_bytes())
    assert not downloads(index)


def test_prefetch_asks_once_and_downloads_side_by_side(files, index, places):
    """The order is the caller's, and get joins what is under way."""
    wheels = [index.add(f"p{number}", "1") for number in range(20)]
    index.fault(r"GET /files/p0/", silence(0.2), forever=False)
    files.prefetch([*wheels, *wheels])
    assert [wheel.digest for wheel in wheels] == [
        Digest.of(files.get(wheel).read_bytes()) for wheel in wheels
    ]
    assert [([wheel.file for wheel in wheels], False)] == places.asked


def test_a_cut_download_goes_on_where_it_was(files, index):
    """Only the rest is asked for."""
    wheel = index.add("big", "1", files=BIG)
    index.fault("GET /files/", cut(40_000), cut(100))
    files.get(wheel)
    ranges = [seen.headers.get("range", "") for seen in index.seen("GET /files/")]
    assert ranges == ["", "bytes=40000-", "bytes=40100-"]


@pytest.mark.parametrize("change", [lambda body: body[:-1] + b"x", lambda body: body + b"x", lambda _: b""])
def test_other_bytes_are_refused(files, index, change):
    """Neither another hash nor another size, and nothing stays."""
    wheel = index.add("six", "1.16.0")
    index.fault("GET /files/", changed(change), forever=True)
    with pytest.raises(CorruptContentError) as caught:
        files.get(wheel)
    assert "six-1.16.0-py3-none-any.whl is not the wheel that was locked" in str(caught.value)
    assert "hivebase lock --upgrade-package six" in str(caught.value)
    assert files.held(wheel) is None
    assert list(files.directory.glob("*.part")) + list(files.directory.glob("*.whl")) == []


def test_a_local_file_with_other_bytes_is_refused(files, index, tmp_path, places):
    """As one from a server."""
    wheel = index.add("six", "1.16.0")
    places.index = index
    places.wrong[wheel.sha256] = str(tmp_path / "six.whl")
    (tmp_path / "six.whl").write_bytes(b"other")
    index.fault("GET /files/", status(404), forever=True)
    with pytest.raises(NotFoundError):
        files.get(wheel)
    places.index.packages.clear()
    assert files.held(wheel) is None


def test_an_old_address_is_asked_for_again(files, index, places):
    """An index moved; the lock does not know addresses, and need not."""
    wheel = index.add("six", "1.16.0")
    places.wrong[wheel.sha256] = f"{index.url}/files/gone/six.whl"
    assert files.get(wheel).exists()
    assert [again for _, again in places.asked] == [False, True]


def test_a_wheel_that_nobody_has_is_named(tmp_path, transport, index):
    """With what to do."""
    wheel = index.add("six", "1.16.0")
    with (
        WheelFiles(tmp_path, transport, lambda _wheels, again=False: {}) as files,
        pytest.raises(NotFoundError) as caught,
    ):
        files.get(wheel)
    assert f"no index has {wheel.file}" in str(caught.value)
    assert "hivebase lock" in caught.value.hint


def test_a_failure_is_told_to_all_who_wait_and_not_repeated(files, index, places):
    """Three images want the wheel; the index is asked as often as for one."""
    wheel = index.add("six", "1.16.0")
    index.fault("GET /files/", status(404), forever=True)
    for _ in range(3):
        with pytest.raises(NotFoundError):
            files.get(wheel)
    assert len(places.asked) == 2


def test_no_route_is_told_as_such(tmp_path, transport, index):
    """Whoever asks for addresses without a network says so to all of the batch."""
    wheels = [index.add("a", "1"), index.add("b", "1")]

    def locate(_wheels, /, *, again=False):
        raise UnreachableError("no route")

    with WheelFiles(tmp_path, transport, locate) as files:
        files.prefetch(wheels)
        for wheel in wheels:
            with pytest.raises(UnreachableError):
                files.get(wheel)


def test_passwords_do_not_show(tmp_path, transport, index):
    """Not in errors, and not in what is kept."""
    wheel = index.add("six", "1.16.0")
    secret = "Hush-4711"
    place = f"http://me:{secret}@{index.host}/files/six/none.whl?token={secret}"
    with (
        WheelFiles(tmp_path, transport, lambda _wheels, again=False: {wheel.sha256: place}) as files,
        pytest.raises(NotFoundError) as caught,
    ):
        files.get(wheel)
    assert secret not in str(caught.value)


def test_closing_ends_what_is_under_way(tmp_path, transport, index, places):
    """Nobody waits for a download that nobody wants."""
    wheels = [index.add(f"p{number}", "1") for number in range(12)]
    index.fault("GET /files/", silence(5), forever=True)
    files = WheelFiles(tmp_path, transport, places)
    files.prefetch(wheels)
    problems = []

    def wait() -> None:
        try:
            files.get(wheels[-1])
        except InterruptedByUserError as error:
            problems.append(error)

    thread = threading.Thread(target=wait)
    thread.start()
    while not index.seen("GET /files/"):
        time.sleep(0.01)
    index.released.set()
    transport.cancel.set()
    files.close()
    thread.join(5)
    assert len(problems) == 1
    with pytest.raises(InterruptedByUserError):
        files.get(wheels[0])


def test_progress_is_told_by_batches(tmp_path, transport, index, places):
    """One line for all, and each wheel below it."""
    events: list[Event] = []
    wheels = [index.add("a", "1"), index.add("b", "1")]
    with WheelFiles(tmp_path, transport, places, listener=events.append) as files:
        files.prefetch(wheels)
        for wheel in wheels:
            files.get(wheel)
    assert [event.status for event in events] == ["started", "log", "log", "done"]
    assert events[0].step.startswith("download 2 wheels (0.0 MB)")


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({"HIVEBASE_CACHE": "/x", "XDG_CACHE_HOME": "/y"}, "/x/wheels"),
        ({"XDG_CACHE_HOME": "/y", "HOME": "/z"}, "/y/hivebase/wheels"),
        ({"XDG_CACHE_HOME": "y", "HOME": "/z"}, "/z/.cache/hivebase/wheels"),
        ({"HOME": "/z"}, "/z/.cache/hivebase/wheels"),
    ],
)
def test_the_directory_is_the_users(environ, expected):
    """As the XDG specification has it."""
    assert Path(expected) == wheel_directory(environ) == cache_directory(environ) / "wheels"


_DRIVER = """
import sys
from pathlib import Path
from hivebase.layers.wheels.files import WheelFiles
from hivebase.plan.wheels import LockedWheel
from hivebase.transport import Transport
directory, url, name, version, file, sha256, size = sys.argv[1:]
wheel = LockedWheel(name, version, file, sha256, int(size))
with Transport(environ={}) as transport, WheelFiles(
    Path(directory), transport, lambda wheels, again=False: {sha256: url}
) as files:
    print(files.get(wheel))
"""


def driver(directory, index, wheel) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [
            *[sys.executable, "-c", _DRIVER, str(directory), f"{index.url}/files/{wheel.name}/{wheel.file}"],
            *[wheel.name, wheel.version, wheel.file, wheel.sha256, str(wheel.size)],
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_two_processes_download_a_wheel_once(tmp_path, index):
    """The second waits for the first, and then finds it."""
    wheel = index.add("big", "1", files=BIG)

    def slow(handler, reply) -> None:
        time.sleep(0.5)
        handler.send(reply)

    index.fault("GET /files/", slow)
    processes = [driver(tmp_path / "wheels", index, wheel) for _ in range(3)]
    outputs = [process.communicate(timeout=30)[0] for process in processes]
    assert [process.returncode for process in processes] == [0, 0, 0]
    assert 1 == len(set(outputs)) == len(downloads(index))


def test_a_killed_download_leaves_nothing_wrong(tmp_path, index, transport, places):
    """What is half there is never taken for a wheel, and does not pile up."""
    wheel = index.add("big", "1", files=BIG)

    def stop_half_way(handler, reply) -> None:
        handler.send_head(reply, len(reply.body))
        handler.wfile.write(reply.body[:600_000])
        index.released.wait(10)
        handler.slam()

    directory = tmp_path / "wheels"
    for count in range(1, 3):
        index.fault("GET /files/", stop_half_way)
        process = driver(directory, index, wheel)
        part = directory / f"{wheel.sha256}.part"
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline and not (
            len(downloads(index)) == count and part.exists() and part.stat().st_size
        ):
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
        process.communicate(timeout=10)
        assert part.exists()
    assert [part] == sorted(item for item in directory.iterdir() if item.suffix != ".lock")
    with WheelFiles(directory, transport, places) as files:
        assert files.held(wheel) is None
        assert wheel.digest == Digest.of(files.get(wheel).read_bytes())
    assert not part.exists()


@pytest.mark.root
def test_a_full_disk_says_what_to_do(tmp_path, index, transport, places):
    """Nothing half stays to keep it full."""
    wheel = index.add("big", "1", files={"big.bin": os.urandom(2 << 20)})
    place = tmp_path / "small"
    place.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(place)], check=True)
    try:
        with WheelFiles(place, transport, places) as files, pytest.raises(SystemFaultError) as caught:
            files.get(wheel)
        assert "free some disk space" in caught.value.hint
        assert [f"{wheel.sha256}.lock"] == [item.name for item in place.iterdir()]
    finally:
        subprocess.run(["umount", str(place)], check=True)
