"""COPY as BuildKit does it. The tables were measured with Docker 20.10's BuildKit on an overlay2 store."""

from __future__ import annotations

import os

import pytest
from tests.layers.copying import EPOCH, Content, Image, Link, MemoryTree, do, inline, make, stage, step_of

from hivebase.digest import Digest
from hivebase.errors import BuildError, HivebaseError, UsageError
from hivebase.layers.sources import TreeSource
from hivebase.values import replace

FILES: dict[str, Content] = {
    "a": "A",
    "b": "B",
    "dir/c": "C",
    "dir/sub/d": "D",
    "l": Link("a"),
    "dl": Link("dir"),
    "s1.txt": "1",
    "p/etc/passwd": "root:x:0:0:::\nbob:x:1000:1001:::\n5:x:77:78:::\n",
    "p/etc/group": "root:x:0:\nstaff:x:50:\nbob:x:1001:\n",
}

MEASURED = [
    ("file to file", ["COPY a /x"], ["f 0644 0:0 x [A]"], {}),
    ("file to deep", ["COPY a /p/q/x"], ["d 0755 0:0 p", "d 0755 0:0 p/q", "f 0644 0:0 p/q/x [A]"], {}),
    (
        "dir to /x",
        ["COPY dir /x"],
        ["d 0755 0:0 x", "f 0644 0:0 x/c [C]", "d 0755 0:0 x/sub", "f 0644 0:0 x/sub/d [D]"],
        {},
    ),
    (
        "wild dirs",
        ["COPY d* /x/"],
        ["d 0755 0:0 x", "f 0644 0:0 x/c [C]", "d 0755 0:0 x/sub", "f 0644 0:0 x/sub/d [D]"],
        {},
    ),
    ("several", ["COPY a b /x/"], ["d 0755 0:0 x", "f 0644 0:0 x/a [A]", "f 0644 0:0 x/b [B]"], {}),
    ("file onto dir existing", ["COPY dir /x", "COPY a /x"], ["d 0755 0:0 x", "f 0644 0:0 x/a [A]"], {}),
    (
        "file onto dir existing named",
        ["COPY dir /x", "COPY a /x/sub"],
        ["d 0755 0:0 x", "d 0755 0:0 x/sub", "f 0644 0:0 x/sub/a [A]"],
        {},
    ),
    ("named link", ["COPY l /x"], ["f 0644 0:0 x [A]"], {}),
    (
        "named dirlink",
        ["COPY dl /x"],
        ["d 0755 0:0 x", "f 0644 0:0 x/c [C]", "d 0755 0:0 x/sub", "f 0644 0:0 x/sub/d [D]"],
        {},
    ),
    ("wild link", ["COPY l* /x/"], ["d 0755 0:0 x", "f 0644 0:0 x/l [A]"], {}),
    (
        "wild link dir",
        ["COPY dl* /x/"],
        ["d 0755 0:0 x", "f 0644 0:0 x/c [C]", "d 0755 0:0 x/sub", "f 0644 0:0 x/sub/d [D]"],
        {},
    ),
    ("dest root", ["COPY a /"], ["f 0644 0:0 a [A]"], {}),
    (
        "dest link dir existing",
        ["COPY lnk /", "COPY a /lib/"],
        ["d 0755 0:0 usr", "d 0755 0:0 usr/lib", "f 0644 0:0 usr/lib/a [A]"],
        {"lnk/lib": Link("usr/lib"), "lnk/usr/lib/z": "z"},
    ),
    (
        "dest link dir existing, dir source",
        ["COPY lnk /", "COPY dir /lib"],
        [
            "d 0755 0:0 usr",
            "d 0755 0:0 usr/lib",
            "f 0644 0:0 usr/lib/c [C]",
            "d 0755 0:0 usr/lib/sub",
            "f 0644 0:0 usr/lib/sub/d [D]",
        ],
        {"lnk/lib": Link("usr/lib"), "lnk/usr/lib/z": "z"},
    ),
    (
        "dest link file existing",
        ["COPY lnk /", "COPY a /lib"],
        ["f 0644 0:0 z [A]"],
        {"lnk/lib": Link("z"), "lnk/z": "zz"},
    ),
    (
        "dest abs link escaping",
        ["COPY lnk /", "COPY a /lib/q"],
        ["d 0755 0:0 etc", "f 0644 0:0 etc/q [A]"],
        {"lnk/lib": Link("/../../etc")},
    ),
    (
        "dest dangling link",
        ["COPY lnk /", "COPY a /lib"],
        ["d 0755 0:0 nowhere", "f 0644 0:0 nowhere/x [A]"],
        {"lnk/lib": Link("/nowhere/x")},
    ),
    (
        "dest dangling link parent",
        ["COPY lnk /", "COPY a /lib/x/y"],
        [
            "d 0755 0:0 nowhere",
            "d 0755 0:0 nowhere/x",
            "d 0755 0:0 nowhere/x/x",
            "f 0644 0:0 nowhere/x/x/y [A]",
        ],
        {"lnk/lib": Link("/nowhere/x")},
    ),
    (
        "sub file over existing link",
        ["COPY lnk2 /", "COPY lnk /"],
        ["f 0644 0:0 lib [z]"],
        {"lnk/lib": "z", "lnk2/lib": Link("other"), "lnk2/other": "o"},
    ),
    (
        "chown name",
        ["COPY p /", "COPY --chown=bob dir /n/m/"],
        [
            "d 0755 1000:1001 n",
            "d 0755 1000:1001 n/m",
            "f 0644 1000:1001 n/m/c [C]",
            "d 0755 1000:1001 n/m/sub",
            "f 0644 1000:1001 n/m/sub/d [D]",
        ],
        {},
    ),
    (
        "chown name:group",
        ["COPY p /", "COPY --chown=bob:staff dir /n/m"],
        [
            "d 0755 1000:50 n",
            "d 0755 1000:50 n/m",
            "f 0644 1000:50 n/m/c [C]",
            "d 0755 1000:50 n/m/sub",
            "f 0644 1000:50 n/m/sub/d [D]",
        ],
        {},
    ),
    (
        "chown uid:gid file deep",
        ["COPY --chown=7:8 a /n/m/"],
        ["d 0755 7:8 n", "d 0755 7:8 n/m", "f 0644 7:8 n/m/a [A]"],
        {},
    ),
    ("chown :group", ["COPY p /", "COPY --chown=:staff a /n"], ["f 0644 0:50 n [A]"], {}),
    ("chown numeric in passwd", ["COPY p /", "COPY --chown=5 a /n"], ["f 0644 5:5 n [A]"], {}),
    ("chown uid known", ["COPY p /", "COPY --chown=1000 a /n"], ["f 0644 1000:1000 n [A]"], {}),
    (
        "chown existing dir",
        ["COPY dir /x", "COPY --chown=7 dir /x"],
        ["d 0755 0:0 x", "f 0644 7:7 x/c [C]", "d 0755 7:7 x/sub", "f 0644 7:7 x/sub/d [D]"],
        {},
    ),
    (
        "chmod",
        ["COPY --chmod=750 dir /n/m"],
        [
            "d 0755 0:0 n",
            "d 0755 0:0 n/m",
            "f 0750 0:0 n/m/c [C]",
            "d 0750 0:0 n/m/sub",
            "f 0750 0:0 n/m/sub/d [D]",
        ],
        {},
    ),
    (
        "chmod on link",
        ["COPY --chmod=0600 dir /n/m"],
        [
            "d 0755 0:0 n",
            "d 0755 0:0 n/m",
            "f 0600 0:0 n/m/c [C]",
            "l 0777 0:0 n/m/ln -> c",
            "d 0600 0:0 n/m/sub",
            "f 0600 0:0 n/m/sub/d [D]",
        ],
        {"dir/ln": Link("c")},
    ),
    (
        "chmod on existing",
        ["COPY dir /x", "COPY --chmod=700 dir /x"],
        ["d 0755 0:0 x", "f 0700 0:0 x/c [C]", "d 0700 0:0 x/sub", "f 0700 0:0 x/sub/d [D]"],
        {},
    ),
    (
        "workdir user",
        ["COPY p /", "USER bob", "WORKDIR /a/b", "COPY a /a/b/"],
        ["d 0755 1000:1001 a", "d 0755 1000:1001 a/b", "f 0644 0:0 a/b/a [A]"],
        {},
    ),
    (
        "workdir link",
        ["COPY lnk /", "WORKDIR /lib/x/y", "COPY a /lib/x/y/"],
        [
            "d 0755 0:0 usr",
            "d 0755 0:0 usr/lib",
            "d 0755 0:0 usr/lib/x",
            "d 0755 0:0 usr/lib/x/y",
            "f 0644 0:0 usr/lib/x/y/a [A]",
        ],
        {"lnk/lib": Link("usr/lib"), "lnk/usr/lib/z": "z"},
    ),
    (
        "workdir dangling",
        ["COPY lnk /", "WORKDIR /lib", "COPY a /lib/"],
        ["d 0755 0:0 var", "d 0755 0:0 var/q", "f 0644 0:0 var/q/a [A]"],
        {"lnk/lib": Link("/var/q")},
    ),
    (
        "existing real metadata",
        ["COPY --chown=5:6 --chmod=700 dir /x", "COPY a /x/sub/n"],
        ["d 0755 5:6 x", "d 0700 5:6 x/sub", "f 0644 0:0 x/sub/n [A]"],
        {},
    ),
    (
        "ignored parents",
        ["COPY d /y"],
        ["d 0755 0:0 y", "f 0644 0:0 y/b [2]"],
        {".dockerignore": "d/a\nd/e\n", "d/a": "1", "d/b": "2", "d/e/x": "3"},
    ),
    (
        "ignored all dir but nested exc",
        ["COPY d /y"],
        ["d 0755 0:0 y", "d 0755 0:0 y/e", "f 0644 0:0 y/e/x [3]"],
        {".dockerignore": "d\n!d/e/x\n", "d/a": "1", "d/b": "2", "d/e/x": "3", "d/f/y": "4"},
    ),
    (
        "empty dir",
        ["COPY e /y"],
        ["d 0755 0:0 y", "d 0755 0:0 y/e", "d 0755 0:0 y/f"],
        {"e/e": None, "e/f": None},
    ),
    (
        "abs src",
        ["COPY /dir/ /y"],
        ["d 0755 0:0 y", "f 0644 0:0 y/c [C]", "d 0755 0:0 y/sub", "f 0644 0:0 y/sub/d [D]"],
        {},
    ),
    ("link abs inside", ["COPY k /y"], ["f 0644 0:0 y [C]"], {"k": Link("/dir/c")}),
    ("link up", ["COPY k /y"], ["f 0644 0:0 y [C]"], {"k": Link("../../../dir/c")}),
    ("via linked dir", ["COPY dl/c /y"], ["f 0644 0:0 y [C]"], {}),
    (
        "via linked dir wildcard",
        ["COPY dl/* /y/"],
        ["d 0755 0:0 y", "f 0644 0:0 y/c [C]", "f 0644 0:0 y/d [D]"],
        {},
    ),
    (
        "name base of link",
        ["COPY dl/. /y/"],
        ["d 0755 0:0 y", "f 0644 0:0 y/c [C]", "d 0755 0:0 y/sub", "f 0644 0:0 y/sub/d [D]"],
        {},
    ),
    ("trailing slash on file", ["COPY a/ /y"], ["f 0644 0:0 y [A]"], {}),
    (
        "two dirs",
        ["COPY dir dir2 /y/"],
        [
            "d 0755 0:0 y",
            "f 0644 0:0 y/c [C2]",
            "d 0755 0:0 y/sub",
            "f 0644 0:0 y/sub/d [D]",
            "f 0644 0:0 y/sub/q [q]",
        ],
        {"dir2/c": "C2", "dir2/sub/q": "q"},
    ),
    (
        "a link in a directory stays a link",
        ["COPY ld /x"],
        ["d 0755 0:0 x", "l 0777 0:0 x/al -> /etc/x", "l 0777 0:0 x/up -> ../../x"],
        {"ld/al": Link("/etc/x"), "ld/up": Link("../../x")},
    ),
    (
        "file replaces link in dir",
        ["COPY lnk /x", "COPY a /x/"],
        ["d 0755 0:0 x", "f 0644 0:0 x/a [A]"],
        {"lnk/a": Link("q")},
    ),
    (
        "chmod dirs made on the way are not changed",
        ["COPY --chmod=600 a /n/m/"],
        ["d 0755 0:0 n", "d 0755 0:0 n/m", "f 0600 0:0 n/m/a [A]"],
        {},
    ),
    (
        "copying a directory to root",
        ["COPY dir /"],
        ["f 0644 0:0 c [C]", "d 0755 0:0 sub", "f 0644 0:0 sub/d [D]"],
        {},
    ),
]

