"""The same Dockerfiles built by BuildKit and by this engine: same files, same configuration, same history.

One daemon builds all of them. Not compared: times; empty layers, which Docker keeps; the stubs of mounts, which
the old daemon leaves behind; ``ArgsEscaped``, which means something on Windows only; and the words in history
that BuildKit has changed since Docker 20.10 (tests/plan/test_evaluate.py has today's).
"""

from __future__ import annotations

import gzip
import io
import json
import os
import posixpath
import re
import subprocess
import tarfile
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
from tests.hives import BASE, TestHive
from tests.servers import dockerd, need

from hivebase.oci.inflate import inflated
from hivebase.oci.store import Store
from hivebase.tar import Entry, Reader, Writer, clean

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.root, pytest.mark.server]

# The client of Debian's docker.io brings BuildKit; newer ones need a plugin.
CLIENT = "/usr/bin/docker"
START = "team/start:1"

CASES = {
    # Variables.
    "arg-scopes": """
        ARG V=1
        ARG IMAGE=team/start
        FROM ${IMAGE}:${V}
        ARG V
        ARG W="$V two" X
        LABEL v=$V w="$W" x="[$X]" image="[$IMAGE]"
        RUN echo "$V|$W|${X:-none}|${IMAGE+set}" > /seen
        """,
    "env-and-arg": """
        FROM team/start:1 AS s
        ENV A=env B=env
        ARG A=arg
        ARG C=arg
        ENV C=env
        RUN echo $A $B $C > /seen
        FROM s
        ARG B
        RUN echo $A $B $C > /later
        LABEL a=$A b=$B c=$C
        """,
    "env-words": r"""
        FROM team/start:1
        ENV A=1 B=
        ENV A=2 C=$A D=${A}x E="a b" F=a\ b G='$A' H="\$A" I="${B:-none}${A:+set}"
        ENV J $A  two   words
        ENV PATH=/x:$PATH
        LABEL "a b"=$C d='$D' e="$E" multi="one \
        two" empty=
        LABEL old form of   it
        RUN printf '%s\n' "$A" "$B" "$C" "$D" "$E" "$F" "$G" "$H" "$I" "$J" "$PATH" > /seen
        """,
    "escape": """
        # escape=`
        FROM team/start:1
        RUN echo one `
        # a comment between

          two > /seen
        LABEL path=c:\\x q=a` b
        """,
    "platform": """
        FROM --platform=$BUILDPLATFORM team/start:1 AS s
        RUN echo "[$TARGETARCH]" > /before
        FROM team/start:1
        ARG TARGETPLATFORM
        ARG TARGETARCH
        LABEL p=$TARGETPLATFORM a=$TARGETARCH
        COPY --from=s /before /before
        """,
    # Configuration.
    "commands": r"""
        FROM team/start:1 AS s
        CMD ["inherited"]
        FROM s
        ENTRYPOINT exec  "$X"  'y'
        SHELL ["/bin/sh", "-ec"]
        CMD ['not', json] \
          && x
        HEALTHCHECK --interval=5m --timeout=3s --start-period=1m --retries=2 CMD curl "x" || exit 1
        RUN echo $0 > /seen
        """,
    "exec-forms": r"""
        FROM team/start:1
        ENTRYPOINT [ "a", "b\"c", "\u00e9", "<&>" ]
        CMD []
        RUN ["sh", "-c", "echo $HOME > '/a b'"]
        HEALTHCHECK CMD ["x", "y z"]
        """,
    "entrypoint-after-cmd": 'FROM team/start:1\nCMD ["a"]\nENTRYPOINT ["b"]\nHEALTHCHECK NONE',
    "facts": """
        FROM team/start:1
        ARG PORTS="80 81/udp"
        EXPOSE $PORTS 90-92/tcp
        EXPOSE 127.0.0.1:8080:9000/TCP
        VOLUME /a b/../c
        VOLUME ["/d e", "$PORTS"]
        STOPSIGNAL 9
        MAINTAINER  Some One <x@example.com>
        USER ${NOBODY:-app}:0$NOGROUP
        """,
    "case-and-spaces": "  from team/start:1 as Base\n\trun\techo 1 > /one\nFrom base\n  COPY\ta\tb*   /x/\n"
    "FROM base\ncopy --from=bASE /one\t/two\n",
    "scratch": """
        FROM scratch
        COPY --chown=3:4 a /x/y/
        COPY d /d
        ENV A=b
        WORKDIR w
        USER 5
        """,
    "a-stage-and-its-configuration": """
        FROM team/start:1 AS s
        WORKDIR /s
        USER app
        LABEL a=b
        VOLUME /v
        SHELL ["/bin/sh", "-x", "-c"]
        MAINTAINER me
        FROM team/start:1 AS unused
        RUN false
        FROM s
        RUN pwd > /tmp/seen; id -u >> /tmp/seen
        """,
    "onbuild": """
        FROM team/start:1 AS s
        ONBUILD COPY a /triggered
        ONBUILD RUN cat /triggered > /copied
        ONBUILD ENV Z=1
        FROM s
        RUN echo $Z > /seen
        ONBUILD RUN  echo   "a  b" && \\
          echo c
        ONBUILD COPY --chown=1:2 a b /x/
        """,
    # WORKDIR and USER.
    "workdir": """
        FROM team/start:1
        RUN ln -s /real /link && ln -s /nowhere /dangling && mkdir -m 700 /real
        WORKDIR one
        WORKDIR two/../three
        RUN pwd > seen
        USER app
        WORKDIR /link/new/deep
        WORKDIR /dangling
        USER 5:6
        WORKDIR /dangling/x
        """,
    # RUN.
    "run-removes": """
        FROM team/start:1
        RUN mkdir -p /t/u/v && touch /t/u/v/f /t/g && rm -r /var && mkdir /var && touch /var/x
        RUN rm -r /t/u && mkdir /t/u && touch /t/u/new; rm /etc/group
        RUN rm -r /t && echo file > /t; mv /root /root2
        RUN rm /t && ln -s bin /t; mkdir /gone && rmdir /gone
        """,
    "run-modes": """
        FROM team/start:1
        RUN touch /f && mkdir -m 2755 /g && touch /g/h && chmod 4711 /f && chown 3:4 /g /f && mkdir -m 1777 /s
        RUN chmod 600 /g/h; chown -h 5:3000000 /bin/ls
        RUN chown -R 9:9 /g; umask 077; echo 1 > /private; mkdir /private.d
        USER app
        RUN touch /tmp/mine; umask > /tmp/umask
        """,
    "run-links": """
        FROM team/start:1
        RUN echo x > /a && ln /a /b && ln /a /c && mkfifo /p && mknod /n c 1 3
        RUN echo y >> /b
        RUN ln /c /d && ln -s "/a b" "/l k"
        RUN rm /a
        """.replace("mkfifo /p", "mknod /p p"),
    "run-names": r"""
        FROM team/start:1
        RUN touch '/a b' /é "/q'" "$(printf '/n\nl')" "$(printf '/\377bad')" /.hidden '/*'
        RUN n=$(printf 'x%.0s' $(seq 1 150)); mkdir -p /$n/$n && touch /$n/$n/$n && ln /$n/$n/$n /$n/h
        RUN dd if=/dev/zero of=/sparse bs=1 count=1 seek=100000
        """,
    "run-system-files": """
        FROM team/start:1
        RUN echo x > /etc/hosts; echo y >> /etc/resolv.conf; touch /dev/shm/x /dev/new /run/x; touch /etc/passwd
        RUN ls /dev > /devices; stat -c '%n %a %t %T' /dev/* > /device-modes
        """,
    "run-mounts": """
        FROM team/start:1 AS s
        RUN mkdir /sd && echo s > /sd/f
        FROM team/start:1
        RUN mkdir /m && touch /m/keep
        RUN --mount=target=/m ls -R /m/d > /context; touch /m/x || echo read-only >> /context
        RUN --mount=from=s,source=/sd,target=/m,rw echo w > /m/new; cat /m/* > /stage
        RUN --mount=type=tmpfs,target=/m echo x > /m/x; ls /m > /memory
        RUN --mount=type=cache,target=/m,id=of-a-test,mode=0711,uid=5 stat -c '%a %u %g' /m > /cache
        """,
    # COPY.
    "copy-files": """
        FROM team/start:1
        COPY a /file
        COPY a x.sh /dir/
        COPY b /new/path/
        WORKDIR /w/x
        COPY a .
        COPY a b
        COPY d ..
        COPY /a ../../up/
        COPY a /tmp/
        """,
    "copy-directories": """
        FROM team/start:1
        COPY d /one
        COPY d/ /two/
        COPY d/sub /one
        COPY d e /three
        COPY . /all
        COPY d a b /three
        """,
    "copy-patterns": r"""
        FROM team/start:1
        ENV S=a
        COPY ? /one/
        COPY d/* /two/
        COPY [ab] /three
        COPY nothing* a /four/
        COPY nothin[g] /five/
        COPY odd/[[]x] /six/
        COPY ["sp ace/f 1", "odd/a\\*b", "/seven 7/"]
        COPY $S ${S}?* /eight/
        """,
    "copy-links": """
        FROM team/start:1
        COPY d/link /one
        COPY ld /two
        COPY ld/c d/up /three/
        COPY d/l* /four/
        COPY ../a d/../b /five/
        """,
    "copy-onto-links": """
        FROM team/start:1
        RUN mkdir /real && ln -s /real /link && ln -s real /rel && ln -s /no/where /dangling && touch /f && ln -s /f /lf
        COPY a /link/
        COPY a /rel/r
        COPY b /link
        COPY a /lf
        COPY d /link
        COPY a /dangling
        """,
    "copy-merges": """
        FROM team/start:1
        RUN mkdir -p /t/sub && touch /t/sub/s /o && chmod 700 /t /t/sub && chown 5:6 /t /t/sub /t/sub/s && ln -s /o /t/c
        COPY d /t
        RUN mkdir -p /q/sub && touch /q/sub/s
        COPY --chown=3:4 d /q
        """,
    "copy-owners": """
        FROM team/start:1
        ARG U=app
        COPY --chown=$U a /one
        COPY --chown=app:extra d /two/x/y
        COPY --chown=55 a /three/
        COPY --chown=3000000:66 a b /four/
        USER app
        COPY a /home/new/
        COPY --chmod=640 a /five
        COPY --chmod=0711 d /six/x
        """,
    "copy-from": """
        FROM team/start:1 AS s
        RUN mkdir -p /o/sub /o/bin && echo 1 > /o/f && ln /o/f /o/bin/g && ln -s f /o/l && ln -s /o/sub /o/abs \\
          && chmod 640 /o/f && chown 3:4 /o/f /o/sub && chmod 2770 /o/sub && ln -s /o /lo \\
          && touch /o/sub/z && ln /o/f /h
        FROM team/start:1
        COPY --from=s /o /one
        COPY --from=s /o/l /two
        COPY --from=0 /lo /three
        COPY --from=s /o/abs/ /four
        COPY --from=s /o/f /o/bin/g /h /five/
        COPY --from=s --chown=9 /o/* /six/
        COPY --from=team/start:1 /tmp /seven
        """,
    "copy-everything": "FROM scratch\nCOPY --from=team/start:1 / /\nRUN touch /x",
    # ADD.
    "add-archives": """
        FROM team/start:1
        RUN mkdir -p /t/p /t/x && touch /t/p/one /t/p/keep && chmod 700 /t /t/x
        ADD t.tar /t
        ADD t.tgz t.txz a /u/v/
        ADD d plain.gz /w/
        ADD t.t[a]r /
        COPY t.tar /copied
        """,
    "ignored": """
        FROM team/start:1
        COPY . /all
        """,
}

