"""``$variables`` with modifiers, in all places that expand them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.equivalence.dockerfiles.case import Case, current

if TYPE_CHECKING:
    from collections.abc import Mapping

CASES: Mapping[str, str | Case] = {
    "expand-defaults": """
        FROM team/start:1
        ENV SET=set EMPTY=
        LABEL a=${SET:-x} b=${EMPTY:-x} c=${UNSET:-x} d=${SET:+x} e=[${EMPTY:+x}] f=[${UNSET:+x}]
        """,
    "expand-defaults-without-a-colon": current("""
        FROM team/start:1
        ENV SET=set EMPTY=
        LABEL a=${SET-x} b=[${EMPTY-x}] c=${UNSET-x} d=${SET+x} e=[${EMPTY+x}] f=[${UNSET+x}]
        """),
    "expand-required": current("""
        FROM team/start:1
        ENV SET=set EMPTY=
        LABEL a=${SET:?no} b=[${EMPTY?no}]
        """),
    "expand-nested": """
        FROM team/start:1
        ENV A=a B=b
        LABEL a=${X:-${Y:-${A}}} b=${X:-$A$B} c=${A:+${B:+both}} d=${X:-"q u"} e="${X:-a b}" f=${X:-'$A'}
        """,
    "expand-what-is-no-name": r"""
        FROM team/start:1
        ENV A=a
        LABEL a="$" b="$ x" c="a$" d="$-x" e="\${A}" f='${A}' g="$A-$A.$A/$A" h="$AB[$A]" i="${A}B"
        """,
    "expand-special-parameters": current("""
        FROM team/start:1
        LABEL a="[$1]" b="[$@]" c="[${2}]" d="[$12x]" e="[$?]" f="[$$]"
        """),
    "expand-an-empty-word-in-expose": """
        FROM team/start:1
        ARG NONE
        EXPOSE 80 $NONE ${MORE:-81}
        """,
    "expand-shortest-prefix": current("""
        FROM team/start:1
        ENV P=/usr/local/lib/x.tar.gz
        LABEL a=${P#*/} b=${P#/usr} c=${P#nothing} d=${P#?} e=${P#/*l} f=${P#*.}
        """),
    "expand-longest-prefix": current("""
        FROM team/start:1
        ENV P=/usr/local/lib/x.tar.gz
        LABEL a=${P##*/} b=${P##/usr} c=${P##nothing} d=[${P##*}] e=${P##/*l} f=${P##*.}
        """),
    "expand-shortest-suffix": current("""
        FROM team/start:1
        ENV P=/usr/local/lib/x.tar.gz
        LABEL a=${P%.*} b=${P%/*} c=${P%gz} d=${P%nothing} e=${P%?} f=${P%l*} g=[${P%"*"}]
        """),
    "expand-longest-suffix": current("""
        FROM team/start:1
        ENV P=/usr/local/lib/x.tar.gz
        LABEL a=${P%%.*} b=[${P%%/*}] c=${P%%l*} d=[${P%%*}] e=${P%%nothing}
        """),
    "expand-replace-first": current(r"""
        FROM team/start:1
        ENV P=a-b-c D=x/y/z
        LABEL a=${P/-/_} b=${P/-/} c=${P/?/X} d=${P/*/all} e=${P/q/x} f=${D/\//.} g=${P/b-/$D}
        """),
    "expand-replace-all": current(r"""
        FROM team/start:1
        ENV P=a-b-c D=x/y/z
        LABEL a=${P//-/_} b=${P//-/} c=${P//?/X} d=${P//[ab]/q} e=${D//\//.} f=${P//q/x} g="${P//-/ }"
        """),
    "expand-patterns-escaped": current(r"""
        FROM team/start:1
        ENV S='a*b?c' Q="x]y[z"
        LABEL a=${S#a\*} b=${S%\?c} c=${S/\*/star} d=${S//\?/q} e=${Q/]/-}
        """),
    "expand-patterns-with-variables": current("""
        FROM team/start:1
        ENV V=1.2.3 SEP=. WORD=1.2
        LABEL a=${V#$WORD} b=${V%$SEP*} c=${V%%${SEP}*} d=${V//$SEP/-} e=${V/$WORD/$SEP}
        """),
    "expand-in-arg-defaults": current("""
        ARG FULL=team/start:1
        ARG NAME=${FULL%:*}
        FROM ${NAME}:${FULL##*:}
        ARG FULL
        ARG SHORT=${FULL#*/} BASE=${FULL%%/*}
        RUN echo "$SHORT $BASE" > /seen
        """),
    "expand-in-copy": """
        FROM team/start:1
        ARG N=a
        ENV TO=/to EMPTY=
        COPY ${N} $TO/
        COPY ${X:-b} ${TO}/${EMPTY:-deep}/
        COPY $EMPTY$N $TO/$N.2
        """,
    "expand-in-exec-forms": """
        FROM team/start:1
        ENV N=a TO="/with space"
        COPY ["$N", "b", "$TO/"]
        VOLUME ["$TO/v"]
        RUN ["touch", "/$N"]
        """,
    "expand-in-from": """
        ARG STAGE=one
        ARG NONE
        FROM team/start:1${NONE} AS one
        RUN echo one > /seen
        FROM team/start:${NONE:-1} AS two
        RUN echo two > /seen
        FROM ${STAGE}
        COPY --from=two /seen /other
        """,
    "expand-onbuild-not": """
        FROM team/start:1
        ENV A=1
        ONBUILD RUN echo $A
        ONBUILD LABEL a=${A}
        """,
}