REFUSED = [
    ("dir onto file", ["COPY a /x", "COPY dir /x"], {}),
    ("file onto file below", ["COPY a /x", "COPY b /x/y"], {}),
    (
        "sub link in copied dir over existing dir",
        ["COPY lnk /", "COPY lnk2 /"],
        {"lnk/lib/q": "z", "lnk2/lib": Link("other")},
    ),
    (
        "sub dir over existing link",
        ["COPY lnk2 /", "COPY lnk /"],
        {"lnk/lib/q": "z", "lnk2/lib": Link("other")},
    ),
    (
        "sub dir over existing link to dir",
        ["COPY lnk2 /", "COPY lnk /"],
        {"lnk/lib/q": "z", "lnk2/lib": Link("other"), "lnk2/other/o": "o"},
    ),
    ("sub file over dir", ["COPY lnk2 /", "COPY lnk /"], {"lnk/lib": "z", "lnk2/lib/o": "o"}),
    ("sub dir over file", ["COPY lnk2 /", "COPY lnk /"], {"lnk/lib/o": "z", "lnk2/lib": "o"}),
    ("workdir over file", ["COPY a /f", "WORKDIR /f/x"], {}),
    ("workdir on file", ["COPY a /f", "WORKDIR /f"], {}),
    ("dir and same named file", ["COPY dir dir2 /y/"], {"dir2/sub": "C2"}),
]


