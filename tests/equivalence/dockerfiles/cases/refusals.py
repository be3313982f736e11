"""What neither side builds.

Not here: a file that has an ARG and no FROM. Docker's daemon, old and current, ends with a panic.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.equivalence.dockerfiles.case import Case, refused

if TYPE_CHECKING:
    from collections.abc import Mapping

CASES: Mapping[str, str | Case] = {
    "refused-directory-for-a-file": refused("FROM team/start:1\nRUN mkdir -p /t/c\nCOPY d /t"),
    "refused-file-for-a-directory": refused("FROM team/start:1\nRUN mkdir /t && touch /t/sub\nCOPY d /t"),
    "refused-file-on-the-way": refused("FROM team/start:1\nCOPY a /etc/passwd/x"),
    "refused-link-to-nothing": refused("FROM team/start:1\nCOPY dangling /x"),
    "refused-loop": refused("FROM team/start:1\nRUN ln -s /y /x && ln -s /x /y\nCOPY a /x"),
    "refused-user-that-is-not": refused("FROM team/start:1\nUSER nobodyhere\nRUN true"),
    "refused-group-that-is-not": refused("FROM team/start:1\nUSER app:nogroup\nRUN true"),
    "refused-workdir-that-is-a-file": refused("FROM team/start:1\nWORKDIR /etc/passwd"),
    "refused-ignored": refused("FROM team/start:1\nCOPY secret /x"),
    "refused-exit-code": refused("FROM team/start:1\nRUN false"),
    "refused-exec-form-without-program": refused('FROM team/start:1\nRUN ["nothing-of-that-name"]'),
    "refused-missing-source": refused("FROM team/start:1\nCOPY nothing /x"),
    "refused-pattern-in-no-directory": refused("FROM team/start:1\nCOPY no/* /x/"),
    "refused-missing-source-of-a-stage": refused(
        "FROM team/start:1 AS s\nFROM team/start:1\nCOPY --from=s /no /x"
    ),
    "refused-chown-by-name-on-scratch": refused("FROM scratch\nCOPY --chown=app a /x"),
    "refused-no-from": refused("RUN true"),
    "refused-nothing": refused("# only a comment"),
    "refused-instruction-before-from": refused("ENV A=1\nFROM team/start:1"),
    "refused-unknown-instruction": refused("FROM team/start:1\nCOPPY a /x"),
    "refused-unknown-flag": refused("FROM team/start:1\nCOPY --chwon=1 a /x"),
    "refused-flag-twice": refused("FROM team/start:1\nCOPY --chown=1 --chown=2 a /x"),
    "refused-empty-from": refused("ARG IMAGE\nFROM $IMAGE\nLABEL a=b"),
    "refused-from-of-three-words": refused("FROM team/start:1 IS s"),
    "refused-stage-name": refused("FROM team/start:1 AS 1st"),
    "refused-stage-that-comes-later": refused(
        "FROM team/start:1 AS s\nCOPY --from=later /etc /x\nFROM team/start:1 AS later\nFROM s",
        needs="26.1",
    ),
    "refused-stage-number": refused("FROM team/start:1\nCOPY --from=7 /x /x"),
    "refused-copy-from-itself": refused("FROM team/start:1 AS s\nCOPY --from=s /etc /x"),
    "refused-circle": refused("FROM b AS a\nFROM a AS b"),
    "refused-copy-without-destination": refused("FROM team/start:1\nCOPY a"),
    "refused-env-without-value": refused("FROM team/start:1\nENV A"),
    "refused-env-mixed": refused("FROM team/start:1\nENV A=1 B"),
    "refused-label-without-value": refused("FROM team/start:1\nLABEL A"),
    "refused-open-quote": refused('FROM team/start:1\nENV A="b'),
    "refused-open-brace": refused("FROM team/start:1\nLABEL a=${A"),
    "refused-modifier": refused("FROM team/start:1\nLABEL a=${A:=b}"),
    "refused-required-variable": refused("FROM team/start:1\nLABEL a=${A:?must be set}"),
    "refused-expose": refused("FROM team/start:1\nEXPOSE eighty"),
    "refused-expose-protocol": refused("FROM team/start:1\nEXPOSE 80/icmpx"),
    "refused-expose-range": refused("FROM team/start:1\nEXPOSE 90-80"),
    "refused-stopsignal": refused("FROM team/start:1\nSTOPSIGNAL SIGNOTHING"),
    "refused-shell-form-of-shell": refused("FROM team/start:1\nSHELL /bin/sh -c"),
    "refused-healthcheck": refused("FROM team/start:1\nHEALTHCHECK true"),
    "refused-healthcheck-none-with-words": refused("FROM team/start:1\nHEALTHCHECK NONE x"),
    "refused-healthcheck-interval": refused("FROM team/start:1\nHEALTHCHECK --interval=5 CMD true"),
    "refused-healthcheck-retries": refused("FROM team/start:1\nHEALTHCHECK --retries=-1 CMD true"),
    "refused-onbuild-onbuild": refused("FROM team/start:1\nONBUILD ONBUILD RUN true"),
    "refused-onbuild-from": refused("FROM team/start:1\nONBUILD FROM scratch"),
    "refused-onbuild-maintainer": refused("FROM team/start:1\nONBUILD MAINTAINER me"),
    "refused-trigger-that-fails": refused("FROM team/start:1 AS s\nONBUILD RUN false\nFROM s"),
    "refused-directive-twice": refused("# escape=`\n# escape=`\nFROM team/start:1"),
    "refused-escape-directive": refused("# escape=x\nFROM team/start:1"),
    "refused-json-with-a-number": refused('FROM team/start:1\nENTRYPOINT ["a", 1]'),
    "refused-json-with-an-array": refused('FROM team/start:1\nHEALTHCHECK CMD ["a", ["b"]]'),
    "refused-label-with-an-open-quote": refused('FROM team/start:1\nLABEL "a b" c'),
    "refused-mount-type": refused("FROM team/start:1\nRUN --mount=type=nothing,target=/m true"),
    "refused-mount-option": refused("FROM team/start:1\nRUN --mount=type=bind,target=/m,what=1 true"),
    "refused-mount-without-target": refused("FROM team/start:1\nRUN --mount=type=cache true"),
    "refused-mount-source": refused("FROM team/start:1\nRUN --mount=source=nothing,target=/m true"),
    "refused-mount-secret-required": refused(
        "FROM team/start:1\nRUN --mount=type=secret,id=absent,required true"
    ),
    "refused-mount-read-only": refused("FROM team/start:1\nRUN --mount=target=/m touch /m/x"),
    "refused-network": refused("FROM team/start:1\nRUN --network=nothing true"),
    "refused-add-of-a-cut-archive": refused("FROM team/start:1\nADD cut.tar /t/"),
    "refused-heredoc-that-does-not-end": refused("FROM team/start:1\nRUN <<EOF\ntrue", needs="26.1"),
    "refused-heredoc-as-a-destination": refused("FROM team/start:1\nCOPY a <<EOF\nx\nEOF", needs="26.1"),
    "refused-run-on-scratch": refused("FROM scratch\nRUN true"),
    "refused-volume-empty": refused('FROM team/start:1\nVOLUME [""]'),
    "refused-user-empty": refused("FROM team/start:1\nUSER"),
}
