"""COPY from stages and images."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.equivalence.dockerfiles.case import Case, current

if TYPE_CHECKING:
    from collections.abc import Mapping

CASES: Mapping[str, str | Case] = {
    "copy-from": """
        FROM team/start:1 AS s
        RUN mkdir -p /o/sub /o/bin && echo 1 > /o/f && ln /o/f /o/bin/g && ln -s f /o/l && ln -s /o/sub /o/abs \\
          && chmod 640 /o/f && chown 3:4 /o/f /o/sub && chmod 2770 /o/sub && ln -s /o /lo \\
          && touch /o/sub/z && ln /o/f /h
        FROM team/start:1
        COPY --from=s /o /one
        COPY --from=s /o/l /two
        COPY --from=0 /lo /three
        COPY --from=s /o/abs/ /four
        COPY --from=s /o/f /o/bin/g /h /five/
        COPY --from=s --chown=9 /o/* /six/
        COPY --from=team/start:1 /tmp /seven
        """,
    "copy-everything": "FROM scratch\nCOPY --from=team/start:1 / /\nRUN touch /x",
    "copy-from-modes-and-owners": current("""
        FROM team/start:1 AS s
        RUN mkdir -m 1777 /o && mkdir -m 700 /o/p && touch /o/p/f /o/g && chmod 6711 /o/g && chown -R 70:80 /o
        RUN chmod 0 /o/p/f; chmod 6711 /o/g
        FROM team/start:1
        COPY --from=s /o /1
        COPY --from=s /o/p /2/
        COPY --from=s /o/g /3
        COPY --from=s --chown=app /o /4
        COPY --from=s --chmod=750 /o /5
        USER app
        COPY --from=s /o/g /6/7
        """),
    "copy-from-special-files": current("""
        FROM team/start:1 AS s
        RUN mkdir /o && mknod /o/p p && mknod /o/c c 1 3 && chown 5:6 /o/p && chmod 600 /o/c
        FROM team/start:1
        COPY --from=s /o /1
        COPY --from=s /o/c /o/p /2/
        """),
    "copy-from-links": """
        FROM team/start:1 AS s
        RUN mkdir -p /o/d && echo f > /o/f && ln -s f /o/rel && ln -s /o/f /o/abs && ln -s /o/d /o/dir
        RUN ln -s f /o/bad; touch /o/d/in; ln -s ../../../../o/f /o/d/up; ln -s dir /o/chain; chown -h 5:6 /o/rel
        FROM team/start:1
        COPY --from=s /o /1
        COPY --from=s /o/rel /o/abs /2/
        COPY --from=s /o/dir /3
        COPY --from=s /o/chain/in /o/d/up /4/
        COPY --from=s /o/b* /5/
        COPY --from=s --chown=7:8 /o /6
        """,
    "copy-from-hard-links": """
        FROM team/start:1 AS s
        RUN mkdir -p /o/p /o/q && echo f > /o/p/f && ln /o/p/f /o/q/g && ln /o/p/f /o/h && ln /o/p/f /outside
        FROM team/start:1
        COPY --from=s /o /1
        COPY --from=s /o/p /o/q /2/
        COPY --from=s /o/p/f /o/q/g /3/
        COPY --from=s --chown=5 /o /4
        RUN echo more >> /1/h
        """,
    "copy-from-relative": """
        FROM team/start:1 AS s
        WORKDIR /w
        RUN mkdir x && echo f > x/f
        FROM team/start:1
        WORKDIR /v
        COPY --from=s w/x .
        COPY --from=s ./w/x/f g
        COPY --from=s /w/../w/x/ y
        """,
    "copy-from-removed-files": """
        FROM team/start:1 AS s
        RUN mkdir -p /o/p && touch /o/p/1 /o/p/2 /o/3
        RUN rm /o/p/1 && rm /o/3 && mkdir /o/3
        RUN rm -r /o/p && mkdir /o/p && touch /o/p/4
        FROM team/start:1
        COPY --from=s /o /1
        """,
    "copy-from-patterns": """
        FROM team/start:1 AS s
        RUN mkdir -p /o/a1 /o/a2/b && touch /o/a1/x /o/a1/.y /o/a2/x /o/a2/b/z /o/f1 /o/f2
        FROM team/start:1
        COPY --from=s /o/a* /1/
        COPY --from=s /o/*/x /2/
        COPY --from=s /o/f? /3/
        COPY --from=s /o/[a]2 /4
        COPY --from=s /o/a1/* /5/
        """,
    "copy-from-onto-existing": """
        FROM team/start:1 AS s
        RUN mkdir -p -m 750 /o/d && chown 5:6 /o/d && touch /o/d/f && ln -s d /o/l
        FROM team/start:1
        RUN mkdir -p -m 700 /t/d && chown 7:8 /t/d && touch /t/d/g && ln -s /etc/group /t/d/f
        COPY --from=s /o /t
        """,
    "copy-from-itself-earlier": """
        FROM team/start:1 AS s
        RUN mkdir /o && echo 1 > /o/f
        FROM s
        RUN echo 2 > /o/f
        COPY --from=s /o /p
        COPY --from=s /o/f /o/f
        """,
    "copy-from-an-image": """
        FROM scratch
        COPY --from=team/start:1 /bin/busybox /bin/sh
        COPY --from=team/start:1 /etc/ /etc/
        COPY --from=docker.io/team/start:1 /bin /links
        """,
    "copy-from-attributes": """
        FROM team/start:1 AS s
        ADD attributes.tar /o/
        FROM team/start:1
        COPY --from=s /o /1
        COPY --from=s /o/capable /2
        """,
    "copy-from-attributes-and-owner": """
        FROM team/start:1 AS s
        ADD attributes.tar /o/
        FROM team/start:1
        COPY --from=s --chown=5 /o /1
        COPY --from=s --chmod=711 /o /2
        """,
    "copy-from-with-user-and-workdir": """
        FROM team/start:1 AS s
        RUN mkdir /o && touch /o/f && chown 1000:1000 /o/f
        FROM team/start:1
        WORKDIR /home/app
        USER app
        COPY --from=s /o .
        COPY --from=s --chown=app:app /o mine/
        """,
    "copy-from-a-copy": """
        FROM scratch AS one
        COPY d /d
        FROM scratch AS two
        COPY --from=one /d /e
        COPY --from=one d/sub /e/sub2
        FROM two
        COPY --from=two /e/ /
        """,
    "copy-from-big-ids": """
        FROM team/start:1 AS s
        RUN mkdir /o && touch /o/f && chown 3000000:4000000000 /o/f /o
        FROM team/start:1
        COPY --from=s /o /1
        COPY --from=s /o/f /2
        """,
    "copy-from-sparse": """
        FROM team/start:1 AS s
        RUN mkdir /o && dd if=/dev/zero of=/o/s bs=1 count=1 seek=3000000
        FROM scratch
        COPY --from=s /o /
        """,
    "copy-from-link": current("""
        FROM team/start:1 AS s
        RUN mkdir -p /o/d && touch /o/d/f && ln -s d /o/l && chown -R 5:6 /o
        FROM team/start:1
        COPY --link --from=s /o /1/2
        COPY --link --from=s --chown=7 /o/l /3/
        """),
}