@pytest.mark.parametrize(
    ("lines", "rows", "files"), [pytest.param(*case[1:], id=case[0]) for case in MEASURED]
)
def test_the_layer_is_the_one_that_docker_makes(tmp_path, lines, rows, files):
    """Name, kind, mode, owner, target and content of every entry agree with the measurement."""
    assert rows == do(make(tmp_path, FILES | files), *lines).rows()


@pytest.mark.parametrize(("lines", "files"), [pytest.param(*case[1:], id=case[0]) for case in REFUSED])
def test_what_docker_refuses_is_refused(tmp_path, lines, files):
    """A directory and something else never replace each other."""
    with pytest.raises(BuildError):
        do(make(tmp_path, FILES | files), *lines)


def test_a_dot_copies_the_whole_context(tmp_path):
    """Nothing but the ignored is left out, the Dockerfile and the ignore file included."""
    context = make(tmp_path, {"Dockerfile": "FROM x", ".dockerignore": "b", "a": "A", "b": "B", "c/d": "D"})

    rows = do(context, "COPY . /x").rows()

    assert rows == [
        "d 0755 0:0 x",
        "f 0644 0:0 x/.dockerignore [b]",
        "f 0644 0:0 x/Dockerfile [FROM x]",
        "f 0644 0:0 x/a [A]",
        "d 0755 0:0 x/c",
        "f 0644 0:0 x/c/d [D]",
    ]


