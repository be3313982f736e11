"""Every bound on what a server may make us read, wait for or follow, in one place.

Servers are not trusted to be small, fast or finite. Each figure is far above what honest servers need; a
larger or slower answer is an error that names the limit.
"""

from __future__ import annotations

import msgspec

KIB, MIB, GIB = 1 << 10, 1 << 20, 1 << 30


class Limits(msgspec.Struct, frozen=True):
    """Sizes in bytes, times in seconds. Tests make a copy with smaller figures."""

    # Waiting. An unreachable server must be known as such within about five seconds, so that a build can go
    # on with a stand-in.
    connect: float = 4.0
    """Name look-up, TCP and TLS together."""
    first_contact: float = 5.0
    """The answer to the very first, tiny question to a registry."""
    idle: float = 30.0
    """Longest silence: before the answer's headers are complete, and between two pieces of a body."""
    answer: float = 60.0
    """A whole small answer: a manifest, a token."""
    grace: float = 60.0
    """A large body may take this long whatever its size ..."""
    slowest: int = 16 * KIB
    """... and then must average this many bytes a second."""

    confirm: float = 300.0
    """The answer to the last request of an upload: a registry may read or copy the whole blob before it."""

    # Sending.
    chunk: int = 64 * MIB
    """Longer blobs are uploaded in pieces of this size: where a connection breaks only the last one is sent again, if
    the registry remembers the others."""

    # Trying again.
    tries: int = 5
    """Attempts at one request; for a download, attempts without progress."""
    progress: int = 1 * MIB
    """A download that moved on by this much before it was cut has made progress."""
    backoff: float = 0.5
    """The first wait when the server named none; doubled each time."""
    longest_wait: float = 60.0
    """Cap of one wait, whether ours or a Retry-After."""

    # Following and reading.
    redirects: int = 5
    manifest: int = 4 * MIB
    """A manifest, an index or a config: the limit that the distribution-spec recommends to registries."""
    error_body: int = 64 * KIB
    token: int = 256 * KIB
    index_depth: int = 4
    """Indexes inside indexes."""
    layers: int = 500
    """Entries of one manifest or index; runtimes stop at about 125 layers."""
    download: int = 64 * GIB
    """One body, whatever its announced size."""
    pages: int = 1000
    """Of a list of tags."""
    tags: int = 100_000
    """Of one repository."""


LIMITS = Limits()
