"""``RUN --mount``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.equivalence.dockerfiles.case import Case, current

if TYPE_CHECKING:
    from collections.abc import Mapping

_STAT = "stat -c '%a %u %g'"

CASES: Mapping[str, str | Case] = {
    "run-mounts": """
        FROM team/start:1 AS s
        RUN mkdir /sd && echo s > /sd/f
        FROM team/start:1
        RUN mkdir /m && touch /m/keep
        RUN --mount=target=/m ls -R /m/d > /context; touch /m/x || echo read-only >> /context
        RUN --mount=from=s,source=/sd,target=/m,rw echo w > /m/new; cat /m/* > /stage
        RUN --mount=type=tmpfs,target=/m echo x > /m/x; ls /m > /memory
        RUN --mount=type=cache,target=/m,id=of-a-test,mode=0711,uid=5 stat -c '%a %u %g' /m > /cache
        """,
    "mount-bind-forms": """
        FROM team/start:1
        RUN mkdir /m && touch /f
        RUN --mount=type=bind,src=d,dst=/m find /m | sort > /1
        RUN --mount=type=bind,source=/d/sub,destination=/m cat /m/s > /2
        RUN --mount=type=bind,source=a,target=/f cat /f > /3
        RUN --mount=target=/m,source=./d/../e ls /m > /4
        """,
    "mount-bind-relative-target": """
        FROM team/start:1
        RUN mkdir -p /w/m
        WORKDIR /w
        RUN --mount=source=d,target=m cat m/c > /1
        RUN --mount=source=d,target=./m/../m cat m/c > /2
        """,
    "mount-bind-rw-is-thrown-away": """
        FROM team/start:1
        RUN mkdir /m
        RUN --mount=target=/m,rw echo changed > /m/a && rm -r /m/d && cat /m/a > /1
        RUN --mount=target=/m,readwrite=true cat /m/a > /2; ls /m/d >> /2
        """,
    "mount-bind-from-a-stage": """
        FROM team/start:1 AS s
        RUN mkdir -p /o/p && echo x > /o/p/f && ln -s p /o/l && chown 5:6 /o/p/f && chmod 640 /o/p/f
        FROM team/start:1
        RUN mkdir /m
        RUN --mount=from=s,target=/m cat /m/o/p/f > /1
        RUN --mount=from=s,source=/o/l,target=/m cat /m/f > /2; stat -c '%a %u %g' /m/f > /3
        RUN --mount=from=s,source=o,target=/m cp -a /m/p /copied
        """,
    "mount-bind-from-an-image": """
        FROM team/start:1
        RUN mkdir /m && rm /etc/group
        RUN --mount=from=team/start:1,target=/m cp /m/etc/group /group && ls /m > /seen
        """,
    "mount-several": """
        FROM team/start:1 AS s
        RUN echo s > /s
        FROM team/start:1
        RUN mkdir /1 /2 /3 /4
        RUN --mount=target=/1 --mount=from=s,target=/2 --mount=type=tmpfs,target=/3 --mount=type=cache,target=/4,id=x \\
          cat /1/a /2/s > /seen; touch /3/t /4/t
        """,
    "mount-in-a-mount": """
        FROM team/start:1
        RUN mkdir -p /m
        RUN --mount=type=tmpfs,target=/m --mount=source=d,target=/m/d find /m | sort > /seen
        """,
    "mount-over-files": """
        FROM team/start:1
        RUN mkdir /m && echo hidden > /m/f
        RUN --mount=source=d,target=/m ls /m > /1
        RUN --mount=type=tmpfs,target=/m rm -rf /m/* && ls -A /m > /2
        RUN cat /m/f > /3
        """,
    "mount-tmpfs": """
        FROM team/start:1
        RUN mkdir /m
        RUN --mount=type=tmpfs,target=/m stat -c '%u %g' /m > /1; echo x > /m/x; mkdir /m/d
        RUN --mount=type=tmpfs,dst=/tmp touch /tmp/x; ls /tmp > /2
        RUN ls /m /tmp > /3
        """,
    "mount-tmpfs-size": current("""
        FROM team/start:1
        RUN mkdir /m
        RUN --mount=type=tmpfs,target=/m,size=1m head -c 2000000 /bin/busybox > /m/x 2> /dev/null || echo full > /1
        """),
    "mount-cache": f"""
        FROM team/start:1
        RUN mkdir /m /n
        RUN --mount=type=cache,target=/m,id=mount-cache {_STAT} /m > /1; echo kept > /m/f
        RUN --mount=type=cache,target=/n,id=mount-cache cat /n/f > /2
        """,
    "mount-cache-id-is-the-target": """
        FROM team/start:1
        RUN mkdir -p /cached/by/name
        RUN --mount=type=cache,target=/cached/by/name touch /cached/by/name/f
        RUN --mount=type=cache,target=/cached/by/../by/name ls /cached/by/name > /1
        RUN --mount=type=cache,target=/cached/by/name,id=/cached/by/name ls /cached/by/name > /2
        """,
    "mount-cache-owner-and-mode": f"""
        FROM team/start:1
        RUN mkdir /m
        RUN --mount=type=cache,target=/m,id=of-app,uid=1000,gid=2000,mode=750 {_STAT} /m > /1
        RUN --mount=type=cache,target=/m,id=of-7,uid=7 {_STAT} /m > /2
        USER app
        RUN --mount=type=cache,target=/m,id=of-app,uid=1000,gid=2000,mode=750 touch /m/f && ls /m > /tmp/3
        """,
    "mount-cache-read-only": """
        FROM team/start:1
        RUN --mount=type=cache,target=/mnt,id=mount-cache-ro,ro touch /mnt/x 2> /dev/null || echo refused > /seen
        """,
    "mount-cache-sharing": """
        FROM team/start:1
        RUN mkdir /m
        RUN --mount=type=cache,target=/m,id=sharing-locked,sharing=locked touch /m/f
        RUN --mount=type=cache,target=/m,id=sharing-locked,sharing=locked ls /m > /1
        RUN --mount=type=cache,target=/m,id=sharing-shared,sharing=shared ls /m > /2
        """,
    "mount-cache-from": """
        FROM team/start:1 AS s
        RUN mkdir /seed && echo s > /seed/f && chown 5:6 /seed/f
        FROM team/start:1
        RUN mkdir /m
        RUN --mount=type=cache,target=/m,id=seeded,from=s,source=/seed cat /m/f > /1; stat -c '%u' /m/f >> /1
        """,
    "mount-secret": f"""
        FROM team/start:1
        RUN mkdir /run/secrets
        RUN --mount=type=secret,id=token cat /run/secrets/token > /1; {_STAT} /run/secrets/token > /2
        RUN --mount=type=secret,id=other,target=/etc/group cat /etc/group > /3
        RUN ls -A /run/secrets > /4; wc -l < /etc/group > /5
        """,
    "mount-secret-mode-and-owner": f"""
        FROM team/start:1
        RUN mkdir /run/secrets
        RUN --mount=type=secret,id=token,mode=0444,uid=5,gid=6 {_STAT} /run/secrets/token > /1
        USER app
        RUN --mount=type=secret,id=token,uid=1000 cat /run/secrets/token > /tmp/2
        RUN --mount=type=secret,id=token cat /run/secrets/token > /tmp/3 2> /dev/null || echo refused > /tmp/3
        """,
    "mount-secret-missing": """
        FROM team/start:1
        RUN --mount=type=secret,id=absent cat /run/secrets/absent 2> /dev/null || echo none > /1
        RUN --mount=type=secret,id=absent,required=false test -e /run/secrets/absent || echo none > /2
        """,
    "mount-secret-of-its-target": """
        FROM team/start:1
        RUN touch /token
        RUN --mount=type=secret,target=/token cat /token > /1
        RUN --mount=type=secret,id=token,dst=token cat /token > /2
        RUN wc -c < /token > /3
        """,
    "mount-variables": current("""
        FROM team/start:1
        ARG WHAT=d
        ENV WHERE=/m ID=token
        RUN mkdir /m && touch /s
        RUN --mount=source=$WHAT,target=$WHERE ls /m > /1
        RUN --mount=type=secret,id=$ID,target=${S:-/s} cat /s > /2
        """),
    "mount-quoted": """
        FROM team/start:1
        RUN mkdir "/m m"
        RUN --mount="type=bind,source=sp ace,target=/m m" ls "/m m" > /1
        RUN --mount=type=bind,"source=sp ace","target=/m m" ls "/m m" > /2
        """,
    "mount-bind-rw-and-ro": """
        FROM team/start:1
        RUN mkdir /m
        RUN --mount=target=/m,ro,rw touch /m/x && echo written > /1
        """,
    "mount-links-in-the-target": """
        FROM team/start:1
        RUN mkdir /real && ln -s /real /link
        RUN --mount=source=d,target=/link ls /link > /1; ls /real >> /1
        RUN ls /real > /2; readlink /link >> /2
        """,
    "mount-with-exec-form": """
        FROM team/start:1
        RUN mkdir /m
        RUN --mount=target=/m ["cp", "/m/a", "/copied"]
        """,
    "mount-stays-out-of-the-layer": """
        FROM team/start:1
        RUN mkdir /m && touch /m/keep
        RUN --mount=source=d,target=/m touch /outside
        RUN --mount=type=cache,target=/m,id=stays-out touch /m/new /outside2
        """,
}
