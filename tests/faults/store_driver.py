"""What the kill sweeps and the traces run: one image written and named. Usage: store_driver.py STORE."""

from __future__ import annotations

import sys
from pathlib import Path

from hivebase.digest import Digest
from hivebase.errors import HivebaseError
from hivebase.oci.model import LAYER_TAR, Descriptor, ImageConfig, RootFS
from hivebase.oci.store import Store

LAYER = b"layer" * 100_000
NAME = "team/app:1.0"
KEY = Digest.of(b"step")


def write(root: Path) -> str:
    """Write the image as a build does; return its digest."""
    store = Store.open(root)
    with store.lease():
        with store.ingest() as ingest:
            ingest.write(LAYER)
            digest, size = ingest.commit()
        config = ImageConfig(architecture="amd64", os="linux", rootfs=RootFS(diff_ids=(digest,)))
        image = store.put_image(config, [Descriptor(LAYER_TAR, digest, size)])
        store.put_record("step", KEY, {"layer": str(digest)})
        store.tag(NAME, image)
    return image.digest


if __name__ == "__main__":
    try:
        sys.stdout.write(write(Path(sys.argv[1])))
    except HivebaseError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(error.exit_code)
