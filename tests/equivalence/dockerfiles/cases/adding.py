"""ADD: archives are unpacked, everything else is copied."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.equivalence.dockerfiles.case import Case, current
from tests.equivalence.dockerfiles.context import archive, member

if TYPE_CHECKING:
    from collections.abc import Mapping

CASES: Mapping[str, str | Case] = {
    "add-archives": """
        FROM team/start:1
        RUN mkdir -p /t/p /t/x && touch /t/p/one /t/p/keep && chmod 700 /t /t/x
        ADD t.tar /t
        ADD t.tgz t.txz a /u/v/
        ADD d plain.gz /w/
        ADD t.t[a]r /
        COPY t.tar /copied
        """,
    "add-every-compression": """
        FROM team/start:1
        ADD t.tar /tar
        ADD t.tgz /gz/
        ADD t.tbz /bz
        ADD t.txz /xz/
        ADD t.renamed /by-content
        """,
    "add-no-archives": """
        FROM team/start:1
        ADD plain.gz /1
        ADD plain.gz /2/
        ADD empty /3
        ADD x.sh /4
        ADD d /5
        """,
    "add-owners": """
        FROM team/start:1
        ADD --chown=app:extra a /1
        ADD --chown=5:6 d /2
        """,
    "add-modes": current("""
        FROM team/start:1
        ADD --chmod=600 a /1
        ADD --chmod=750 d /2
        """),
    "add-special-members": """
        FROM team/start:1
        ADD special.tar /1
        ADD special.tar /new/deep/
        """,
    "add-replaces-kinds": """
        FROM team/start:1
        RUN mkdir -p /t/was-directory/full && touch /t/was-file
        ADD replaces.tar /t
        """,
    "add-into-workdir": """
        FROM team/start:1
        WORKDIR /w
        USER app
        ADD t.tar .
        ADD t.tgz sub
        ADD a b ./
        """,
    "add-attributes": """
        FROM team/start:1
        ADD attributes.tar /
        """,
    "add-patterns": """
        FROM team/start:1
        ADD t.t* /all/
        ADD many/*/f /many/
        ADD [ab] /one/
        """,
    "add-whiteouts-inside": Case(
        """
        FROM team/start:1
        RUN mkdir -p /t/d && touch /t/gone /t/d/hidden
        ADD names.tar /t/
        """,
        files={"names.tar": archive([member("d/new", b"n"), member("plain", b"p")])},
    ),
    "add-links-out": Case(
        """
        FROM team/start:1
        ADD links.tar /t/
        """,
        files={
            "links.tar": archive(
                [
                    member("dir", kind=b"5", mode=0o755),
                    member("dir/abs", kind=b"2", link="/etc/passwd"),
                    member("dir/rel", kind=b"2", link="../../../../etc/passwd"),
                    member("file", b"f"),
                    member("hard", kind=b"1", link="file"),
                ]
            )
        },
    ),
    "add-through-own-links": Case(
        """
        FROM team/start:1
        ADD through.tar /t/
        """,
        files={
            "through.tar": archive(
                [
                    member("real", kind=b"5", mode=0o755),
                    member("link", kind=b"2", link="real"),
                    member("link/in", b"through"),
                ]
            )
        },
    ),
    "add-same-directory-twice": Case(
        """
        FROM team/start:1
        ADD one.tar two.tar /t/
        ADD one.tar /t
        """,
        files={
            "one.tar": archive([member("d", kind=b"5", mode=0o700, owner=(5, 6)), member("d/f", b"1")]),
            "two.tar": archive([member("d", kind=b"5", mode=0o755), member("d/f", b"2", 0o600, (7, 8))]),
        },
    ),
    "add-empty-archive": Case(
        """
        FROM team/start:1
        ADD none.tar /t/
        """,
        files={"none.tar": archive([])},
    ),
    "add-nested-archive": Case(
        """
        FROM team/start:1
        ADD outer.tar /t/
        """,
        files={"outer.tar": archive([member("inner.tar", archive([member("deep", b"d")]))])},
    ),
}