@pytest.mark.parametrize("line", ["COPY zz /", "COPY ../../etc/passwd /", "COPY dl/zz /"])
def test_a_source_that_does_not_exist_is_named(tmp_path, line):
    """The message holds the pattern as it was written."""
    with pytest.raises(UsageError, match=line.split()[1].rpartition("/")[2]):
        do(make(tmp_path, FILES), line)


def test_an_unknown_owner_is_an_error_and_not_root(tmp_path):
    """Docker 20.10 silently copies as root; D-9 says: never uid 0 by surprise."""
    with pytest.raises(BuildError, match="zed"):
        do(make(tmp_path, FILES), "COPY p /", "COPY --chown=zed a /n")


def test_from_a_stage_owner_mode_time_and_attributes_are_kept(tmp_path):
    """As BuildKit does for COPY --from; the destination itself is made anew."""
    context = make(tmp_path, FILES)
    built = do(context, "COPY --chown=7:8 --chmod=2751 dir /x", epoch=1000)
    built.tree.files["x/c"] = (
        replace(built.tree.files["x/c"][0], xattrs=(("security.capability", b"cap"),), mtime=5),
        b"C",
    )

    image = do(stage(built), "COPY x /y")

    assert image.rows() == [
        "d 0755 0:0 y",
        "f 2751 7:8 y/c [C]",
        "d 2751 7:8 y/sub",
        "f 2751 7:8 y/sub/d [D]",
    ]
    assert {e.name: e.mtime for e, _ in image.entries[0]} == {
        "y": EPOCH,
        "y/c": 5,
        "y/sub": 1000,
        "y/sub/d": 1000,
    }
    assert image.entries[0][1][0].xattrs == (("security.capability", b"cap"),)