FAILS = {
    "a-directory-for-a-file": "FROM team/start:1\nRUN mkdir -p /t/c\nCOPY d /t",
    "a-file-for-a-directory": "FROM team/start:1\nRUN mkdir /t && touch /t/sub\nCOPY d /t",
    "a-file-on-the-way": "FROM team/start:1\nCOPY a /etc/passwd/x",
    "a-link-to-nothing": "FROM team/start:1\nCOPY dangling /x",
    "a-loop": "FROM team/start:1\nRUN ln -s /y /x && ln -s /x /y\nCOPY a /x",
    "a-user-that-is-not": "FROM team/start:1\nUSER nobodyhere\nRUN true",
    "a-workdir-that-is-a-file": "FROM team/start:1\nWORKDIR /etc/passwd",
    "ignored": "FROM team/start:1\nCOPY secret /x",
}

IGNORED = "# nothing here\nsecret\n**/*.tmp\nkeep\n!keep/this\n"


def _context(root: Path) -> None:
    """Make a context of what is awkward to copy; modes are those of umask 022, and no file has two names."""
    names = ("a", "b", "d/c", "d/sub/s", "e/x.tmp", "secret", "keep/this", "keep/that")
    texts = dict(zip(names, names, strict=True)) | {"odd/[x]": "x", "odd/a*b": "ab", "odd/é": "e"}
    texts |= {"sp ace/f 1": "f", "empty": "", "x.sh": "#!/bin/sh\n"}
    for name, text in texts.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(0o755 if name == "x.sh" else 0o644)
    for name, target in {"d/link": "c", "d/up": "../a", "ld": "d", "dangling": "nowhere"}.items():
        (root / name).symlink_to(target)
    for path in (root, *root.rglob("*")):
        if path.is_dir() and not path.is_symlink():
            path.chmod(0o755)
    out = io.BytesIO()
    writer = Writer(out.write)
    for entry, content in (
        (Entry("p", "dir", 0o2775, 0, 7), b""),
        (Entry("p/one", "file", 0o640, 1, 2, size=3), b"one"),
        (Entry("p/two", "hardlink", 0o640, 1, 2, link="p/one"), b""),
        (Entry("p/link", "symlink", 0o777, 3, 4, link="one"), b""),
        (Entry("p/special", "file", 0o4755, 33, 44, size=1), b"s"),
        (Entry("private", "dir", 0o700, 5, 6), b""),
    ):
        writer.add(entry, content)
    writer.close()
    with tarfile.open(root / "t.txz", "w:xz") as packed:
        packed.addfile(tarfile.TarInfo("of-xz"))
    (root / "t.tar").write_bytes(out.getvalue())
    (root / "t.tgz").write_bytes(gzip.compress(out.getvalue()))
    (root / "plain.gz").write_bytes(gzip.compress(b"no archive"))


