"""What an image holds is told with what brought it and who owns which file."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from importlib.metadata import distributions
from pathlib import Path

import pytest
from tests.inspect.holding import (
    OS_RELEASE,
    SITE,
    STATUS,
    Content,
    distribution,
    image,
    link,
    listing,
    stanza,
    status,
)
from tests.pythons import binary

from hivebase.inspect.packages import Inventories, Licence, Model, System, inventory
from hivebase.layers.wheels.made_of import remember
from hivebase.plan.resolve_pins import normalise
from hivebase.plan.wheels import LockedWheel
from hivebase.tar import Entry

BASE = {
    **status(stanza("libc6", "2.36-9", "Source: glibc"), stanza("bash", "5.2-2+b7", "Source: bash (5.2-2)")),
    **listing("libc6:amd64", "/lib", "/lib/libc.so.6", "/usr/share/doc/libc6/copyright"),
    **listing("bash", "/bin/bash"),
    **link("lib", "usr/lib"),
    **link("bin", "usr/bin"),
    "usr/lib/libc.so.6": "c",
    "usr/share/doc/libc6/copyright": "c",
    "usr/bin/bash": "b",
    "usr/lib/os-release": OS_RELEASE,
    **link("etc/os-release", "../usr/lib/os-release"),
}


@pytest.fixture
def elsewhere():
    """A time zone that is not UTC."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TZ", "JST-9")
        time.tzset()
        yield
    time.tzset()


def _python(held):
    return {item.name: item for item in held.python}


def _debian(held):
    return {item.name: item for item in held.debian}


def _owned(held, name):
    """Return the paths that belong to one package."""
    ids = {item.id for item in (*held.python, *held.debian, *held.interpreters) if item.id.startswith(name)}
    return {path for path, owner in held.owners.items() if owner in ids}


def test_an_image_of_everything(store):
    """Packages, the distribution, and whose each file is; who is nobody's is counted."""
    app = {
        "app/main.py": "x",
        **distribution("Flask", "3.0", {"flask/__init__.py": "", "../../../bin/flask": ""}),
    }
    found = image(store, BASE, app, steps=["FROM", "RUN pip install flask"], labels={})
    held = inventory(store, found)

    assert held.digest == found.descriptor.digest
    assert held.system == System("debian", "12", "bookworm", "Debian GNU/Linux 12 (bookworm)")
    libc, bash = held.debian[1], held.debian[0]
    assert (libc.name, libc.version, libc.architecture) == ("libc6", "2.36-9", "amd64")
    assert (libc.source, libc.source_version, libc.files) == ("glibc", "2.36-9", 2)
    assert (bash.name, bash.source, bash.source_version, bash.files) == ("bash", "bash", "5.2-2", 1)
    (flask,) = held.python
    assert (flask.name, flask.version, flask.files) == ("Flask", "3.0", 4)
    assert flask.path == f"{SITE}/Flask-3.0.dist-info"
    assert flask.origin.layer == found.manifest.layers[1].digest
    assert (flask.origin.number, flask.origin.step) == (2, "RUN pip install flask")
    assert _owned(held, "deb:libc6") == {"usr/lib/libc.so.6", "usr/share/doc/libc6/copyright"}
    assert _owned(held, "pypi:flask") == {
        "usr/local/bin/flask",
        *(f"{SITE}/{name}" for name in ("flask/__init__.py", "Flask-3.0.dist-info/METADATA")),
        f"{SITE}/Flask-3.0.dist-info/RECORD",
    }
    # The lists, the status, os-release, and the application.
    assert (held.files, held.unowned) == (12, 5)
    assert held.remarks == ()


def test_nothing_in_an_image_of_nothing(store):
    """An image without layers, or without packages, is one too."""
    assert inventory(store, image(store)).files == 0
    held = inventory(store, image(store, {"hello": "x"}))
    assert (held.python, held.debian, held.system, held.files, held.unowned) == ((), (), None, 1, 1)


