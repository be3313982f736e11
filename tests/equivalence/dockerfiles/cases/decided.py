"""What Docker does otherwise, each difference by itself; see ``decisions``."""

from __future__ import annotations

import tarfile
from typing import TYPE_CHECKING

from tests.equivalence.dockerfiles.case import Case, File, Link, current
from tests.equivalence.dockerfiles.context import archive, member

if TYPE_CHECKING:
    from collections.abc import Mapping

CASES: Mapping[str, str | Case] = {
    "decided-context-modes": Case(
        "FROM team/start:1\nCOPY . /all/\n",
        files={
            "private": File("p", 0o600),
            "group": File("g", 0o664),
            "tool": File("t", 0o700),
            "d/others": File("o", 0o646),
        },
    ),
    "decided-context-links": Case(
        "FROM team/start:1\nCOPY . /all/\n", files={"one": "same", "two": File(same_as="one")}
    ),
    "decided-setuid-file": Case("FROM team/start:1\nCOPY tool /\n", files={"tool": File("t", 0o4755)}),
    "decided-privileges": """
        FROM team/start:1
        RUN grep NoNewPrivs /proc/self/status > /seen
        """,
    "decided-host-settings": """
        FROM team/start:1
        RUN echo "[$PIP_CONFIG_FILE]" > /seen; ls -A /run > /run-seen
        """,
    "decided-mount-stubs": """
        FROM team/start:1
        RUN --mount=source=d,target=/new/deep true
        RUN --mount=type=secret,id=token true
        RUN touch /d
        """,
    "decided-whiteout-name": "FROM team/start:1\nRUN touch /.wh.x\n",
    "decided-archive-devices": Case(
        "FROM team/start:1\nADD device.tar /\n",
        files={"device.tar": archive([member("pipe", mode=0o600, kind=tarfile.FIFOTYPE)])},
    ),
    "decided-touched-hard-link": """
        FROM team/start:1
        RUN echo x > /a && ln /a /b
        RUN touch /a
        """,
    "decided-workdir-as-written": current("FROM team/start:1\nWORKDIR /w/../x/\n"),
    "decided-more-pattern-without-match": "FROM team/start:1\nCOPY d/no* /x/\n",
    "decided-more-pattern-and-link-to-nothing": Case(
        "FROM team/start:1\nCOPY [f] /x/\n",
        needs="26.1",
        files={"f/a": "a", "f/l": Link("nowhere")},
    ),
    "decided-more-pattern-and-link-to-a-file": Case(
        "FROM team/start:1\nCOPY */a /x/\n", files={"f/a": "f", "k": Link("a")}
    ),
    "decided-unknown-owner": "FROM team/start:1\nCOPY --chown=nobodyhere a /x\n",
    "decided-unknown-group": "FROM team/start:1\nCOPY --chown=app:nogroup a /x\n",
    "decided-empty-group": "FROM team/start:1\nCOPY --chown=app: a /x\n",
    "decided-empty-user": "FROM team/start:1\nCOPY --chown=:extra a /x\n",
    "decided-several-to-one-file": "FROM team/start:1\nCOPY a b /etc/passwd\n",
    "decided-several-without-slash": "FROM team/start:1\nCOPY a b /new\n",
    "decided-empty-workdir": "FROM team/start:1\nWORKDIR $NONE\n",
    "decided-tmpfs-mode": """
        FROM team/start:1
        RUN --mount=type=tmpfs,target=/mnt stat -c %a /mnt > /seen
        """,
    "decided-cache-mode": """
        FROM team/start:1
        RUN --mount=type=cache,target=/mnt,id=decided-cache-mode,mode=2770 stat -c %a /mnt > /seen
        """,
    "decided-more-stage-in-capitals": "FROM team/start:1 AS s\nENV A=b\nFROM S\n",
    "decided-more-mount-from-a-number": """
        FROM team/start:1
        RUN mkdir /o
        FROM team/start:1
        RUN --mount=from=0,target=/mnt ls -d /mnt/o > /seen
        """,
    "decided-more-trigger-of-a-stage": """
        FROM team/start:1 AS tools
        RUN echo tool > /tool
        FROM team/start:1 AS s
        ONBUILD COPY --from=tools /tool /tool
        FROM s
        """,
    "decided-more-ignore-escapes": Case(
        "FROM team/start:1\nCOPY . /all/\n", files={"e": "e"}, ignore="\\\\e\n"
    ),
    "decided-newer-json": 'FROM team/start:1\nCMD ["a"] b\n',
    "decided-dot-at-the-end": "FROM team/start:1\nCOPY a /x/.\n",
    "decided-newer-archive-owner": "FROM team/start:1\nADD --chown=7:8 t.tar /x/\n",
    "decided-newer-archive-links": "FROM team/start:1\nRUN mkdir /x /p && ln -s /p /x/p\nADD t.tar /x/\n",
    "decided-newer-stage": 'FROM team/start:1\nARG TARGETSTAGE\nRUN echo "[$TARGETSTAGE]" > /seen\n',
    "decided-newer-chmod": "FROM team/start:1\nCOPY --chmod=u+x a /x\n",
    "decided-shift": current("FROM team/start:1\nRUN echo $((1 << 2)) > /seen\n"),
    "decided-link": current("FROM team/start:1\nRUN mkdir -m 700 /t\nCOPY --link a /t/\n"),
    "decided-link-over-a-link": current(
        "FROM team/start:1\nRUN mkdir /r && ln -s r /l\nCOPY --link a /l/x\n"
    ),
    "decided-block-devices": current("""
        FROM team/start:1 AS s
        RUN mknod /b b 7 0
        FROM scratch
        COPY --from=s /b /b
        """),
    "decided-character-devices": """
        FROM team/start:1 AS s
        RUN mknod /n c 1 3
        FROM team/start:1
        COPY --from=s /n /n
        """,
    "decided-history-of-branches": """
        FROM team/start:1 AS base
        RUN mkdir /t && touch /t/base
        FROM base AS left
        RUN rm -r /t
        FROM base AS right
        RUN touch /t/right
        FROM left
        COPY --from=right /t /t
        """,
}
