"""The one package that reads and writes tar.

Sources: POSIX.1-2017 "pax Interchange Format" (ustar and extended headers) and the GNU tar manual for ``L``,
``K`` and base-256 numbers. Where archives in the wild are ambiguous, the reader either gives the same entries
as Go's ``archive/tar``, with which Docker, containerd and BuildKit read layers, or refuses: two programs that
read one archive differently are how content is smuggled past a check (CVE-2025-62518, CVE-2025-13462).

The writer is deterministic: equal entries and data, equal bytes. It writes ustar, and a PAX header only for
what ustar cannot hold: long or non-ASCII names, numbers beyond the octal fields, extended attributes.
"""

from hivebase.tar.entry import Entry, Kind, Limits, clean
from hivebase.tar.read import Reader
from hivebase.tar.write import END, Writer, encode, padding

__all__ = ["END", "Entry", "Kind", "Limits", "Reader", "Writer", "clean", "encode", "padding"]
