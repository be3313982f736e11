"""Here-documents in RUN, COPY and ADD."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.equivalence.dockerfiles.case import Case, current

if TYPE_CHECKING:
    from collections.abc import Mapping

CASES: Mapping[str, str | Case] = {
    "heredoc-run": current("""
        FROM team/start:1
        ARG A=arg
        RUN <<EOF
        echo one > /seen
          echo "  $A" >> /seen
        # a comment of the shell

        echo 'it''s \\$A' >> /seen
        EOF
        """),
    "heredoc-run-quoted": current("""
        FROM team/start:1
        ARG A=arg
        RUN <<'EOF'
        echo "$A" > /seen
        EOF
        RUN <<"X Y"
        echo "$A" >> /seen
        X Y
        """),
    "heredoc-run-fails-late-only": current("""
        FROM team/start:1
        RUN <<EOF
        false
        echo after > /seen
        EOF
        """),
    "heredoc-run-set-e": current("""
        FROM team/start:1
        SHELL ["/bin/sh", "-ec"]
        RUN <<EOF
        false || true
        echo $0 $- > /seen
        EOF
        """),
    "heredoc-run-without-tabs": current(
        "FROM team/start:1\nRUN <<-EOF\n\techo one > /seen\n\t\techo '\ttwo' >> /seen\n\t\tEOF\n"
    ),
    "heredoc-run-as-input": current("""
        FROM team/start:1
        ARG A=arg
        RUN cat <<EOF > /seen
        shell: $A $(echo command) \\$A
        EOF
        RUN cat <<'EOF' > /quoted
        shell: $A $(echo command) \\$A
        EOF
        """),
    "heredoc-run-several": current("""
        FROM team/start:1
        RUN cat <<ONE > /one && cat <<TWO > /two
        first
        ONE
        second
        TWO
        """),
    "heredoc-run-with-descriptor": current("""
        FROM team/start:1
        RUN cat <<ONE > /seen 3<<TWO && cat /etc/group > /dev/null
        first
        ONE
        second
        TWO
        """),
    "heredoc-run-interpreter": current("""
        FROM team/start:1
        RUN <<EOF
        #!/bin/sh -e
        echo "$0" | sed 's/.*\\///' > /seen
        echo "$-" > /flags
        EOF
        """),
    "heredoc-run-other-interpreter": current("""
        FROM team/start:1
        RUN <<script
        #!/bin/busybox cat
        script
        RUN <<text
        #!/bin/cat
        the file itself
        text
        """),
    "heredoc-run-for-a-program": current("""
        FROM team/start:1
        RUN sh -s x y <<EOF
        echo "$1 $2" > /seen
        EOF
        """),
    "heredoc-run-mount": current("""
        FROM team/start:1
        RUN --mount=type=bind,target=/m <<EOF
        cat /m/a > /seen
        EOF
        """),
    "heredoc-run-user-and-workdir": current("""
        FROM team/start:1
        WORKDIR /tmp
        USER app
        RUN <<EOF
        pwd > seen
        id -u >> seen
        EOF
        RUN <<EOF
        #!/bin/sh
        id -u > script
        EOF
        """),
    "heredoc-empty": current("""
        FROM team/start:1
        COPY <<EOF /empty
        EOF
        RUN cat <<EOF > /seen
        EOF
        """),
    "heredoc-copy": current("""
        FROM team/start:1
        ARG A=arg
        ENV E=env
        COPY <<EOF /seen
        $A ${E} ${X:-default} \\$A "quoted" 'single'
          indented
        EOF
        """),
    "heredoc-copy-quoted": current("""
        FROM team/start:1
        ARG A=arg
        COPY <<"EOF" /seen
        $A ${E} \\$A \\\\ \\n
        EOF
        """),
    "heredoc-copy-expansions": current(r"""
        FROM team/start:1
        ARG V=1.2.3
        COPY <<EOF /seen
        ${V%.*} ${V##*.} ${V//./-} \${V} \\ \n ' " `x`
        EOF
        """),
    "heredoc-copy-several": current(
        """
        FROM team/start:1
        COPY <<one.txt <<-"two.txt" a /dir/
        first
        one.txt
        {tab}second
        two.txt
        """.replace("{tab}", "\t")
    ),
    "heredoc-copy-owner-and-mode": current("""
        FROM team/start:1
        COPY --chown=app:extra --chmod=0751 <<EOF /bin/tool
        #!/bin/sh
        EOF
        COPY --chmod=600 <<a.conf <<b.conf /etc/conf/
        a
        a.conf
        b
        b.conf
        """),
    "heredoc-copy-into-workdir": current("""
        FROM team/start:1
        WORKDIR /w
        COPY <<EOF .
        in a directory
        EOF
        COPY <<EOF name
        with a name
        EOF
        COPY <<EOF sub/
        below
        EOF
        """),
    "heredoc-copy-over-a-file": current("""
        FROM team/start:1
        RUN echo old > /f && chmod 600 /f && chown 5:6 /f && ln -s /f /l
        COPY <<EOF /f
        new
        EOF
        COPY <<EOF /l
        through the link
        EOF
        """),
    "heredoc-add": current("""
        FROM team/start:1
        ARG A=arg
        ADD <<EOF /seen
        $A
        EOF
        ADD --chown=3 <<x <<y a /dir/
        one
        x
        two
        y
        """),
    "heredoc-onbuild": current("""
        FROM team/start:1 AS s
        ONBUILD RUN echo trigger > /seen
        ONBUILD COPY <<EOF /file
        of a trigger
        EOF
        FROM s
        LABEL a=b
        """),
    "heredoc-name-in-the-text": current("""
        FROM team/start:1
        COPY <<EOF /seen
         EOF
        EOF2
        not EOF
        EOF
        RUN echo "a << b" > /quoted
        """),
    "heredoc-in-exec-form-is-none": current("""
        FROM team/start:1
        RUN ["sh", "-c", "echo '<<EOF' > /seen"]
        LABEL a="<<EOF"
        """),
    "heredoc-continued-line": current("""
        FROM team/start:1
        RUN cat <<EOF \\
          > /seen
        text \\
        more
        EOF
        """),
    "heredoc-keyword-inside": current("""
        FROM team/start:1
        RUN <<EOF
        cat > /Dockerfile <<X
        FROM scratch
        RUN true
        X
        EOF
        """),
}