def _text(case: str) -> str:
    lines = case.strip("\n").split("\n")
    indent = min((len(line) - len(line.lstrip(" ")) for line in lines if line.strip()), default=0)
    return "\n".join(line[indent:] for line in lines).rstrip() + "\n"


@pytest.fixture(scope="module")
def built(tmp_path_factory, busybox_file):
    """Every case built by both: ``(configuration, tree)`` or the message of the failure, by name."""
    need("dockerd")
    root = tmp_path_factory.mktemp("against")
    hive = TestHive(root / "hive", root / "store", {"PYTHONDONTWRITEBYTECODE": "1"})
    texts = {name: _text(case) for name, case in CASES.items()}
    texts |= {f"fails-{name}": _text(case) for name, case in FAILS.items()}
    # Docker leaves the places of its mounts behind; so they are there from the start.
    places = {f"start/root/{name}": "" for name in ("etc/hosts", "etc/resolv.conf", "etc/hostname")}
    places |= {f"start/root/{name}/.keep": "" for name in ("dev", "proc", "sys", "run", "home")}
    settings = '[hive]\nname = "team"\nversion = "1"\n[[group]]\npath = "images"\ncontext = "context"\n'
    settings += '[[group]]\npath = "start"\n'
    hive.write({"hivebase.toml": settings, "start/Dockerfile": f"FROM {BASE}\nCOPY root /\n", **places})
    hive.write({f"images/{name}/Dockerfile": text for name, text in texts.items()})
    (hive.root / "context").mkdir()
    _context(hive.root / "context")
    hive.write({"context/.dockerignore": IGNORED})
    hive.run("import", str(busybox_file), BASE)
    hive.run("build", "start")
    hive.run("export", "start", str(root / "start.tar"), "--format", "docker")
    ours = _ours(hive, texts)
    with dockerd(root) as address:
        docker = Docker(address)
        docker("load", "-i", str(root / "start.tar"))
        theirs = docker.build_all(hive.root, list(texts), root / "saved.tar")
    return ours, theirs


