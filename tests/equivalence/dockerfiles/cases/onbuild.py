"""Triggers: what a base leaves for those who build on it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.equivalence.dockerfiles.case import Case, current

if TYPE_CHECKING:
    from collections.abc import Mapping

CASES: Mapping[str, str | Case] = {
    "onbuild": """
        FROM team/start:1 AS s
        ONBUILD COPY a /triggered
        ONBUILD RUN cat /triggered > /copied
        ONBUILD ENV Z=1
        FROM s
        RUN echo $Z > /seen
        ONBUILD RUN  echo   "a  b" && \\
          echo c
        ONBUILD COPY --chown=1:2 a b /x/
        """,
    "onbuild-of-all-kinds": """
        FROM team/start:1 AS s
        ONBUILD ARG A=1
        ONBUILD ENV E=$A
        ONBUILD LABEL l=$E
        ONBUILD WORKDIR /w
        ONBUILD ADD t.tar x/
        ONBUILD USER app
        ONBUILD EXPOSE 80
        ONBUILD VOLUME /v
        ONBUILD STOPSIGNAL 3
        ONBUILD HEALTHCHECK CMD x
        ONBUILD SHELL ["/bin/sh", "-ec"]
        ONBUILD CMD c
        ONBUILD ENTRYPOINT ["e"]
        FROM s
        CMD last
        """,
    "onbuild-is-used-up": """
        FROM team/start:1 AS s
        ONBUILD RUN echo once >> /seen
        FROM s AS t
        RUN echo t >> /seen
        FROM t
        RUN echo u >> /seen
        """,
    "onbuild-chain": """
        FROM team/start:1 AS s
        ONBUILD RUN echo of-s >> /seen
        FROM s AS t
        ONBUILD RUN echo of-t >> /seen
        RUN echo t >> /seen
        FROM t
        ONBUILD RUN echo of-u >> /seen
        RUN echo u >> /seen
        """,
    "onbuild-for-two-children": """
        FROM team/start:1 AS s
        ONBUILD COPY a /from-context
        ONBUILD RUN echo trigger >> /seen
        FROM s AS one
        RUN echo one >> /seen
        FROM s AS two
        COPY --from=one /seen /of-one
        """,
    "onbuild-before-the-own-instructions": """
        FROM team/start:1 AS s
        ENV X=s
        ONBUILD ENV X=trigger
        ONBUILD RUN echo $X > /one
        FROM s
        ENV X=own
        RUN echo $X > /two
        """,
    "onbuild-expands-in-the-child": """
        ARG META=meta
        FROM team/start:1 AS s
        ARG A=parent
        ENV E=parent
        ONBUILD ARG A=child
        ONBUILD ENV E=$A
        ONBUILD RUN echo "$A $E" > /seen
        FROM s
        LABEL a=$A e=$E
        """,
    "onbuild-text-is-kept": r"""
        FROM team/start:1
        onbuild   run   echo  "a   b" \
            'c'
        ONBUILD copy   a	b   /x/
        ONBUILD CMD ["a",   "b"]
        ONBUILD Env A=$B
        ONBUILD HEALTHCHECK --interval=5s CMD x
        """,
    "onbuild-cmd-is-no-cmd-of-the-child": """
        FROM team/start:1 AS s
        CMD ["s"]
        ONBUILD CMD ["trigger"]
        FROM s
        ENTRYPOINT ["e"]
        """,
    "onbuild-with-mount": current("""
        FROM team/start:1 AS s
        ONBUILD RUN --mount=target=/m cat /m/a > /seen
        FROM s
        """),
    "onbuild-of-an-unused-stage": """
        FROM team/start:1 AS s
        ONBUILD RUN false
        FROM s AS unused
        FROM team/start:1
        LABEL a=b
        """,
}
