"""WORKDIR and USER: where steps are, who they are, and what is made on the way."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.equivalence.dockerfiles.case import Case

CASES: Mapping[str, str | Case] = {
    "workdir": """
        FROM team/start:1
        RUN ln -s /real /link && ln -s /nowhere /dangling && mkdir -m 700 /real
        WORKDIR one
        WORKDIR two/../three
        RUN pwd > seen
        USER app
        WORKDIR /link/new/deep
        WORKDIR /dangling
        USER 5:6
        WORKDIR /dangling/x
        """,
    "workdir-relative": """
        FROM team/start:1
        WORKDIR a
        WORKDIR b/c
        WORKDIR ..
        WORKDIR ./d/./e/
        RUN pwd > seen
        WORKDIR ../../../../../../f
        """,
    "workdir-of-a-user": """
        FROM team/start:1
        USER app
        WORKDIR /by/app
        USER app:extra
        WORKDIR /by/app/extra
        USER 77
        WORKDIR /by/77
        USER 88:99
        WORKDIR /by/88/x/y
        RUN id -u > /tmp/seen
        """,
    "workdir-that-exists": """
        FROM team/start:1
        RUN mkdir -m 700 /d && chown 5:6 /d && mkdir -m 750 /d/e
        USER app
        WORKDIR /d
        WORKDIR e
        WORKDIR /
        WORKDIR /tmp
        """,
    "workdir-removed-and-made-again": """
        FROM team/start:1
        WORKDIR /w
        RUN rmdir /w
        WORKDIR /w
        RUN cd / && rmdir /w && echo file > /w && rm /w
        RUN pwd > /seen
        """,
    "workdir-removed-and-used": """
        FROM team/start:1
        WORKDIR /w/x
        RUN cd / && rm -r /w
        COPY a b
        """,
    "workdir-with-variables": """
        FROM team/start:1
        ARG A=arg
        ENV E=/env
        WORKDIR $E/$A
        WORKDIR ${X:-default}
        WORKDIR "quoted name"
        RUN pwd > seen
        """,
    "workdir-spaces": """
        FROM team/start:1
        WORKDIR /with space/and  two
        RUN pwd > seen
        COPY a .
        """,
    "workdir-through-links": """
        FROM team/start:1
        RUN mkdir /real && ln -s real /rel && ln -s /real/../real /abs && ln -s /missing /gone
        WORKDIR /rel
        RUN pwd > /1
        COPY a here
        WORKDIR /abs/new
        RUN pwd > /2
        WORKDIR /gone
        """,
    "workdir-of-a-run-is-its-pwd": """
        FROM team/start:1
        WORKDIR /w
        RUN echo "$PWD" > seen; env | grep -c PWD= >> seen; readlink /proc/self/cwd >> seen
        """,
    "workdir-root": """
        FROM team/start:1
        WORKDIR /w
        WORKDIR /
        RUN pwd > /seen
        WORKDIR .
        """,
    "workdir-on-scratch": """
        FROM scratch
        WORKDIR /a/b
        COPY a .
        USER 7
        WORKDIR c
        COPY b d/
        """,
    "workdir-in-a-child-stage": """
        FROM team/start:1 AS s
        WORKDIR /w
        FROM s
        WORKDIR x
        RUN pwd > seen
        FROM team/start:1
        COPY --from=1 /w w/
        WORKDIR w
        """,
    "workdir-over-the-mode-of-tmp": """
        FROM team/start:1
        USER app
        WORKDIR /tmp/deep/er
        RUN touch mine; umask > umask
        """,
}
