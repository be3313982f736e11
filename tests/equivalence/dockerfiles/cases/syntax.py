"""How a Dockerfile is read: lines, comments, directives, keywords, and the two forms of a command."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.equivalence.dockerfiles.case import Case, current

if TYPE_CHECKING:
    from collections.abc import Mapping

CASES: Mapping[str, str | Case] = {
    "escape": """
        # escape=`
        FROM team/start:1
        RUN echo one `
        # a comment between

          two > /seen
        LABEL path=c:\\x q=a` b
        """,
    "escape-and-variables": r"""
        # escape=`
        FROM team/start:1
        ENV A=a
        LABEL a=`$A b="`$A" c=\$A d='`$A' e="``" f="\\" g=a`"b
        COPY --chmod=640 a `
          /x
        """,
    "escape-is-too-late": r"""
        # a comment first
        # escape=`
        FROM team/start:1
        RUN echo one \
          two > /seen
        """,
    "escape-in-other-letters": """
        #   EsCaPe  =  `
        FROM team/start:1
        RUN echo one `
          two > /seen
        """,
    "directive-unknown": """
        # what=ever
        # escape=`
        FROM team/start:1
        LABEL a=b
        """,
    "directive-check": current("""
        # check=skip=all
        FROM team/start:1
        LABEL a=b
        """),
    "comments-and-blank-lines": """
        # first

        FROM team/start:1
          # indented
        RUN echo one \\
        # in between
            # indented
          && echo "# not a comment" \\

          > /seen

        # LABEL a=b \\
        LABEL c="# no" d=#no
        # last \\
        """,
    "comment-at-the-end-of-a-continuation": """
        FROM team/start:1
        RUN echo one > /seen \\
        # nothing more
        """,
    "continuation-in-a-word": r"""
        FROM team/start:1
        RUN ec\
        ho joi\
            ned > /seen
        LABEL a=one\
        two b="three \
            four"
        E\
        NV A=b
        """,
    "continuation-with-spaces-behind": "FROM team/start:1\nRUN echo one \\  \n  two > /seen\nLABEL a=b \\\t\n c=d\n",
    "continuation-of-single-quotes": r"""
        FROM team/start:1
        RUN echo 'one \
          two' > /seen
        LABEL a='x \
        y'
        """,
    "crlf": "FROM team/start:1\r\nRUN echo one \\\r\n  two > /seen\r\nLABEL a=b\r\nENV C d e\r\n",
    "byte-order-mark": "\ufeffFROM team/start:1\nLABEL a=b\n",
    "no-newline-at-the-end": "FROM team/start:1\nRUN echo end > /seen",
    "case-and-spaces": "  from team/start:1 as Base\n\trun\techo 1 > /one\nFrom base\n  COPY\ta\tb*   /x/\n"
    "FROM base\ncopy --from=bASE /one\t/two\n",
    "case-of-all-keywords": """
        aRG v=1
        fRoM team/start:$v
        lAbEl A=b
        eNv C=d
        WorkDir /w
        Add a .
        User app
        Volume /v
        Expose 1
        Entrypoint ["x"]
        Cmd ["y"]
        StopSignal 3
        Shell ["/bin/sh", "-c"]
        HealthCheck none
        OnBuild run true
        """,
    "json-that-does-not-parse": r"""
        FROM team/start:1
        CMD ["single', "quotes"]
        ENTRYPOINT ['a', 'b']
        """,
    "json-that-is-no-array": """
        FROM team/start:1
        ENTRYPOINT {"a": "b"}
        CMD "a"
        HEALTHCHECK CMD 1
        """,
    "json-with-something-behind": """
        FROM team/start:1
        RUN [ "a" = "a" ] && echo yes > /seen
        ENTRYPOINT  [ -f /x ] || exit 1
        """,
    "json-with-a-comma-at-the-end": """
        FROM team/start:1
        CMD ["a", "b",]
        """,
    "json-escapes": r"""
        FROM team/start:1
        CMD ["tab\t", "quote\"", "back\\slash", "\u00e9\u4e2d", "\/", "<>&", "\ud83d\ude00"]
        ENTRYPOINT ["line\nline", ""]
        """,
    "json-bad-escape": r"""
        FROM team/start:1
        CMD ["c:\windows"]
        """,
    "json-over-lines": """
        FROM team/start:1
        CMD [ "a", \\
              # not this
              "b", \\
              "c" ]
        """,
    "json-empty": """
        FROM team/start:1
        ENTRYPOINT []
        CMD [ ]
        """,
    "json-sources": """
        FROM team/start:1
        COPY ["a", "sp ace/f 1", "/with space/"]
        ADD [ "b" , "/b" ]
        VOLUME ["/v", "/w x"]
        """,
    "exec-forms": r"""
        FROM team/start:1
        ENTRYPOINT [ "a", "b\"c", "\u00e9", "<&>" ]
        CMD []
        RUN ["sh", "-c", "echo $HOME > '/a b'"]
        HEALTHCHECK CMD ["x", "y z"]
        """,
    "exec-form-has-no-shell": """
        FROM team/start:1
        ENV A=a
        RUN ["touch", "/$A", "/;", "/&&"]
        """,
    "shell-text-is-kept": r"""
        FROM team/start:1
        RUN   echo   "a   b"	'c	d'   > /seen  ;  :
        CMD   echo   "$HOME"   \
              'x'   ;
        ENTRYPOINT exec	tabbed   words
        """,
    "shell-semicolons-and-hashes": """
        FROM team/start:1
        RUN echo a#b; echo "#c" > /seen; echo d >> /seen # a comment for the shell
        CMD echo a # b
        """,
    "long-lines": "FROM team/start:1\nENV LONG="
    + "x" * 20000
    + "\nRUN echo ${#LONG} > /seen # "
    + "y" * 20000,
    "many-continuations": "FROM team/start:1\nRUN true \\\n"
    + "  && true \\\n" * 300
    + "  && echo end > /seen",
    "unicode": """
        FROM team/start:1
        ENV Ünï=cödé
        LABEL 名=前 "🙂"="🙃"
        WORKDIR /dïr
        RUN echo "ñ" > ñ
        """,
}
