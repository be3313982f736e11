"""Several stages in one file."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.equivalence.dockerfiles.case import Case

CASES: Mapping[str, str | Case] = {
    "platform": """
        FROM --platform=$BUILDPLATFORM team/start:1 AS s
        RUN echo "[$TARGETARCH]" > /before
        FROM team/start:1
        ARG TARGETPLATFORM
        ARG TARGETARCH
        LABEL p=$TARGETPLATFORM a=$TARGETARCH
        COPY --from=s /before /before
        """,
    "scratch": """
        FROM scratch
        COPY --chown=3:4 a /x/y/
        COPY d /d
        ENV A=b
        WORKDIR w
        USER 5
        """,
    "a-stage-and-its-configuration": """
        FROM team/start:1 AS s
        WORKDIR /s
        USER app
        LABEL a=b
        VOLUME /v
        SHELL ["/bin/sh", "-x", "-c"]
        MAINTAINER me
        FROM team/start:1 AS unused
        RUN false
        FROM s
        RUN pwd > /tmp/seen; id -u >> /tmp/seen
        """,
    "stages-unused-are-not-built": """
        FROM team/nothing-of-that-name:9 AS missing
        RUN false
        FROM missing AS also
        COPY nothing /
        FROM team/start:1
        LABEL a=b
        """,
    "stages-used-for-a-copy-alone": """
        FROM team/start:1 AS one
        RUN echo one > /one
        FROM one AS two
        RUN echo two > /two && rm /one
        FROM team/start:1
        COPY --from=two / /all/
        COPY --from=one /one /
        """,
    "stages-of-one-name": """
        FROM team/start:1 AS s
        RUN echo first > /seen
        FROM team/start:1 AS s
        RUN echo second > /seen
        FROM team/start:1
        COPY --from=s /seen /of-name
        COPY --from=0 /seen /of-first
        COPY --from=1 /seen /of-second
        """,
    "stages-called-like-an-image": """
        FROM team/start:1 AS busybox
        RUN echo mine > /seen
        FROM busybox
        COPY --from=busybox /seen /copied
        """,
    "stages-by-number-as-a-name": """
        FROM team/start:1
        RUN echo 0 > /seen
        FROM team/start:1 AS s.1-x_y
        RUN echo 1 > /seen
        FROM s.1-x_y
        COPY --from=0 /seen /of-0
        COPY --from=s.1-X_y /seen /of-1
        """,
    "stages-scratch-in-between": """
        FROM scratch AS files
        COPY a /one/
        COPY d /two
        FROM files
        COPY --from=files /two /three
        COPY b /one/
        """,
    "stages-three-deep": """
        FROM team/start:1 AS a
        ENV N=1
        RUN mkdir /t && touch /t/a$N
        FROM a AS b
        ENV N=2
        RUN touch /t/b$N; rm /t/a1
        FROM b AS c
        WORKDIR /t
        RUN touch c$N; mkdir a1
        FROM c
        CMD ["x"]
        RUN rmdir a1
        """,
    "stages-that-share-steps": """
        FROM team/start:1 AS one
        RUN echo same > /same
        RUN echo one > /one
        FROM team/start:1 AS two
        RUN echo same > /same
        RUN echo two > /two
        FROM team/start:1
        COPY --from=one /same /one /x/
        COPY --from=two /same /two /x/
        """,
    "stages-from-image-only": """
        FROM team/start:1
        """,
    "stages-from-image-and-no-layer": """
        FROM team/start:1
        ENV A=b
        CMD ["x"]
        """,
    "stages-everything-replaced": """
        FROM team/start:1 AS s
        RUN rm -rf /var /tmp /root /home && mkdir -m 1777 /tmp
        FROM scratch
        COPY --from=s / /
        COPY --from=s /etc/passwd /etc/passwd.2
        """,
    "stages-mount-of-a-later-image": """
        FROM team/start:1 AS tools
        RUN mkdir /tools && echo tool > /tools/t
        FROM team/start:1 AS build
        RUN --mount=from=tools,target=/mnt cat /mnt/tools/t > /built
        FROM scratch
        COPY --from=build /built /
        """,
}
