"""What is not files: commands, labels, ports, volumes, signals, health checks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.equivalence.dockerfiles.case import Case, current

if TYPE_CHECKING:
    from collections.abc import Mapping

CASES: Mapping[str, str | Case] = {
    "commands": r"""
        FROM team/start:1 AS s
        CMD ["inherited"]
        FROM s
        ENTRYPOINT exec  "$X"  'y'
        SHELL ["/bin/sh", "-ec"]
        CMD ['not', json] \
          && x
        HEALTHCHECK --interval=5m --timeout=3s --start-period=1m --retries=2 CMD curl "x" || exit 1
        RUN echo $0 > /seen
        """,
    "entrypoint-after-cmd": 'FROM team/start:1\nCMD ["a"]\nENTRYPOINT ["b"]\nHEALTHCHECK NONE',
    "entrypoint-resets-an-inherited-cmd": """
        FROM team/start:1 AS s
        CMD ["inherited"]
        FROM s
        ENTRYPOINT ["e"]
        """,
    "entrypoint-keeps-a-cmd-of-its-stage": """
        FROM team/start:1 AS s
        CMD ["inherited"]
        FROM s
        CMD ["own"]
        ENTRYPOINT ["e"]
        """,
    "entrypoint-in-stages": """
        FROM team/start:1 AS s
        ENTRYPOINT ["e"]
        CMD ["c"]
        FROM s AS t
        CMD ["d"]
        FROM t
        ENTRYPOINT echo shell
        """,
    "cmd-twice": """
        FROM team/start:1
        CMD ["one"]
        CMD two words
        ENTRYPOINT ["three"]
        ENTRYPOINT ["four"]
        """,
    "cmd-empty": 'FROM team/start:1 AS s\nCMD ["a"]\nENTRYPOINT ["b"]\nFROM s\nENTRYPOINT []\nCMD []\n',
    "shell": """
        FROM team/start:1 AS s
        SHELL ["/bin/sh", "-xc"]
        RUN echo "$-" > /one
        CMD one
        FROM s
        ENTRYPOINT two
        SHELL ["/bin/busybox", "sh", "-euc"]
        RUN echo "$-" > /two
        CMD three
        """,
    "shell-of-a-base-is-kept": """
        FROM team/start:1 AS s
        SHELL ["/bin/sh", "-ec"]
        FROM s AS t
        FROM t
        HEALTHCHECK CMD check
        RUN echo "$-" > /seen
        """,
    "healthcheck": """
        FROM team/start:1
        HEALTHCHECK CMD true
        """,
    "healthcheck-all-options": """
        FROM team/start:1
        HEALTHCHECK --retries=5 --start-period=1h1m1s --timeout=1.5s --interval=100ms CMD ["a", "b c"]
        """,
    "healthcheck-start-interval": current("""
        FROM team/start:1
        HEALTHCHECK --start-interval=2s --interval=0s CMD true
        """),
    "healthcheck-inherited": """
        FROM team/start:1 AS s
        HEALTHCHECK --interval=9s CMD true
        FROM s
        LABEL a=b
        """,
    "healthcheck-none-of-inherited": """
        FROM team/start:1 AS s
        HEALTHCHECK --interval=9s CMD true
        FROM s
        HEALTHCHECK NONE
        """,
    "healthcheck-replaced": """
        FROM team/start:1 AS s
        HEALTHCHECK --interval=9s --retries=3 CMD true
        FROM s
        HEALTHCHECK --timeout=2s CMD false
        """,
    "healthcheck-lower-case": """
        FROM team/start:1
        healthcheck --interval=1m cmd echo   "x   y"
        """,
    "labels": r"""
        FROM team/start:1
        ARG VERSION=1.2
        LABEL version=$VERSION "with space"="a b" quoted='$VERSION' dotted.name-x_y/z=1 empty="" e2=
        LABEL version="${VERSION}-$VERSION" url="http://x/?a=b&c=<d>" newline="a\nb" tab="a	b"
        LABEL maintainer=me multi="line one \
        line two" json="{\"a\": [1, 2]}"
        """,
    "labels-inherited": """
        FROM team/start:1 AS s
        LABEL a=1 b=2
        FROM s
        LABEL b=3 c=4
        LABEL a=
        """,
    "labels-legacy": r"""
        FROM team/start:1
        LABEL one two three
        LABEL quoted "quoted value" tail
        LABEL four $HOME\ x
        """,
    "labels-many": "FROM team/start:1\nLABEL " + " ".join(f"k{n}=v{n}" for n in range(200)),
    "labels-twice-in-one": """
        FROM team/start:1
        LABEL a=1 a=2 A=3
        """,
    "labels-key-with-variable": """
        FROM team/start:1
        ENV K=key
        LABEL $K=1 "${K}.x"=2 pre$K.post=3
        """,
    "facts": """
        FROM team/start:1
        ARG PORTS="80 81/udp"
        EXPOSE $PORTS 90-92/tcp
        EXPOSE 127.0.0.1:8080:9000/TCP
        VOLUME /a b/../c
        VOLUME ["/d e", "$PORTS"]
        STOPSIGNAL 9
        MAINTAINER  Some One <x@example.com>
        USER ${NOBODY:-app}:0$NOGROUP
        """,
    "expose": """
        FROM team/start:1 AS s
        EXPOSE 80 443/tcp 53/udp 53/tcp 9/sctp
        FROM s
        EXPOSE 80 100-103/udp
        EXPOSE 8080:80 70-71:170-171
        """,
    "expose-case-and-order": """
        FROM team/start:1
        EXPOSE 9000/TCP 1000/Udp 1 65535
        """,
    "volume-forms": """
        FROM team/start:1
        VOLUME /a /b
        VOLUME ["/c", "/d e"]
        VOLUME "/quoted"
        VOLUME rel/ative
        VOLUME /trailing/
        """,
    "volume-keeps-what-is-below": """
        FROM team/start:1
        RUN mkdir /v && echo before > /v/before
        VOLUME /v
        RUN echo after > /v/after; rm /v/before
        COPY a /v/copied
        """,
    "volume-inherited": """
        FROM team/start:1 AS s
        VOLUME /v
        FROM s
        VOLUME /w
        RUN mkdir /v && touch /v/x
        """,
    "stopsignal": """
        FROM team/start:1 AS s
        STOPSIGNAL SIGTERM
        FROM s
        ARG S=quit
        STOPSIGNAL $S
        """,
    "stopsignal-realtime": """
        FROM team/start:1
        STOPSIGNAL RTMIN+3
        """,
    "maintainer": """
        FROM team/start:1 AS s
        MAINTAINER "One" two   three
        FROM s
        LABEL a=b
        """,
    "user-forms": """
        FROM team/start:1
        USER app
        RUN id -u > /tmp/1; id -g >> /tmp/1; id -G >> /tmp/1
        USER 1000
        RUN id -u > /tmp/2; id -g >> /tmp/2; id -G >> /tmp/2
        USER app:extra
        RUN id -u > /tmp/3; id -g >> /tmp/3; id -G >> /tmp/3
        USER 77:88
        RUN id -u > /tmp/4; id -g >> /tmp/4; id -G >> /tmp/4
        USER root:2000
        RUN id -u > /tmp/5; id -g >> /tmp/5; id -G >> /tmp/5
        USER 55
        RUN id -u > /tmp/6; id -g >> /tmp/6; id -G >> /tmp/6
        """,
    "user-quoted": """
        FROM team/start:1
        ENV U=app
        USER "$U":"extra"
        """,
    "user-made-in-between": """
        FROM team/start:1
        RUN echo late:x:1234:2345::/late:/bin/sh >> /etc/passwd; echo lateg:x:3456:late >> /etc/group
        USER late
        RUN id -u > /tmp/1; id -g >> /tmp/1; id -G >> /tmp/1; echo $HOME >> /tmp/1
        WORKDIR /made
        USER late:lateg
        RUN id -u > /tmp/2; id -g >> /tmp/2
        COPY --chown=late:lateg a /x/y
        """,
    "user-inherited": """
        FROM team/start:1 AS s
        USER app
        FROM s
        RUN id -u > /tmp/seen
        WORKDIR /home/app/w
        COPY a b
        """,
    "everything-on-scratch": """
        FROM scratch
        COPY a /a
        LABEL a=b
        ENV PATH=/x
        EXPOSE 1
        VOLUME /v
        USER 1:2
        STOPSIGNAL 1
        ENTRYPOINT ["/a"]
        CMD ["x"]
        """,
}
