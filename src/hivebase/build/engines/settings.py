"""The host's index settings and certificates for builders that cannot show a step files for its duration only.

They become one more layer and a few variables of the images that are handed over, and are taken out of what comes back:
nothing of them is in an image of our store.
"""

from __future__ import annotations

import configparser
import io
from typing import TYPE_CHECKING

import msgspec

from hivebase.errors import UsageError
from hivebase.layers.layer import LayerWriter
from hivebase.layers.sandbox.remap import TARGET
from hivebase.oci.model import History, RootFS
from hivebase.tar import Entry
from hivebase.values import replace

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hivebase.layers.layer import Layer
    from hivebase.layers.sandbox.host import HostConfiguration
    from hivebase.oci.model import ImageConfig
    from hivebase.oci.store import Image, Store

_MAIN = frozenset({"index-url", "UV_DEFAULT_INDEX", "UV_INDEX_URL"})
_CREATED_BY = "hivebase: settings of the host, for this build only"


class HostSettings:
    """What is lent to a builder.

    Args:
        store: where the layer goes.
        host: the configuration.
        epoch: the time of its files.

    Attributes:
        left_out: local directories that the configuration names and no other engine can be shown.

    Raises:
        UsageError: it holds a password, which would stay in the builder's cache, or all packages come from a local
            directory.
    """

    def __init__(self, store: Store, host: HostConfiguration, epoch: int) -> None:
        if host.secrets:
            raise UsageError(
                "the host's package settings hold a password, which no other engine can be given safely",
                why="it would stay in the engine's build cache",
                hint="build with --engine embedded, or configure the index without credentials",
            )
        self.left_out = tuple(directory for _, directory in host.directories)
        host = without_directories(host)
        self._store = store
        self._host = host
        self._layer = self._write(epoch) if host.texts else None

    def put_on(self, image: Image) -> Image:
        """Return ``image`` with the settings on top; it is in the store and has no name.

        Raises:
            SystemFaultError: the store cannot be written.
        """
        config = image.config
        variables = self._host.additions(
            [(name, value) for name, value in config.config.environment().items()]
        )
        if self._layer is None and not variables:
            return image
        layers = [*image.manifest.layers]
        diff_ids, history = config.rootfs.diff_ids, config.history
        if self._layer is not None:
            layers.append(self._layer.descriptor)
            diff_ids = (*diff_ids, str(self._layer.diff_id))
            history = (*history, History(created_by=_CREATED_BY))
        dressed = msgspec.structs.replace(
            config,
            config=msgspec.structs.replace(
                config.config, env=(*config.config.env, *(f"{name}={value}" for name, value in variables))
            ),
            rootfs=RootFS(diff_ids=diff_ids),
            history=history,
        )
        return self._store.image(self._store.put_image(dressed, layers).digest)

    def take_off(self, config: ImageConfig, layers: Sequence[Layer]) -> tuple[ImageConfig, tuple[Layer, ...]]:
        """Return configuration and layers of what was built on such an image, without the settings."""
        lent = {f"{name}={value}" for name, value in self._host.env}
        kept = tuple(layer for layer in layers if self._layer is None or layer.diff_id != self._layer.diff_id)
        return (
            msgspec.structs.replace(
                config,
                config=msgspec.structs.replace(
                    config.config, env=tuple(entry for entry in config.config.env if entry not in lent)
                ),
                rootfs=RootFS(diff_ids=tuple(str(layer.diff_id) for layer in kept)),
                history=tuple(entry for entry in config.history if entry.created_by != _CREATED_BY),
            ),
            kept,
        )

    def _write(self, epoch: int) -> Layer | None:
        directory = TARGET.lstrip("/")
        with LayerWriter(self._store, epoch) as writer:
            writer.add(Entry(directory, "dir", 0o755, mtime=epoch))
            for name, text in sorted(self._host.texts.items()):
                data = text.encode()
                writer.add(Entry(f"{directory}/{name}", "file", 0o644, size=len(data), mtime=epoch), data)
            return writer.finish()


def without_directories(host: HostConfiguration) -> HostConfiguration:
    """Return the configuration without package directories of this machine.

    Raises:
        UsageError: the index itself is one.
    """
    shown = [f"{TARGET}/{name}" for name, _ in host.directories]
    if not shown:
        return host

    def kept(key: str, value: str) -> str:
        words = value.split()
        left = [word for word in words if not any(path in word for path in shown)]
        if left != words and key in _MAIN:
            raise UsageError(
                f"the host's package index is the local directory {host.directories[0][1]}",
                why="only --engine embedded can show it to a step",
                hint="build with --engine embedded, or serve the directory",
            )
        return value if left == words else " ".join(left)

    texts = dict(host.texts)
    if "pip.conf" in texts:
        parser = configparser.RawConfigParser()
        parser.read_string(texts["pip.conf"])
        for section in parser.sections():
            for key, value in parser.items(section):
                if left := kept(key, value):
                    parser.set(section, key, left)
                else:
                    parser.remove_option(section, key)
        stream = io.StringIO()
        parser.write(stream)
        texts["pip.conf"] = stream.getvalue()
    env = [(name, kept(name, value)) for name, value in host.env]
    return replace(
        host, texts=texts, env=tuple((name, value) for name, value in env if value), directories=()
    )