def test_the_layer_of_a_debian_package(store):
    """Is the one that installed the version that is there, though each layer writes the whole status."""
    states: list[dict[str, Content]] = [
        status(stanza("a", "1"), stanza("b", "1"), stanza("c", "1")),
        {"unrelated": "x"},
        status(stanza("a", "1"), stanza("b", "2"), stanza("c", "1"), stanza("d", "1")),
        status(stanza("a", "1"), stanza("b", "2"), stanza("d", "1")),
        status(stanza("a", "1"), stanza("b", "2"), stanza("c", "1"), stanza("d", "1")),
    ]
    held = inventory(store, image(store, *states))
    assert {name: item.origin.number for name, item in _debian(held).items()} == {
        "a": 1,
        "b": 3,
        "c": 5,
        "d": 3,
    }


def test_packages_that_are_not_installed(store):
    """What left its configuration behind is gone; what is half configured is there."""
    gone = stanza("gone").replace("install ok installed", "deinstall ok config-files")
    half = stanza("half").replace("install ok installed", "install ok half-configured")
    assert set(_debian(inventory(store, image(store, status(gone, half))))) == {"half"}


def test_images_without_dpkg(store):
    """Have one file for each package, and checksums in place of a list."""
    files = {
        "var/lib/dpkg/status.d/base": stanza("base-files", "12").replace(
            "Status: install ok installed\n", ""
        ),
        "var/lib/dpkg/status.d/base-files.md5sums": "0123  etc/issue\n",
        "etc/issue": "Debian",
    }
    held = inventory(store, image(store, {"x": ""}, files))
    (package,) = held.debian
    assert (package.name, package.version, package.origin.number) == ("base-files", "12", 2)
    assert _owned(held, "deb:base-files") == {"etc/issue"}


def test_a_diverted_file(store):
    """Belongs to its package under its other name, and the name to who diverted it."""
    files = {
        **status(stanza("dash"), stanza("bash")),
        "var/lib/dpkg/diversions": "/bin/sh\n/bin/sh.distrib\ndash\n",
        **listing("bash", "/bin/sh"),
        **listing("dash", "/bin/sh"),
        "bin/sh": "d",
        "bin/sh.distrib": "b",
    }
    held = inventory(store, image(store, files))
    assert _owned(held, "deb:dash") == {"bin/sh"}
    assert _owned(held, "deb:bash") == {"bin/sh.distrib"}


def test_what_debian_packages_depend_on(store):
    """The alternative that is there, what provides it, in the same architecture; never a package that is not there."""
    held = inventory(
        store,
        image(
            store,
            status(
                stanza("app", "1", "Depends: nano | vim (>= 2), awk, libx, missing", "Pre-Depends: base:any"),
                stanza("vim"),
                stanza("mawk", "1", "Provides: awk (= 1)"),
                stanza("base"),
                stanza("libx", "1", architecture="i386"),
                stanza("libx"),
            ),
        ),
    )
    (app,) = (item for item in held.debian if item.name == "app")
    assert app.needs == ("deb:base:amd64@1-1", "deb:libx:amd64@1-1", "deb:mawk:amd64@1", "deb:vim:amd64@1-1")


def test_what_was_taken_away_is_not_there(store):
    """Neither a distribution nor its files."""
    gone = {f"{SITE}/.wh.a-1.0.dist-info": "", f"{SITE}/.wh.a.py": ""}
    held = inventory(store, image(store, {**distribution("a"), **distribution("b")}, gone))
    assert set(_python(held)) == {"b"}
    assert held.files == 3


def test_the_step_of_composed_layers(store):
    """Each of them has the step that left them all, not what the history says it holds."""
    steps = ["FROM", "hivebase: numpy 1", "hivebase: 12 small wheels", "RUN pip install x", "RUN y"]
    layers: list[dict[str, Content]] = [
        {"x": ""},
        distribution("numpy"),
        distribution("small"),
        {"y": ""},
        distribution("late"),
    ]
    held = _python(inventory(store, image(store, *layers, steps=steps)))
    told = {name: item.origin.step for name, item in held.items()}
    assert told == {"numpy": "RUN pip install x", "small": "RUN pip install x", "late": "RUN y"}


