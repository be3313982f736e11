"""The proof that goes with published images: SBOMs of what they hold, provenance of how they were made, signatures."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

from hivebase.digest import Digest
from hivebase.errors import NotFoundError
from hivebase.inspect.packages import Inventories
from hivebase.inspect.sbom import KINDS, write
from hivebase.progress import Event
from hivebase.registry.manifests import digest_of
from hivebase.release import cosign
from hivebase.release.evidence import Evidence, Sbom
from hivebase.release.made import made
from hivebase.release.proof import prove_all
from hivebase.release.provenance import provenance

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from contextlib import AbstractContextManager

    from hivebase.build.workspace import Workspace
    from hivebase.oci.store import Store
    from hivebase.progress import Listener
    from hivebase.release.publish import Proving
    from hivebase.release.signing.keys import PrivateKey


class Prover:
    """Proves the images of one push.

    Args:
        store: that has the images, and remembers how they were made.
        workspace: the hive.
        key: to sign with; None signs nothing.
        listener: told of the progress.
        keyless: signs with an identity, beside or instead of the key, what is published now; entered when it is needed,
            since what it holds is good for minutes only.
    """

    def __init__(
        self,
        store: Store,
        workspace: Workspace,
        key: PrivateKey | None,
        listener: Listener,
        keyless: AbstractContextManager[Callable[[bytes], bytes]] | None = None,
    ) -> None:
        self._store = store
        self._workspace = workspace
        self._key = key
        self._listener = listener
        self._keyless = keyless

    def __call__(self, images: Sequence[Proving]) -> int:
        """Attach what is missing; return how many manifests and tags were written.

        An image that was published before has its proof, unless it was published without a signature and there is a
        key now: its tag was written after its proof.

        Raises:
            HivebaseError: as `prove_all`, or an image cannot be read.
        """
        wanted = [item for item in images if item.new or self._unsigned(item)]
        inventories = Inventories(self._store)
        evidence = []
        for item in wanted:
            self._listener(Event(item.release.name, "log", "listing what it holds, for the SBOMs", "push"))
            evidence.append((item.repository, self._evidence(item, inventories)))
        with ExitStack() as stack:
            sign = stack.enter_context(self._keyless) if self._keyless is not None and evidence else None
            return prove_all(evidence, self._key, keyless=sign, listener=self._listener)

    def _unsigned(self, item: Proving) -> bool:
        if self._key is None:
            return False
        digest = Digest.parse(item.release.image.descriptor.digest)
        return digest_of(item.repository, cosign.tag(digest, cosign.SIGNATURES)) is None

    def _evidence(self, item: Proving, inventories: Inventories) -> Evidence:
        image, name = item.release.image, item.release.name
        address = f"{item.repository.registry}/{item.repository.name}"
        found = inventories.of(image)
        statements: tuple[bytes, ...] = ()
        try:
            how = made(self._store, image, found, self._workspace, name)
        except NotFoundError as error:
            self._listener(Event(name, "note", f"no provenance: {error.what} ({error.why})"))
        else:
            statements = (provenance(address, Digest.parse(image.descriptor.digest), how),)
        sboms = tuple(Sbom(kind, write(found, kind)) for kind in KINDS)
        return Evidence(address, image.descriptor, statements, sboms)
