"""A process that pushes, to be killed, or to race with another: ``python -m tests.registry.pusher`` and JSON.

::

    {"store": PATH, "host": "localhost:5000", "images": {REPOSITORY: DIGEST, …}, "tags": [TAG, …], "chunk": BYTES}

Each tag is one push of all images, in order. For each it prints a line: ``{"tag": …, "error": …, "exit": …}``.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hivebase.errors import HivebaseError
from hivebase.oci.model import Descriptor
from hivebase.oci.store import Store
from hivebase.reference import Reference
from hivebase.registry.client import RegistryClient
from hivebase.registry.content import StoreContent, tree_of
from hivebase.registry.credentials import Keychain
from hivebase.registry.push import Item, Push, Tag
from hivebase.transport import LIMITS, Transport
from hivebase.values import replace

if TYPE_CHECKING:
    from collections.abc import Mapping


def items_of(client: RegistryClient, store: Store, host: str, images: Mapping[str, str]) -> list[Item]:
    """Return the images of the store, by repository, on their way to a registry."""
    content = StoreContent(store)
    items = []
    for name, digest in images.items():
        data = store.read(digest)
        top = Descriptor(json.loads(data)["mediaType"], digest, len(data))
        repository = client.repository(Reference.parse(f"{host}/{name}"), push=True)
        items.append(Item(name, tree_of(content, top), repository, content))
    return items


def publish(items: list[Item], tag: str) -> Push:
    """Push images and give all of them a tag that must not move."""
    push = Push(items)
    push.send()
    push.tag([Tag(item, tag, immutable=True) for item in items])
    return push


def main(words: dict[str, Any]) -> None:
    store = Store.open(Path(words["store"]))
    with Transport(environ={}, limits=replace(LIMITS, chunk=words["chunk"])) as transport:
        client = RegistryClient(transport=transport, keychain=Keychain({}))
        items = items_of(client, store, words["host"], words["images"])
        for tag in words["tags"]:
            told = {"tag": tag, "error": "", "exit": 0}
            try:
                publish(items, tag)
            except HivebaseError as error:
                told |= {"error": str(error), "exit": error.exit_code}
            sys.stdout.write(json.dumps(told) + "\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