def test_a_step_in_one_line(store):
    """A heredoc may have any length, and control characters would reach a terminal."""
    (item,) = inventory(store, image(store, distribution("a"), steps=["RUN <<E\n\x1b[1m" + "x" * 999])).python
    assert item.origin.step.startswith("RUN <<E [1mx")
    assert len(item.origin.step) == 300


def test_the_wheel_is_what_the_build_remembers(store):
    """By name and version, in the layer that it made; a bundled copy of the same name came in another wheel."""
    bundled = f"{SITE}/outer/_vendor"
    inner = distribution("inner", "1.0", site=bundled)
    paths = [path.removeprefix(f"{SITE}/") for path in inner]
    outer = distribution("outer", "1.0", {path: inner[f"{SITE}/{path}"] for path in paths})
    made = image(store, {**outer, **distribution("Other_Name")}, distribution("later"))
    wheels = [
        LockedWheel(name, "1.0", f"{name}-1.0-py3-none-any.whl", letter * 64)
        for name, letter in (("outer", "a"), ("inner", "b"), ("other-name", "c"), ("later", "d"))
    ]
    remember(store, made.manifest.layers[0].digest, wheels)
    held = _python(inventory(store, made))
    assert {name: item.wheel and item.wheel.sha256[0] for name, item in held.items()} == {
        "outer": "a",
        "inner": None,
        "Other_Name": "c",
        "later": None,
    }
    assert held["inner"].within == held["outer"].id
    assert held["inner"].files == 0
    assert held["outer"].files == 5


HASHED = {"hashes": {"sha256": "a" * 64}}
WHEEL = "host/d/m-1.0-py3-none-any.whl"


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        (
            {"url": f"https://u:p@{WHEEL}?token=t", "archive_info": HASHED},
            (f"https://{WHEEL}", False, False, "a" * 64),
        ),
        (
            {"url": "https://host/m.tar.gz", "archive_info": HASHED},
            ("https://host/m.tar.gz", False, False, ""),
        ),
        ({"url": "file:///src", "dir_info": {"editable": True}}, ("file:///src", True, True, "")),
        ({"url": "file:///src", "dir_info": {}}, ("file:///src", True, False, "")),
        ({"url": "git+https://t@host/r.git", "vcs_info": {}}, ("git+https://host/r.git", False, False, "")),
        ({"url": "http://[", "archive_info": {}}, ("", False, False, "")),
    ],
)
def test_what_is_not_from_an_index(store, url, expected):
    """Is told with its address, from which credentials are taken away, and the hash of a wheel."""
    (item,) = inventory(
        store, image(store, distribution("m", more={"direct_url.json": json.dumps(url)}))
    ).python
    sha256 = item.wheel.sha256 if item.wheel else ""
    assert (item.direct_url, item.local, item.editable, sha256) == expected


def test_a_trained_pipeline(store):
    """Is a distribution with spaCy's description of one; the label says which are stand-ins."""
    meta = {"lang": "pt", "pipeline": ["tagger", "ner"], "spacy_version": ">=3.8", "name": "core"}
    files = {
        **distribution("pt_core", files={"pt_core/__init__.py": "", "pt_core/meta.json": json.dumps(meta)}),
        **distribution("web", files={"web/meta.json": '{"lang": "en"}'}),
        **distribution("odd", files={"odd/meta.json": "["}),
    }
    held = _python(inventory(store, image(store, files, labels={"io.hivebase.stand-ins": "pt-core,x"})))
    assert {name: item.model for name, item in held.items()} == {
        "pt_core": Model("pt", ("tagger", "ner")),
        "web": None,
        "odd": None,
    }
    assert [name for name, item in held.items() if item.stand_in] == ["pt_core"]