def test_chown_and_chmod_win_over_what_a_stage_has(tmp_path):
    """The flags speak about everything that is copied."""
    built = do(make(tmp_path, FILES), "COPY --chown=7:8 --chmod=751 dir /x")

    assert do(stage(built), "COPY --chown=3 --chmod=600 x /y").rows() == [
        "d 0755 3:3 y",
        "f 0600 3:3 y/c [C]",
        "d 0600 3:3 y/sub",
        "f 0600 3:3 y/sub/d [D]",
    ]


def test_a_device_of_a_stage_is_copied_as_a_device(tmp_path):
    """Images may hold devices; their layers bring them along."""
    built = do(make(tmp_path, FILES), "COPY dir /x")
    built.tree.files["x/null"] = (
        replace(built.tree.files["x/c"][0], kind="char", size=0, major=1, minor=3),
        b"",
    )

    entry = do(stage(built), "COPY x/null /n").entries[0][0][0]

    assert (entry.kind, entry.major, entry.minor) == ("char", 1, 3)


def test_inline_files_are_written_as_they_stand(tmp_path):
    """A here-document becomes a file of mode 0644, named after its delimiter in a directory."""
    context = make(tmp_path, FILES)
    one = replace(step_of("COPY x /etc/"), sources=(), inline=(inline("NAME", "hi\n"), inline("OTHER", "")))
    two = replace(step_of("COPY --chmod=755 --chown=9 x /run.sh"), sources=(), inline=(inline("E", "go\n"),))

    image = do(context, one, two)

    assert image.rows(0) == ["d 0755 0:0 etc", "f 0644 0:0 etc/NAME [hi\n]", "f 0644 0:0 etc/OTHER []"]
    assert image.rows(1) == ["f 0755 9:9 run.sh [go\n]"]


def test_link_makes_a_layer_that_does_not_look_at_the_image(tmp_path):
    """No link of the destination is followed, its directories are new, the layer is the same on any image."""
    context = make(tmp_path, FILES | {"lnk/lib": Link("usr/lib"), "lnk/usr/lib/z": "z"})

    on_base = do(context, "COPY --chown=4:4 lnk /", "COPY --link a /lib/")
    alone = do(context, "COPY --link a /lib/")

    assert on_base.rows() == ["d 0755 0:0 lib", "f 0644 0:0 lib/a [A]"]
    assert alone.layers[0] == on_base.layers[1]


