"""Runtimes of the machine behind one face, images that no runtime has seen before, and what a runtime has of them."""

from __future__ import annotations

import os
import secrets
import shlex
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from tests.oci.images import layer_tar, put_image
from tests.servers import need

from hivebase.digest import Digest
from hivebase.oci.archive import import_path
from hivebase.oci.model import LAYER_TAR, Descriptor, ImageConfig, RootFS
from hivebase.oci.sizes import content_size
from hivebase.oci.store import Store

if TYPE_CHECKING:
    from tests.hives import TestHive

    from hivebase.oci.store import Image

Form = Literal["docker", "oci"]


@dataclass(frozen=True)
class Runtime:
    """One runtime with a store of its own.

    Attributes:
        name: for ``--into``.
        program: its command.
        env: the variables with which the command finds it.
        form: of the archives that it takes from us.
        save: the words that write an image's archive to standard output.
        listing: the words that print the names of its images.
        forget: a shell command, ``$RUNTIME`` being its command, that takes all images away.
    """

    name: str
    program: str
    env: dict[str, str]
    form: Form
    save: tuple[str, ...]
    listing: tuple[str, ...]
    forget: str

    def __call__(self, *words: str, stdin: bytes = b"") -> str:
        """Run the command; return what it printed."""
        return self._run(*words, stdin=stdin).decode()

    def names(self) -> list[str]:
        """Return the names of its images."""
        return [line for line in self(*self.listing).split() if "<none>" not in line and "@" not in line]

    def image(self, name: str, directory: Path) -> Image:
        """Return what it gives out as ``name``, every digest checked."""
        archive = directory / f"{secrets.token_hex(4)}.tar"
        archive.write_bytes(self._run(*self.save, name))
        store = Store.open(directory / "read-back")
        import_path(store, archive, "read/back:1")
        return store.image("read/back:1")

    def first(self, word: str, action: str, directory: Path) -> dict[str, str]:
        """Return variables with which ``action``, a shell command, comes before the first call with ``word``."""
        directory.mkdir()
        program = shutil.which(self.program)
        assert program is not None
        script = directory / Path(program).name
        script.write_text(
            f"#!/bin/sh\nexport RUNTIME={shlex.quote(program)}\n"
            f'case " $* " in *" {word} "*)\n'
            f'  if mkdir "$0.done" 2>/dev/null; then ({action}) </dev/null >"$0.log" 2>&1; fi;;\n'
            'esac\nexec "$RUNTIME" "$@"\n'
        )
        script.chmod(0o755)
        return {**self.env, "PATH": f"{directory}:{self.env.get('PATH', os.environ['PATH'])}"}

    def _run(self, *words: str, stdin: bytes = b"") -> bytes:
        done = subprocess.run(
            [self.program, *words],
            env={**os.environ, **self.env},
            input=stdin,
            capture_output=True,
            check=False,
            timeout=120,
        )
        assert done.returncode == 0, done.stderr.decode(errors="replace")
        return done.stdout


@dataclass
class Images:
    """A store with images of fresh layers: nothing of them is known to any runtime, or to its caches.

    Attributes:
        hive: runs ``hivebase`` on the store.
        bottom: tars of two layers, the lower one with ``/bin/cat``.
        token: in names, and the content of ``/patch``.
    """

    hive: TestHive
    bottom: list[bytes] = field(default_factory=list)
    token: str = field(default_factory=lambda: secrets.token_hex(6))

    def __post_init__(self) -> None:
        busybox = shutil.which("busybox")
        need("busybox")
        cat = Path(busybox or "").read_bytes()
        self.store = Store.open(self.hive.store)
        self.bottom = [
            layer_tar({"bin/cat": cat, "one": secrets.token_bytes(2000)}),
            layer_tar({"two": secrets.token_bytes(70_000)}),
        ]
        self.base = self.put("base", *self.bottom)

    def put(self, name: str, *layers: bytes) -> str:
        """Store an image; return its name."""
        ref = f"team/{name}-{self.token}:1.0"
        self.store.tag(ref, put_image(self.store, *layers))
        return ref

    def put_large(self, size: int) -> str:
        """Store an image with one layer of so many bytes, not compressed; return its name."""
        tar = layer_tar({self.token: bytes(size)})
        layer = Descriptor(LAYER_TAR, self.store.put(tar), len(tar))
        rootfs = RootFS(diff_ids=(Digest.of(tar),))
        ref = f"team/large-{self.token}:1.0"
        config = ImageConfig(architecture="amd64", os="linux", rootfs=rootfs)
        self.store.tag(ref, self.store.put_image(config, [layer]))
        return ref

    def patched(self) -> str:
        """Store the base with one layer on top; return its name."""
        return self.put("patched", *self.bottom, layer_tar({"patch": self.token.encode()}))

    def sizes(self, ref: str, form: Form) -> list[int]:
        """Return the bytes of the layers of ``ref``, as they are in archives of a form."""
        image = self.store.image(ref)
        if form == "oci":
            return [layer.size for layer in image.manifest.layers]
        pairs = zip(image.manifest.layers, image.config.rootfs.diff_ids, strict=True)
        return [content_size(self.store, layer.digest, Digest.parse(diff_id)) for layer, diff_id in pairs]

    def load(
        self, runtime: Runtime, ref: str, *words: str, env: dict[str, str] | None = None
    ) -> dict[str, object]:
        """Load it; return what ``--json`` says."""
        self.hive.env = dict(env if env is not None else runtime.env)
        return self.hive.json("load", ref, "--into", runtime.name, *words)

    def assert_whole(self, runtime: Runtime, name: str, ref: str) -> None:
        """Make sure that the runtime has under ``name`` all that ``ref`` is in our store."""
        ours = self.store.image(ref)
        theirs = runtime.image(name, self.hive.root)
        assert theirs.config.rootfs.diff_ids == ours.config.rootfs.diff_ids
        assert theirs.config.config == ours.config.config