def _ours(hive: TestHive, names: Any) -> dict[str, Any]:
    results: dict[str, Any] = {}
    good = [name for name in names if not name.startswith("fails-")]
    store = Store.open(hive.store)
    for name, result in hive.build(*good).items():
        image = store.image(result["digest"])
        layers = []
        for layer in image.manifest.layers:
            with store.open_blob(layer.digest) as blob, inflated(blob) as content:
                layers.append(content.read())
        results[name] = _image(json.loads(store.read(image.manifest.config.digest)), layers)
    for name in set(names) - set(good):
        done = subprocess.run(
            hive.command("build", name), env=hive.environment(), capture_output=True, text=True, check=False
        )
        results[name] = done.stderr if done.returncode in {1, 2} else done.returncode
    return results


class Docker:
    """The client of one daemon."""

    def __init__(self, address: str) -> None:
        self._env = {"PATH": os.environ["PATH"], "DOCKER_HOST": address, "DOCKER_BUILDKIT": "1"}

    def __call__(self, *words: str) -> subprocess.CompletedProcess[str]:
        command = [CLIENT, *words]
        return subprocess.run(
            command, env=self._env, capture_output=True, text=True, check=False, timeout=120
        )

    def build_all(self, hive: Path, names: list[str], saved: Path) -> dict[str, Any]:
        """Build the images and return what they hold."""

        def build(name: str) -> subprocess.CompletedProcess[str]:
            file, context = f"{hive}/images/{name}/Dockerfile", f"{hive}/context"
            return self("build", "-q", "--network=host", "-t", f"case/{name}:1", "-f", file, context)

        with ThreadPoolExecutor(4) as pool:
            done = dict(zip(names, pool.map(build, names), strict=True))
        results: dict[str, Any] = {name: item.stderr for name, item in done.items() if item.returncode}
        self("save", "-o", str(saved), *(f"case/{name}:1" for name in names if name not in results))
        with tarfile.open(saved) as archive:

            def read(name: str) -> bytes:
                member = archive.extractfile(name)
                assert member is not None
                return member.read()

            for item in json.loads(read("manifest.json")):
                layers = [read(layer) for layer in item["Layers"]]
                for tag in item["RepoTags"]:
                    name = tag.removeprefix("case/").removesuffix(":1")
                    results[name] = _image(json.loads(read(item["Config"])), layers)
        return results