def test_link_with_chmod_looks_at_the_image_as_in_buildkit(tmp_path):
    """BuildKit drops --link when there is a --chmod."""
    context = make(tmp_path, FILES | {"lnk/lib": Link("usr/lib"), "lnk/usr/lib/z": "z"})

    rows = do(context, "COPY lnk /", "COPY --link --chmod=600 a /lib/").rows()

    assert rows == ["d 0755 0:0 usr", "d 0755 0:0 usr/lib", "f 0600 0:0 usr/lib/a [A]"]


def test_link_cannot_look_up_names(tmp_path):
    """There is no passwd to look into; the number is what to write."""
    with pytest.raises(BuildError, match="number"):
        do(make(tmp_path, FILES), "COPY p /", "COPY --link --chown=bob a /x")


def test_parents_keeps_the_path_of_each_file(tmp_path):
    """The path below the pivot is made again at the destination."""
    context = make(tmp_path, FILES)

    assert do(context, "COPY --parents a dir/sub/d /x/").rows() == [
        "d 0755 0:0 x",
        "f 0644 0:0 x/a [A]",
        "d 0755 0:0 x/dir",
        "d 0755 0:0 x/dir/sub",
        "f 0644 0:0 x/dir/sub/d [D]",
    ]
    assert do(context, "COPY --parents dir/./sub/d /x/").rows() == [
        "d 0755 0:0 x",
        "d 0755 0:0 x/sub",
        "f 0644 0:0 x/sub/d [D]",
    ]


def test_parents_lends_a_directory_its_mode_and_not_its_owner(tmp_path):
    """A directory that exists at the destination keeps its owner."""
    context = make(tmp_path, FILES)

    rows = do(context, "COPY --chown=5:5 --chmod=700 dir /x/dir", "COPY --parents dir/sub/d /x/").rows()

    assert rows == [
        "d 0755 5:5 x",
        "d 0755 5:5 x/dir",
        "d 0755 5:5 x/dir/sub",
        "f 0644 0:0 x/dir/sub/d [D]",
    ]


def test_exclude_leaves_out_files_and_keeps_the_directories_that_the_rest_needs(tmp_path):
    """A directory that is excluded is made for what a later pattern takes back."""
    context = make(tmp_path, FILES | {"dir/sub/e": "E"})

    assert do(context, "COPY --exclude=sub dir /x").rows() == ["d 0755 0:0 x", "f 0644 0:0 x/c [C]"]
    assert do(context, "COPY --exclude=sub --exclude=!sub/e dir /x").rows() == [
        "d 0755 0:0 x",
        "f 0644 0:0 x/c [C]",
        "d 0755 0:0 x/sub",
        "f 0644 0:0 x/sub/e [E]",
    ]


def test_nothing_selected_leaves_no_layer(tmp_path):
    """An empty directory copied onto an existing one changes nothing."""
    context = make(tmp_path, FILES | {"empty": None})

    assert do(context, "COPY dir /x", "COPY empty /x").layers[1] is None


def test_times_of_the_context_do_not_reach_the_layer(tmp_path):
    """Every entry has the time of the build, whatever the files' own times."""
    context = make(tmp_path, FILES)
    first = do(context, "COPY dir /x/y")
    for path in (context / "dir/c", context / "dir/sub", context / "dir"):
        os.utime(path, (1, 1))

    second = do(context, "COPY dir /x/y")

    assert {EPOCH} == {entry.mtime for entry, _ in first.entries[0]}
    assert first.layers == second.layers


def test_a6_whiteout_names_in_a_context_are_refused(tmp_path):
    """A file named .wh.x would delete x from the image."""
    with pytest.raises(BuildError, match="wh"):
        do(make(tmp_path, {"d/.wh.a": "", "d/.wh..wh..opq": ""}), "COPY d /x")


