"""Row P-1: the same files give the same images, whoever builds them, where, when, and how many at once."""

from __future__ import annotations

import os
import shutil
import subprocess

import pytest
from tests.hives import BASE, TestHive

from hivebase.oci.store import Store

pytestmark = pytest.mark.root

HIVE = {
    "hivebase.toml": '[hive]\nname = "team"\nversion = "1.2.3"\n[[group]]\nname = "all"\npath = "."\n',
    "base/Dockerfile": (
        "FROM busybox:1 AS tools\n"
        "RUN mkdir -p /tools/b /tools/a && echo tool > /tools/a/tool && touch /tools/b/z /tools/b/y\n"
        "FROM busybox:1\nARG VERSION\nARG BUILD_DATE\n"
        "LABEL version=$VERSION date=$BUILD_DATE\n"
        "COPY --from=tools /tools /tools\n"
        "COPY --chown=app . /src/\n"
        "RUN umask > /umask; env | grep -v hivebase-host | sort > /env; uname -n > /uname\n"
    ),
    "base/one": "1\n",
    "base/two": "2\n",
    "base/deep/er/three": "3\n",
    "left/Dockerfile": "FROM team/base:1.2.3\nRUN cat /src/* > /all 2>/dev/null; ln -s all /link; ln /all /hard\n",
    "right/Dockerfile": "FROM base\nWORKDIR /w\nCOPY <<EOF here\nhello\nEOF\nUSER app\nRUN echo me > /tmp/me\n",
}

_ELSEWHERE = ["unshare", "--uts", "sh", "-c", 'hostname elsewhere; exec "$@"', "sh"]


@pytest.fixture
def build(tmp_path, busybox_file):
    """Return a function that builds the hive under given circumstances, and returns the digests."""

    def run(name, files, *words, umask=0o022, before=(), **env):
        place = tmp_path / name
        old = os.umask(umask)
        try:
            place.mkdir(parents=True)
            hive = TestHive(place / "hive", place / "store", env)
            hive.root.mkdir()
            for path, text in files:
                hive.write({path: text})
        finally:
            os.umask(old)
        command = [*before, *hive.command("import", str(busybox_file), BASE)]
        subprocess.run(command, env=hive.environment(), check=True, capture_output=True, umask=umask)
        done = subprocess.run(
            [*before, *hive.command("build", *words)],
            env=hive.environment(),
            check=False,
            capture_output=True,
            text=True,
            umask=umask,
        )
        assert done.returncode == 0, done.stderr
        return {ref: item.digest for ref, item in Store.open(hive.store).refs().items()}

    return run


def test_p1_nothing_around_a_build_has_a_say(build):
    """Another directory, umask, host name, processors, date, time zone, locale, hash seed, and order of files."""
    if shutil.which("faketime") is None:
        pytest.skip("faketime is not installed")
    first = build("one", HIVE.items(), "-j1", LANG="C", TZ="UTC", PYTHONHASHSEED="0")
    second = build(
        "another/rather/longer/path",
        reversed(HIVE.items()),
        "-j4",
        umask=0o077,
        before=[*_ELSEWHERE, "taskset", "-c", "0", "faketime", "-f", "@2031-05-06 07:08:09"],
        LANG="pt_BR.UTF-8",
        LC_ALL="C.UTF-8",
        TZ="Pacific/Kiritimati",
        PYTHONHASHSEED="4711",
        HOME="/nonexistent",
        USER="somebody",
        COLUMNS="40",
    )
    assert first == second
    assert len(first) == 4
