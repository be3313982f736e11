"""COPY from the build context."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.equivalence.dockerfiles.case import Case, File, Link, current

if TYPE_CHECKING:
    from collections.abc import Mapping

CASES: Mapping[str, str | Case] = {
    "copy-patterns-and-links": Case(
        "FROM team/start:1\nCOPY */a /x/\nCOPY k/* /y/\nCOPY d/l/[a] /z/\n",
        files={"f/a": "f", "d/e/a": "e", "k": Link("d/e"), "d/l": Link("e")},
    ),
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
    "copy-patterns-in-directories": r"""
        FROM team/start:1
        COPY many/*/f /one/
        COPY many/[12] /two/
        COPY many/?/* /three/
        COPY m*y/1*/g /four/
        COPY [^a-z.]* /five/
        COPY */f* /six/
        COPY sp?ace/f* /seven/
        """,
    "copy-hidden-files": Case(
        """
        FROM team/start:1
        COPY * /star/
        COPY .* /dot/
        COPY .h/ /inside/
        COPY . /all/
        """,
        files={".h/.i": "i", ".h/j": "j", ".k": "k", "l": "l", "..m": "m"},
    ),
    "copy-links": """
        FROM team/start:1
        COPY d/link /one
        COPY ld /two
        COPY ld/c d/up /three/
        COPY d/l* /four/
        COPY ../a d/../b /five/
        """,
    "copy-links-inside": Case(
        """
        FROM team/start:1
        COPY . /all/
        COPY t/to-dir/ /dir/
        COPY t/to-file /file
        COPY t/chain /chain
        COPY t/abs /abs
        COPY t/[a-f]* t/to* /star/
        """,
        files={
            "t/file": "f",
            "t/dir/in": "in",
            "t/to-file": Link("file"),
            "t/to-dir": Link("dir"),
            "t/chain": Link("to-file"),
            "t/abs": Link("/t/file"),
            "t/out": Link("../../../etc"),
            "t/dir/loop": Link("../dir"),
        },
    ),
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
    "copy-through-links-on-the-way": """
        FROM team/start:1
        RUN mkdir -p /real/deep && ln -s real /l1 && ln -s ../l1/deep /real/l2 && ln -s /l1/l2 /l3
        COPY a /l1/x/y
        COPY a /l3/z
        COPY d /l3
        WORKDIR /l3
        COPY b ./new/
        """,
    "copy-over-files": """
        FROM team/start:1
        RUN echo old > /f && chmod 600 /f && chown 5:6 /f && ln /f /g
        COPY a /f
        COPY --chown=7 b /f
        COPY x.sh /etc/passwd
        """,
    "copy-merges": """
        FROM team/start:1
        RUN mkdir -p /t/sub && touch /t/sub/s /o && chmod 700 /t /t/sub && chown 5:6 /t /t/sub /t/sub/s && ln -s /o /t/c
        COPY d /t
        RUN mkdir -p /q/sub && touch /q/sub/s
        COPY --chown=3:4 d /q
        """,
    "copy-the-same-again": """
        FROM team/start:1
        COPY d /t
        COPY d /t
        COPY a /t/c
        COPY d /t
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
    "copy-owners-by-all-forms": """
        FROM team/start:1
        COPY --chown=app a /1
        COPY --chown=1000 a /3
        COPY --chown=1000:0 a /4
        COPY --chown=app:2000 a /5
        COPY --chown=0:extra a /6
        COPY --chown=4000 d /7/8
        """,
    "copy-owners-from-a-changed-passwd": """
        FROM team/start:1
        RUN echo "who:x:4242:4343::/:" >> /etc/passwd; sed -i 's/^app:x:1000:/app:x:1001:/' /etc/passwd
        COPY --chown=who a /1
        COPY --chown=app d /2
        """,
    "copy-owner-where-there-is-no-passwd": """
        FROM scratch
        COPY --chown=5 a /x/1
        COPY --chown=5:6 d /y
        """,
    "copy-modes": current("""
        FROM team/start:1
        COPY --chmod=0 a /1
        COPY --chmod=4755 a /2
        COPY --chmod=1777 d /3
        COPY --chmod=2750 --chown=5:6 d a /4/
        COPY --chmod=0644 ld /5
        """),
    "copy-modes-in-letters": Case(
        """
        FROM team/start:1
        COPY --chmod=644 x.sh /1
        COPY --chmod=00600 a /2
        """
    ),
    "copy-link": current("""
        FROM team/start:1
        RUN mkdir /t && chmod 700 /t && ln -s t /l
        COPY --link a /new/
        COPY --link d /new/deep
        COPY --link --chown=5:6 --chmod=600 b /u
        COPY --link=false a /l/
        COPY --link=true a b /v/
        """),
    "copy-parents-that-are-made": """
        FROM team/start:1
        USER app
        COPY a /p/q/r
        COPY --chown=app a /s/t/u
        COPY --chown=5 d /v/w/
        WORKDIR /x
        COPY --chown=6 a y/z/
        """,
    "copy-several-sources": """
        FROM team/start:1
        RUN mkdir /dir
        COPY a b d/c /dir
        COPY a b /new/
        COPY d many/1 x.sh /mix/
        COPY a a /same/
        COPY d/c many/1/f many/2/f /last-wins/
        """,
    "copy-an-empty-file-and-directory": """
        FROM team/start:1
        COPY empty /1
        COPY hollow /2
        COPY hollow /3/4/
        COPY hollow/ a /5/
        """,
    "copy-the-whole-context": """
        FROM team/start:1
        COPY . .
        COPY / /one
        COPY ./ /two/
        COPY /. /three
        COPY . /four/../five
        """,
    "copy-destinations": """
        FROM team/start:1
        WORKDIR /w
        COPY a ./
        COPY a ../y/./z
        COPY b /../../up
        COPY b //slashes//file
        COPY d /dot/.
        COPY a ""/quoted
        """,
    "copy-destination-is-a-directory": """
        FROM team/start:1
        RUN mkdir /dir && ln -s dir /link
        COPY a /dir
        COPY b /link
        COPY d/c /dir/.
        """,
    "copy-sources-that-leave-the-context": """
        FROM team/start:1
        COPY ../../a /1
        COPY ./d/../../b /2
        COPY /d/./c /3
        """,
    "copy-names": Case(
        r"""
        FROM team/start:1
        COPY . /all/
        COPY "quoted" /q/
        COPY ["with space", "tab\there", "/json/"]
        COPY new* /n/
        """,
        files={
            "quoted": "q",
            "back slash": "b",
            "with space": "w",
            "tab\there": "t",
            "new\nline": "n",
            "ünï/cödé": "u",
            "'single'": "s",
            "-dash": "d",
            "$dollar": "d",
            "percent%20": "p",
            "L" * 200 + "/" + "M" * 200: "long",
        },
    ),
    "copy-large": Case(
        """
        FROM team/start:1
        COPY big /big
        COPY . /all
        """,
        files={"big": b"0123456789abcdef" * 200_000, "small": "s"},
    ),
    "copy-many": Case(
        """
        FROM team/start:1
        COPY . /all
        COPY 1*/9 /nine/
        """,
        files={f"{one}/{two}": f"{one}{two}" for one in range(12) for two in range(12)},
    ),
    "copy-executables": Case(
        """
        FROM team/start:1
        COPY . /all
        COPY run /bin/run
        RUN run
        """,
        files={"run": File("#!/bin/sh\ntouch /ran\n", 0o755), "not": "x", "s/run": File("x", 0o755)},
    ),
}
