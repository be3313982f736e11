"""ARG and ENV: which values a line sees."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.equivalence.dockerfiles.case import Case, current

if TYPE_CHECKING:
    from collections.abc import Mapping

CASES: Mapping[str, str | Case] = {
    "arg-scopes": """
        ARG V=1
        ARG IMAGE=team/start
        FROM ${IMAGE}:${V}
        ARG V
        ARG W="$V two" X
        LABEL v=$V w="$W" x="[$X]" image="[$IMAGE]"
        RUN echo "$V|$W|${X:-none}|${IMAGE+set}" > /seen
        """,
    "arg-before-from-again-with-another-default": """
        ARG V=1
        FROM team/start:$V
        ARG V=mine
        RUN echo "$V" > /seen
        """,
    "arg-before-from-made-of-others": """
        ARG REPOSITORY=team
        ARG NAME=start TAG=1
        ARG WHOLE=${REPOSITORY}/${NAME}:${TAG}
        FROM $WHOLE
        ARG WHOLE
        ARG TAG
        LABEL whole=$WHOLE tag=$TAG name=[$NAME]
        """,
    "arg-from-outside": """
        ARG OVER=inside
        FROM team/start:1
        RUN echo "[$GIVEN][$OVER]" > /undeclared
        ARG GIVEN
        ARG OVER=default
        ARG EMPTY=default
        RUN echo "[$GIVEN][$OVER][$EMPTY][${EMPTY-unset}]" > /declared
        LABEL given=$GIVEN over=$OVER empty=[$EMPTY]
        """,
    "arg-from-outside-does-not-beat-a-later-env": """
        FROM team/start:1
        ARG OVER=default
        ENV OVER=env
        RUN echo "$OVER" > /seen
        LABEL over=$OVER
        """,
    "arg-after-env-of-the-same-name": """
        FROM team/start:1
        ENV A=env
        ARG A=arg
        ENV B=$A
        RUN echo "$A $B" > /seen
        """,
    "arg-ends-with-its-stage": """
        FROM team/start:1 AS s
        ARG A=1
        RUN echo "[$A]" > /one
        FROM team/start:1
        RUN echo "[$A]" > /two
        COPY --from=s /one /one
        """,
    "arg-of-a-stage-below": """
        FROM team/start:1 AS s
        ARG A=1
        ENV E=$A
        FROM s
        RUN echo "[$A][$E]" > /seen
        LABEL a=[$A] e=[$E]
        """,
    "arg-twice": """
        FROM team/start:1
        ARG A=1
        ARG A=2
        ARG A
        RUN echo "$A" > /seen
        """,
    "arg-without-value-after-env": """
        FROM team/start:1
        ENV A=env
        ARG A
        RUN echo "[$A]" > /seen
        LABEL a=$A
        """,
    "arg-in-the-shell-alone": r"""
        FROM team/start:1
        ARG A="it's \"quoted\" \$HOME"
        RUN printf '%s\n' "$A" '$A' \$A > /seen
        RUN ["/bin/sh", "-c", "printf '%s' \"$A\" > /exec"]
        """,
    "env-and-arg": """
        FROM team/start:1 AS s
        ENV A=env B=env
        ARG A=arg
        ARG C=arg
        ENV C=env
        RUN echo $A $B $C > /seen
        FROM s
        ARG B
        RUN echo $A $B $C > /later
        LABEL a=$A b=$B c=$C
        """,
    "env-words": r"""
        FROM team/start:1
        ENV A=1 B=
        ENV A=2 C=$A D=${A}x E="a b" F=a\ b G='$A' H="\$A" I="${B:-none}${A:+set}"
        ENV J $A  two   words
        ENV PATH=/x:$PATH
        LABEL "a b"=$C d='$D' e="$E" multi="one \
        two" empty=
        LABEL old form of   it
        RUN printf '%s\n' "$A" "$B" "$C" "$D" "$E" "$F" "$G" "$H" "$I" "$J" "$PATH" > /seen
        """,
    "env-legacy": r"""
        FROM team/start:1
        ENV A one
        ENV B  "quoted  words" and more
        ENV C it is=not a pair
        ENV D $A\ $B
        ENV E 	tab	separated
        RUN printf '[%s]\n' "$A" "$B" "$C" "$D" "$E" > /seen
        """,
    "env-one-line-sees-the-line-before": """
        FROM team/start:1
        ENV a=hello
        ENV a=bye b=$a
        ENV c=$a
        RUN echo "$a $b $c" > /seen
        """,
    "env-order-is-kept-when-changed": """
        FROM team/start:1
        ENV Z=1 A=2 M=3
        ENV A=changed N=4
        ENV Z=
        """,
    "env-names": """
        FROM team/start:1
        ENV a.b=1 c-d=2 _=3 É=4 0x=5
        ENV N=name
        ENV $N=value
        RUN tr '\\0' '\\n' < /proc/self/environ | grep -e ^a.b= -e ^c-d= -e ^0x= -e ^_= -e ^name= | sort > /seen
        """,
    "env-quotes": r"""
        FROM team/start:1
        ENV A='single $HOME "double" \n' B="double 'single' \" \\ \x" C=mixed"quo"'ted' D="" E=''
        ENV F=\"escaped\" G=\$A H=\\ I="$A" J='it'"'"'s'
        RUN printf '[%s]\n' "$A" "$B" "$C" "$D" "$E" "$F" "$G" "$H" "$I" "$J" > /seen
        """,
    "env-over-lines": """
        FROM team/start:1
        ENV A=1 \\
            B="two \\
        lines" \\
            # in between
            C=3
        RUN echo "$A|$B|$C" > /seen
        """,
    "env-of-home-and-user": """
        FROM team/start:1
        RUN echo "$HOME $PATH" > /root-home
        USER app
        RUN echo "$HOME" > /tmp/app-home
        USER 4321
        RUN echo "$HOME" > /tmp/none-home
        ENV HOME=/elsewhere
        RUN echo "$HOME" > /tmp/set-home
        """,
    "env-path-of-an-exec-form": """
        FROM team/start:1
        COPY --chmod=755 x.sh /tools/own
        ENV PATH=/tools:/bin
        RUN ["own"]
        RUN ["sh", "-c", "echo $PATH > /seen"]
        """,
    "env-in-places": """
        FROM team/start:1
        ENV D=/place U=app P=8080 S=SIGINT M=d C=app:extra
        WORKDIR $D/sub
        COPY --chown=$C $M ./${M}x/
        ADD ${M}/c $D/
        EXPOSE $P ${P}/udp
        VOLUME $D/v
        USER $U
        STOPSIGNAL $S
        LABEL "$U"=$D ${P}=x
        RUN pwd > /tmp/seen
        """,
    "env-not-in-cmd": """
        FROM team/start:1
        ENV A=1
        ENTRYPOINT ["echo", "$A"]
        CMD echo $A
        HEALTHCHECK CMD test $A
        SHELL ["/bin/sh", "$A"]
        """,
    "platform-arguments": """
        FROM --platform=$TARGETPLATFORM team/start:1
        RUN echo "[$TARGETOS][$BUILDARCH]" > /undeclared
        ARG TARGETOS TARGETARCH TARGETVARIANT
        ARG BUILDPLATFORM BUILDOS BUILDARCH
        ARG TARGETPLATFORM
        RUN echo "[$TARGETOS][$TARGETARCH][$TARGETVARIANT][$TARGETPLATFORM]" > /target
        RUN echo "[$BUILDOS][$BUILDARCH][$BUILDPLATFORM]" > /build
        """,
    "platform-argument-with-a-default": """
        FROM team/start:1
        ARG TARGETOS=mine
        RUN echo "$TARGETOS" > /seen
        """,
    "predefined-arguments": """
        FROM team/start:1
        RUN echo "[$http_proxy][$HTTPS_PROXY][$no_proxy]" > /seen
        ARG NO_PROXY=here
        RUN echo "[$NO_PROXY]" > /declared
        """,
    "buildkit-arguments": current("""
        FROM team/start:1
        ARG BUILDKIT_CONTEXT_KEEP_GIT_DIR
        RUN echo "[$BUILDKIT_CONTEXT_KEEP_GIT_DIR]" > /seen
        """),
}