def _image(config: dict[str, Any], layers: list[bytes]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return what is compared of an image: configuration with history, and the tree."""
    run = config.get("config") or {}
    facts = {name: run.get(name) for name in _COMPARED if run.get(name)}
    facts["author"] = config.get("author") or ""
    contents = iter(layers)
    facts["history"] = [
        # An entry without a layer, or with an empty one.
        (_words(entry["created_by"]), not entry.get("empty_layer") and bool(_entries(next(contents))))
        for entry in config["history"]
    ]
    return facts, _tree(layers)


_COMPARED = (
    *("Env", "User", "WorkingDir", "Entrypoint", "Cmd", "Shell", "Labels", "ExposedPorts", "Volumes"),
    *("Healthcheck", "StopSignal", "OnBuild"),
)


def _words(created_by: str) -> str:
    """Return a line of history without what differs between versions of BuildKit."""
    if re.match(r"HEALTHCHECK|EXPOSE", created_by):
        return created_by.split(" ", 1)[0]
    if created_by.startswith("ARG "):
        return re.sub(r"=.*", "", created_by)
    created_by = re.sub(r"^RUN \|\d+ .*? (?=/bin/sh )", "RUN ", created_by)
    return re.sub(r"^(COPY|ADD)( --ch\S+)*", r"\1", created_by)


def _entries(layer: bytes) -> list[tuple[Entry, bytes]]:
    return [(entry, body.read()) for entry, body in Reader(io.BytesIO(layer))]


def _tree(layers: list[bytes]) -> dict[str, Any]:
    """Return the files of stacked layers; those that are one file name each other."""
    tree: dict[str, tuple[Entry, bytes]] = {}
    for layer in layers:
        entries = [(clean(entry.name), entry, content) for entry, content in _entries(layer)]
        for path, _, _ in entries:
            directory, name = posixpath.split(path)
            if name == ".wh..wh..opq":
                _drop(tree, directory, itself=False)
            elif name.startswith(".wh."):
                _drop(tree, posixpath.join(directory, name.removeprefix(".wh.")))
        for path, entry, content in entries:
            if posixpath.basename(path).startswith(".wh.") or not path:
                continue
            if entry.kind != "dir":
                _drop(tree, path)
            tree[path] = tree[clean(entry.link)] if entry.kind == "hardlink" else (entry, content)
    names: dict[int, list[str]] = {}
    for path, inode in sorted(tree.items()):
        names.setdefault(id(inode), []).append(path)
    return {
        path: (
            (
                entry.kind,
                oct(entry.mode) if entry.kind != "symlink" else "",
                entry.uid,
                entry.gid,
                entry.xattrs,
            ),
            (entry.link, entry.major, entry.minor, content, names[id(tree[path])]),
        )
        for path, (entry, content) in tree.items()
    }


def _drop(tree: dict[str, Any], path: str, *, itself: bool = True) -> None:
    for name in [
        name for name in tree if name.startswith(f"{path}/" if path else "") or (itself and name == path)
    ]:
        del tree[name]


@pytest.mark.parametrize("name", CASES)
def test_docker_builds_the_same(built, name):
    """Files with kind, mode, owner, attributes, content and links; the configuration; the history."""
    assert not isinstance(built[1][name], str), built[1][name]
    (ours, our_tree), (theirs, their_tree) = built[0][name], built[1][name]
    assert theirs == ours
    assert sorted(their_tree) == sorted(our_tree)
    assert {
        path: (their_tree[path], our_tree[path]) for path in our_tree if their_tree[path] != our_tree[path]
    } == {}


@pytest.mark.parametrize("name", FAILS)
def test_docker_refuses_the_same(built, name):
    """What BuildKit cannot build ends with a message here, too."""
    ours, theirs = (results[f"fails-{name}"] for results in built)
    assert isinstance(theirs, str)
    assert isinstance(ours, str)
