"""RUN: what a step finds, and what of its doing is kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.equivalence.dockerfiles.case import Case, current

if TYPE_CHECKING:
    from collections.abc import Mapping

CASES: Mapping[str, str | Case] = {
    "run-root-directory": """
        FROM team/start:1
        RUN chmod 711 /; chown 0:5 /; touch /x
        RUN stat -c '%a %u %g' / > /seen
        """,
    "run-removes": """
        FROM team/start:1
        RUN mkdir -p /t/u/v && touch /t/u/v/f /t/g && rm -r /var && mkdir /var && touch /var/x
        RUN rm -r /t/u && mkdir /t/u && touch /t/u/new; rm /etc/group
        RUN rm -r /t && echo file > /t; mv /root /root2
        RUN rm /t && ln -s bin /t; mkdir /gone && rmdir /gone
        """,
    "run-modes": """
        FROM team/start:1
        RUN touch /f && mkdir -m 2755 /g && touch /g/h && chmod 4711 /f && chown 3:4 /g /f && mkdir -m 1777 /s
        RUN chmod 600 /g/h; chown -h 5:3000000 /bin/ls
        RUN chown -R 9:9 /g; umask 077; echo 1 > /private; mkdir /private.d
        USER app
        RUN touch /tmp/mine; umask > /tmp/umask
        """,
    "run-links": """
        FROM team/start:1
        RUN echo x > /a && ln /a /b && ln /a /c && mknod /p p && mknod /n c 1 3
        RUN echo y >> /b
        RUN ln /c /d && ln -s "/a b" "/l k"
        RUN rm /a
        """,
    "run-names": r"""
        FROM team/start:1
        RUN touch '/a b' /é "/q'" "$(printf '/n\nl')" "$(printf '/\377bad')" /.hidden '/*'
        RUN n=$(printf 'x%.0s' $(seq 1 150)); mkdir -p /$n/$n && touch /$n/$n/$n && ln /$n/$n/$n /$n/h
        RUN dd if=/dev/zero of=/sparse bs=1 count=1 seek=100000
        """,
    "run-longest-names": """
        FROM team/start:1
        RUN n=$(printf 'n%.0s' $(seq 1 255)); touch /$n; ln -s $n$n$n /l; ln -s $n$n /k
        RUN n=$(printf 'd%.0s' $(seq 1 99)); touch /$n /x$n /xx$n; mkdir /xxx$n /xxxx$n
        RUN d=; for i in $(seq 1 30); do d=$d/$i-directory; done; mkdir -p $d && touch $d/f
        """,
    "run-system-files": """
        FROM team/start:1
        RUN echo x > /etc/hosts; echo y >> /etc/resolv.conf; touch /dev/shm/x /dev/new /run/x; touch /etc/passwd
        RUN ls /dev > /devices; stat -c '%n %a %t %T' /dev/* > /device-modes
        """,
    "run-system-files-replaced": """
        FROM team/start:1
        RUN rm /etc/hosts; mv /etc/resolv.conf /x; echo name > /etc/hostname; ls -A /etc > /seen
        RUN cat /etc/hostname > /hostname-later
        """,
    "run-places-of-mounts": """
        FROM team/start:1
        RUN ls -A / > /seen; ls -A /home > /seen2; stat -c '%n %a %u' /proc /sys /dev /run /tmp > /seen3
        RUN touch /dev/shm/x /dev/mqueue/y 2> /dev/null; mkdir /run/lock /home/app; ls -A /dev/shm > /seen4
        """,
    "run-environment": """
        FROM team/start:1
        ENV B=2 A=1
        ARG C=3
        RUN echo $A$B$C $HOME $PATH $PWD $SHLVL > /values; ulimit -c > /core; ulimit -n > /files
        RUN ["/bin/env"]
        RUN tr '\\0' '\\n' < /proc/self/environ | grep -e ^[ABCP] -e ^HOME | grep -v ^PIP_ | sort > /environ
        """,
    "run-identity": current("""
        FROM team/start:1
        RUN id -u > /seen; id -G >> /seen; grep -e ^Cap -e ^Seccomp: /proc/self/status > /limits
        USER app
        RUN grep -e ^CapInh -e ^CapEff -e ^Groups /proc/self/status > /tmp/limits
        """),
    "run-standard-streams": """
        FROM team/start:1
        RUN cat > /input; test -t 1 || echo no terminal > /output; echo to stderr >&2
        RUN ls /proc/self/fd | wc -l > /descriptors
        """,
    "run-leaves-processes": """
        FROM team/start:1
        RUN (sleep 100; touch /late) & echo now > /now
        RUN setsid sleep 100 & mkdir /d; cd /d; touch f
        """,
    "run-exit-codes": """
        FROM team/start:1
        RUN false || echo "$?" > /seen
        RUN sh -c 'kill -9 $$'; echo "$?" > /signal
        """,
    "run-network-none": current("""
        FROM team/start:1
        RUN --network=none ls /sys/class/net > /seen
        """),
    "run-without-a-command": "FROM team/start:1\nRUN\n",
    "run-nothing": """
        FROM team/start:1
        RUN true
        RUN :
        RUN cat /etc/passwd > /dev/null
        RUN touch /tmp/x && rm /tmp/x
        """,
    "run-as-a-user": """
        FROM team/start:1
        USER app
        RUN touch /tmp/f; mkdir -m 700 /tmp/d; ln -s x /tmp/l; ln /tmp/f /tmp/h; touch /f 2> /dev/null; true
        RUN chgrp extra /tmp/f 2> /dev/null || echo refused > /tmp/seen; chmod 2777 /tmp/d
        """,
    "run-writes-while-reading": """
        FROM team/start:1
        RUN echo one > /f && ln /f /g
        RUN sed -i s/one/two/ /f
        RUN cat /g /f > /h; mv /h /f
        """,
    "run-binary-content": r"""
        FROM team/start:1
        RUN printf '\0\1\2\377\n\r\n' > /f; seq 1 30000 > /big; printf '' > /empty; yes | head -c 1048576 > /mega
        """,
    "run-archives": """
        FROM team/start:1
        COPY t.tar /tmp/
        RUN mkdir /x && tar -xf /tmp/t.tar -C /x && rm /tmp/t.tar
        RUN tar -cf - -C /x p | tar -xf - -C /var
        """,
}