def test_bytecode(store):
    """Belongs to whose module it is, listed or not."""
    files = {
        **distribution("a", files={"a/m.py": "", "a/n.v2.py": ""}),
        f"{SITE}/a/__pycache__/m.cpython-311.pyc": "1",
        f"{SITE}/a/__pycache__/m.cpython-311.opt-2.pyc": "1",
        f"{SITE}/a/__pycache__/n.v2.cpython-311.pyc": "1",
        f"{SITE}/a/__pycache__/gone.cpython-311.pyc": "1",
        "m.pyc": "1",
    }
    held = inventory(store, image(store, files))
    assert held.python[0].files == 7
    assert held.unowned == 2


def test_who_claims_a_file_first_has_it(store):
    """Debian before Python, and each file once."""
    files = {
        **status(stanza("python3-x")),
        **distribution("x", "1", {"x.py": ""}),
        **distribution("y", "1", {"x.py": "", "y.py": ""}),
    }
    files |= listing("python3-x", *(f"/{path}" for path in files if "/x" in path))
    held = inventory(store, image(store, files))
    assert [item.files for item in held.debian] == [3]
    assert {name: (item.files, item.within) for name, item in _python(held).items()} == {
        "x": (0, "deb:python3-x:amd64@1-1"),
        "y": (3, ""),
    }


def test_old_metadata(store):
    """An egg-info counts where interpreters look for it, and not in a source tree."""
    files = {
        f"{SITE}/one-2.0.egg-info": "Name: one\nVersion: 2.0\n",
        "usr/lib/python3/dist-packages/two.egg-info/PKG-INFO": "Name: two\nVersion: 3\n",
        "src/three.egg-info/PKG-INFO": "Name: three\nVersion: 4\n",
        f"{SITE}/empty-1.dist-info/top_level.txt": "",
    }
    held = inventory(store, image(store, files))
    assert [(item.name, item.version) for item in held.python] == [("one", "2.0"), ("two", "3")]


def test_two_of_one_name(store):
    """Are two, wherever they are."""
    files = {**distribution("a"), **distribution("a", site="opt/venv/lib/python3.11/site-packages")}
    held = inventory(store, image(store, files))
    assert len({item.id for item in held.python}) == 2
    assert {item.path.partition("/")[0] for item in held.python} == {"usr", "opt"}
    assert [item.files for item in held.python] == [3, 3]


def test_what_distributions_need(store):
    """What is there and what a marker allows, in the same library first; extras are nobody's business."""
    requires = [
        "Requires-Dist: b>=1",
        "Requires-Dist: C_c; python_version >= '3.11'",
        "Requires-Dist: d; python_version < '3.11'",
        "Requires-Dist: e; extra == 'x'",
        "Requires-Dist: f; platform_machine == 'x86_64' and python_full_version < '3.11.3'",
        "Requires-Dist: missing",
        "Requires-Dist: ][",
        "Requires-Dist: b; nonsense == '1'",
    ]
    files = distribution("a", fields=requires)
    for name in "bdef":
        files |= distribution(name)
    files |= distribution("c-c") | distribution("b", site="opt/x/site-packages")
    files |= status(stanza("python3.11-minimal", "3.11.2-6+deb12u6"))
    held = inventory(store, image(store, files))
    paths = {item.id: item.path for item in held.python}
    assert [paths[id_] for id_ in _python(held)["a"].needs] == [
        f"{SITE}/{name}-1.0.dist-info" for name in ("b", "c-c", "f")
    ]


