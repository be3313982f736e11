"""An image with one of everything, for tests of documents about it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from tests.inspect.holding import OS_RELEASE, SITE, distribution, image, listing, stanza, status
from tests.pythons import binary

from hivebase.layers.wheels.made_of import remember
from hivebase.plan.wheels import LockedWheel

if TYPE_CHECKING:
    from hivebase.oci.store import Image, Store

LABELS = {
    "org.opencontainers.image.title": "hive/app",
    "org.opencontainers.image.version": "1.2.3",
    "io.hivebase.stand-ins": "pt_core,python:3.11-slim",
}
WHEEL = LockedWheel("six", "1.0", "six-1.0-py3-none-any.whl", "a" * 64)
META = json.dumps({"lang": "pt", "pipeline": ["tagger"], "spacy_version": "3"})


def everything(store: Store, ref: str = "held:1") -> Image:
    """Store the image."""
    base = {
        "etc/os-release": OS_RELEASE,
        **status(
            stanza("libc6", "2.36-9+deb12u1", "Source: glibc"), stanza("libg++", "1:2~3", "Depends: libc6")
        ),
        **listing("libc6:amd64", "/lib/libc.so.6"),
        "lib/libc.so.6": "c",
        "usr/local/lib/python3.11/os.py": "",
        "usr/local/bin/python3.11": binary(b"\x003.11.9\0"),
    }
    vendored = distribution("six", site=f"{SITE}/words/vendor")
    words = {path.removeprefix(f"{SITE}/"): content for path, content in vendored.items()}
    local = {"direct_url.json": json.dumps({"url": "file:///src/own", "dir_info": {"editable": True}})}
    held = {
        **distribution("six", fields=["License-Expression: MIT", "Requires-Dist: both"]),
        **distribution("both", fields=["License-Expression: MIT OR Apache-2.0"]),
        **distribution("words", files={"words.py": "", **words}, fields=["License: BSD"]),
        **distribution("own", more=local),
        **distribution("pt_core", files={"pt_core/meta.json": META}),
        "nobody's": "",
        f"{SITE}/odd-1.dist-info/METADATA": "Name: ?\n",
    }
    made = image(store, base, held, steps=["FROM x", "RUN pip install …"], labels=LABELS, ref=ref)
    remember(store, made.manifest.layers[1].digest, [WHEEL])
    return made