def test_a_layer_lists_parents_once_and_first(tmp_path):
    """Many files in one directory share its entry."""
    context = make(tmp_path, {f"many/{i}": str(i) for i in range(30)})

    names = [entry.name for entry, _ in do(context, "COPY many /a/b/c").entries[0]]

    assert sorted(names) == names
    assert len(set(names)) == len(names)
    assert names[:3] == ["a", "a/b", "a/b/c"]


def test_a_file_that_differs_from_its_planned_digest_is_refused(tmp_path):
    """Key and layer belong together: bytes that were not planned are not written (fault D-3)."""
    context = make(tmp_path, {"a": "A"})

    class Planned:
        """A source whose file changed after planning, without a trace in its times."""

        def __init__(self) -> None:
            from hivebase.layers.context import Context  # noqa: PLC0415 -- used here alone

            self._real = Context.at(context)
            self._real.get("a")
            self._real._listings[""]["a"].digest = Digest.of(b"B")

        def __getattr__(self, name):
            return getattr(self._real, name)

    with pytest.raises(UsageError, match="changed"):
        do(Planned(), "COPY a /x")


def test_remote_sources_need_somebody_who_fetches(tmp_path):
    """Without a network the error says so, and a COPY takes a URL for a file name."""
    context = make(tmp_path, FILES)

    with pytest.raises(UsageError, match="network"):
        do(context, "ADD https://host.example/file /x")
    with pytest.raises(HivebaseError, match="matches"):
        do(context, "COPY https://host.example/file /x")


def test_the_base_is_asked_for_real_paths_only(tmp_path):
    """The tree below refuses names that lead through a link, so this fails if one is not resolved first."""
    context = make(tmp_path, FILES | {"lnk/lib": Link("usr/lib"), "lnk/usr/lib/z": "z", "m/lib/q": "q"})
    image = Image(MemoryTree())

    do(context, "COPY lnk /", "COPY dir /lib/x", "COPY a /lib/x/y/", on=image)

    assert "usr/lib/x/y/a" in image.tree.files


def test_several_files_need_a_directory(tmp_path):
    """A directory of the image is one also without a slash; a wildcard may take the last of what it finds."""
    context = make(tmp_path, FILES)

    image = do(context, "COPY dir /x", "COPY a b /x", "COPY [ab] /y", "COPY dir dir/sub /z")
    assert [_files(image, layer) for layer in (1, 2, 3)] == [
        ["f 0644 0:0 x/a [A]", "f 0644 0:0 x/b [B]"],
        ["f 0644 0:0 y [B]"],
        ["f 0644 0:0 z/c [C]", "f 0644 0:0 z/d [D]", "f 0644 0:0 z/sub/d [D]"],
    ]
    with pytest.raises(BuildError, match="several files") as raised:
        do(context, "COPY a b /x")
    assert raised.value.hint == "write /x/"


def test_hard_links_of_a_copied_directory_are_kept(tmp_path):
    """Every directory is copied by itself, and so is every file that is named. Measured, as the table above."""
    image = do(make(tmp_path, {"d/a": "A", "d/b": "A", "d/c": "A", "e/f": "A"}), "COPY . /s")
    source = TreeSource(image.tree, inode={"s/d/a": 1, "s/d/c": 1, "s/e/f": 1}.get)
    copied = do(source, "COPY s /x", "COPY s/d s/e /y/", "COPY s/d/a s/d/c /z/")

    assert [_files(copied, layer) for layer in (0, 1, 2)] == [
        [
            "f 0644 0:0 x/d/a [A]",
            "f 0644 0:0 x/d/b [A]",
            "h 0644 0:0 x/d/c -> x/d/a",
            "h 0644 0:0 x/e/f -> x/d/a",
        ],
        ["f 0644 0:0 y/a [A]", "f 0644 0:0 y/b [A]", "h 0644 0:0 y/c -> y/a", "f 0644 0:0 y/f [A]"],
        ["f 0644 0:0 z/a [A]", "f 0644 0:0 z/c [A]"],
    ]


def _files(image: Image, layer: int) -> list[str]:
    return [row for row in image.rows(layer) if not row.startswith("d")]