def test_an_interpreter_of_debian(store):
    """Is its package, and no second thing."""
    files = {
        **status(stanza("libpython3.11-stdlib", "3.11.2-6")),
        **listing("libpython3.11-stdlib:amd64", "/usr/lib/python3.11/os.py"),
        "usr/lib/python3.11/os.py": "",
        "usr/bin/python3.11": binary(b"\x003.11.2\0"),
    }
    assert inventory(store, image(store, files)).interpreters == ()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ID=debian\n", System("debian")),
        ("ID='alpine'\r\nVERSION_ID=3.20.1\n", System("alpine", "3.20.1")),
        ('PRETTY_NAME="x"\n', None),
        ("ID=../x\nVERSION_ID=1\n", None),
        ('ID=a"\nID=b\nPRETTY_NAME="\x1b[1m"\n', System("b", "", "", "[1m")),
    ],
)
def test_the_distribution_of_linux(store, text, expected):
    """Is told where its id is one."""
    assert inventory(store, image(store, {"usr/lib/os-release": text})).system == expected


def test_an_interpreter_that_was_compiled(store):
    """As in the official images: what it brought is its own, what was installed later is not."""
    lib = "usr/local/lib/python3.11"
    files = {
        f"{lib}/os.py": "",
        f"{lib}/json/__init__.py": "",
        f"{lib}/json/__pycache__/__init__.cpython-311.pyc": "1",
        "usr/local/lib/libpython3.11.so.1.0": binary(b"\x003.11.9\0"),
        "usr/local/bin/python3.11": binary(b""),
        "usr/local/include/python3.11/Python.h": "",
        "usr/local/include/python3.11/greenlet/greenlet.h": "",
        f"{SITE}/README.txt": "",
        **distribution("greenlet", files={"../../../include/python3.11/greenlet/greenlet.h": ""}),
    }
    held = inventory(store, image(store, files))
    (own,) = held.interpreters
    assert (own.version, own.prefix, own.files) == ("3.11.9", "usr/local", 6)
    assert held.python[0].files == 3
    assert {path for path in files if path not in held.owners} == {f"{SITE}/README.txt"}


UNLISTED = "MIT AND LicenseRef-scancode-proprietary-license"
_OSI = "Classifier: License :: OSI Approved"


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        (["License-Expression: MIT OR Apache-2.0", "License: x"], Licence("MIT OR Apache-2.0")),
        (["License-Expression: mit"], Licence("MIT")),
        (["License-Expression: LicenseRef-Mine"], Licence("", ("LicenseRef-Mine",))),
        ([f"License-Expression: {UNLISTED}"], Licence("", (UNLISTED,))),
        (["License: Apache License, Version 2.0"], Licence("Apache-2.0")),
        (["License: BSD-3-Clause"], Licence("BSD-3-Clause")),
        (["License: BSD"], Licence("", ("BSD",))),
        (["License: UNKNOWN", f"{_OSI} :: MIT License"], Licence("MIT")),
        (["License: Copyright\n  Permission is …"], Licence()),
        ([_OSI, f"{_OSI} :: BSD License"], Licence("", ("BSD License",))),
        (
            [f"{_OSI} :: MIT License", f"{_OSI} :: ISC License (ISCL)"],
            Licence("", ("MIT License", "ISC License (ISCL)")),
        ),
        (["Classifier: License :: \ue000"], Licence()),
        ([], Licence()),
    ],
)
def test_licences(store, fields, expected):
    """An expression where there is no doubt, else the words."""
    (item,) = inventory(store, image(store, distribution("a", fields=fields))).python
    assert item.licence == expected


@pytest.mark.parametrize(
    ("created", "expected"),
    [
        ("2024-05-06T07:08:09.123456789+02:00", "2024-05-06T05:08:09Z"),
        ("2024-05-06T07:08:09", "2024-05-06T07:08:09Z"),
        ("", "1970-01-01T00:00:00Z"),
        ("yesterday", "1970-01-01T00:00:00Z"),
        ("0001-01-01T00:00:00+14:00", "1970-01-01T00:00:00Z"),
    ],
)
def test_the_time_of_the_image(store, elsewhere, created, expected):
    """In whole seconds, wherever this machine is; 1970 where it is none."""
    assert inventory(store, image(store, {"x": ""}, created=created)).created == expected


def test_what_images_share_is_read_once(store, monkeypatch):
    """Each layer in one pass for one image, and not at all for the next one that has it."""
    base = {**BASE, **distribution("a"), **distribution("b")}
    base |= status(stanza("x"), stanza("y"))
    top = {**distribution("c"), **status(stanza("x"))}
    one, two = image(store, base, top), image(store, base, distribution("d"), ref="other:1")
    inventory(store, one), inventory(store, two)  # makes the indexes
    opened: list[str] = []
    real = store.open_blob

    def open_blob(digest):
        opened.append(digest)
        return real(digest)

    monkeypatch.setattr(store, "open_blob", open_blob)
    made = Inventories(store)
    assert made.of(one) != made.of(two)
    assert sorted(opened) == sorted({layer.digest for item in (one, two) for layer in item.manifest.layers})


def test_hard_links_are_files(store):
    """Also one to a lower layer, which is a file of its own there."""
    a = distribution("a")
    metadata = f"{SITE}/a-1.0.dist-info/METADATA"
    hard = {"copy": Entry("copy", "hardlink", 0o644, link=metadata)}
    moved = {
        f"{SITE}/b-1.dist-info/METADATA": Entry(
            f"{SITE}/b-1.dist-info/METADATA", "hardlink", 0o644, link=metadata
        )
    }
    held = inventory(store, image(store, a, {**hard, **moved}))
    assert held.files == 5
    assert [(item.name, item.origin.number) for item in held.python] == [("a", 1), ("a", 2)]


def test_the_debian_packages_of_this_machine(store):
    """Are what dpkg-query says of the same files, and most of its files are found to be theirs by dpkg too."""
    here = Path("/", STATUS)
    if shutil.which("dpkg-query") is None or not here.exists():
        pytest.skip("not a Debian system")
    lists = Path("/var/lib/dpkg/info").glob("*.list")
    files = {STATUS: here.read_bytes()} | {str(path)[1:]: path.read_bytes() for path in lists}
    form = "${Package} ${Version} ${Architecture} ${source:Package} ${source:Version}\n"
    said = subprocess.run(["dpkg-query", "-W", "-f", form], capture_output=True, text=True, check=True).stdout
    abbreviated = ["dpkg-query", "-W", "-f", "${Package} ${Version} ${Architecture} ${db:Status-Abbrev}\n"]
    states = subprocess.run(abbreviated, capture_output=True, text=True, check=True).stdout
    present = {tuple(line.split()[:3]) for line in states.splitlines() if line.split()[3][1] not in "nc"}
    held = inventory(store, image(store, files))
    ours = {
        (item.name, item.version, item.architecture, item.source, item.source_version) for item in held.debian
    }
    assert ours == {words for line in said.splitlines() if (words := tuple(line.split()))[:3] in present}
    assert len(ours) > 50
    assert held.remarks == ()


def test_the_distributions_of_these_tests(store):
    """Are what importlib finds in the same directory."""
    site = Path(pytest.__file__).parents[1]
    parts = ("METADATA", "RECORD", "direct_url.json")
    files = {
        f"{SITE}/{path.parent.name}/{path.name}": path.read_bytes()
        for name in parts
        for path in site.glob(f"*.dist-info/{name}")
    }
    held = inventory(store, image(store, files))
    theirs = {(normalise(item.metadata["Name"]), item.version) for item in distributions(path=[str(site)])}
    assert {(normalise(item.name), item.version) for item in held.python} == theirs
    assert len(theirs) > 20
    assert any(item.needs for item in held.python)


def test_a_layer_of_hard_to_read_names(store):
    """Names of files need not be UTF-8: they are counted, and shown without what is not."""
    name = b"\xff".decode("utf-8", "surrogateescape")
    files = distribution("a", site=f"opt/{name}/site-packages")
    (item,) = inventory(store, image(store, files)).python
    assert item.path == "opt/\ufffd/site-packages/a-1.0.dist-info"
    assert item.files == 3
