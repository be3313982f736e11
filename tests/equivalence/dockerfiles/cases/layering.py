"""What changes between layers: whiteouts, replaced kinds, copies up, metadata alone, and things that are no files."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.equivalence.dockerfiles.case import Case

_TREE = """
FROM team/start:1
RUN mkdir -p /t/a/b/c /t/x && echo f > /t/a/f && echo g > /t/a/b/g && echo h > /t/a/b/c/h && ln -s a /t/l
""".strip()


def _after(*steps: str) -> str:
    """Return a Dockerfile with these steps on a small tree."""
    return "\n".join([_TREE, *steps]) + "\n"


CASES: Mapping[str, str | Case] = {
    "layer-removes-a-file": _after("RUN rm /t/a/f"),
    "layer-removes-a-tree": _after("RUN rm -r /t/a/b", "RUN rm -r /t"),
    "layer-removes-and-makes-again": _after(
        "RUN rm /t/a/f", "RUN echo new > /t/a/f", "RUN rm /t/a/f; echo f > /t/a/f"
    ),
    "layer-opaque": _after("RUN rm -r /t/a && mkdir /t/a && touch /t/a/new", "RUN ls -R /t > /seen"),
    "layer-opaque-with-old-names": _after("RUN rm -r /t/a && mkdir -p /t/a/b && echo g > /t/a/b/g"),
    "layer-opaque-twice": _after(
        "RUN rm -r /t/a && mkdir -p /t/a/b && touch /t/a/b/one",
        "RUN rm -r /t/a && mkdir -p /t/a/b && touch /t/a/b/two",
        "RUN touch /t/a/b/three",
    ),
    "layer-opaque-then-whiteout-inside": _after(
        "RUN rm -r /t/a && mkdir -p /t/a/b && touch /t/a/b/g /t/a/k", "RUN rm /t/a/b/g"
    ),
    "layer-renames-a-directory": _after("RUN mv /t/a /t/moved", "RUN mv /t/moved /t/a", "RUN mv /t /u"),
    "layer-renames-over": _after(
        "RUN mkdir /t/new && touch /t/new/n && rm -r /t/a && mv /t/new /t/a", "RUN mv /t/a/n /etc/group"
    ),
    "layer-renames-a-file-back": _after(
        "RUN mv /t/a/f /t/a/z && mv /t/a/z /t/a/f", "RUN mv /t/a/f /t/x/ && mv /t/x/f /t/a/"
    ),
    "layer-swaps-names": _after("RUN cd /t/a && mv f t && mv b/g f && mv t b/g"),
    "layer-directory-to-file": _after(
        "RUN rm -r /t/a && echo file > /t/a", "RUN rm /t/a && mkdir -p /t/a/b && touch /t/a/b/g"
    ),
    "layer-directory-to-link": _after(
        "RUN rm -r /t/a && ln -s x /t/a", "RUN touch /t/a/through", "RUN rm /t/a; mkdir /t/a"
    ),
    "layer-link-to-directory": _after(
        "RUN rm /t/l && mkdir /t/l && touch /t/l/in", "RUN rm -r /t/l && ln -s b /t/l"
    ),
    "layer-file-to-device": _after(
        "RUN rm /t/a/f && mknod /t/a/f c 1 5",
        "RUN rm /t/a/f && mknod /t/a/f p",
        "RUN rm /t/a/f; touch /t/a/f",
    ),
    "layer-file-to-link": _after("RUN rm /t/a/f && ln -s b/g /t/a/f", "RUN echo more >> /t/a/f"),
    "layer-link-changed": _after("RUN ln -sfn x /t/l", "RUN chown -h 5:6 /t/l"),
    "layer-mode-alone": _after("RUN chmod 600 /t/a/f", "RUN chmod 4755 /t/a/b/g; chmod 1777 /t/x"),
    "layer-owner-alone": _after("RUN chown 1000:2000 /t/a/f", "RUN chown -R 5:6 /t/a"),
    "layer-mode-back-and-forth": _after(
        "RUN chmod 600 /t/a/f && chmod 644 /t/a/f", "RUN chown 5 /t/a && chown 0 /t/a"
    ),
    "layer-time-alone": _after(
        "RUN touch /t/a/f", "RUN touch -d 2001-02-03 /t/a/b /t/a/f", "RUN touch /t/a/f /t"
    ),
    "layer-content-back": _after("RUN echo x > /t/a/f", "RUN echo f > /t/a/f", "RUN echo f > /t/a/f"),
    "layer-append-nothing": _after("RUN : >> /t/a/f", "RUN : > /t/a/f"),
    "layer-directory-mode-alone": _after("RUN chmod 700 /t/a", "RUN chmod 711 /t", "RUN chmod 755 /t /t/a"),
    "layer-hard-links": _after(
        "RUN ln /t/a/f /t/x/f && ln /t/a/f /t/a/z",
        "RUN echo more >> /t/x/f",
        "RUN rm /t/a/f",
        "RUN ln /t/a/z /t/again",
    ),
    "layer-hard-link-to-a-lower-file": _after(
        "RUN ln /t/a/f /t/first", "RUN ln /t/a/b/g /t/a/b/a /t/x/ 2> /dev/null; ln /t/a/b/g /t/x/z"
    ),
    "layer-hard-links-of-links": _after(
        "RUN ln -s target /t/s && ln /t/s /t/s2 && mknod /t/p p && ln /t/p /t/p2",
        "RUN rm /t/s; chmod 600 /t/p2",
    ),
    "layer-hard-link-over-a-file": _after("RUN ln -f /t/a/f /t/a/b/g", "RUN ln -sf /t/a/f /t/a/b/g"),
    "layer-devices": _after(
        "RUN mknod /c c 5 1 && mknod /b b 7 200 && mknod /p p && chmod 600 /c /p && chown 5:6 /b",
        "RUN rm /c && mknod /c c 1 7; mv /p /q",
    ),
    "layer-sparse": _after(
        "RUN dd if=/dev/zero of=/s bs=1 count=0 seek=5000000 && echo end >> /s",
        "RUN echo x | dd of=/s bs=1 seek=2500000 conv=notrunc",
    ),
    "layer-big-ids": _after(
        "RUN chown 2097151:2097152 /t/a/f; chown 4294967294:3000000000 /t/a; mkdir /n; chown 65534 /n"
    ),
    "layer-old-times": _after(
        "RUN touch -d 1970-01-01 /t/a/f; touch -d 2038-01-20 /t/x; touch -d 1960-01-01 /t/a/b/g"
    ),
    "layer-names-like-whiteouts": _after("RUN touch /t/.wh /t/wh. /t/..x '/t/.w h.x'"),
    "layer-case-of-names": _after("RUN touch /t/F /t/f /t/a/F; mkdir /t/A; rm /t/a/f"),
    "layer-removes-what-was-copied": _after("COPY d /t/x", "RUN rm -r /t/x/sub /t/x/link", "COPY d /t/x"),
    "layer-copy-after-remove": _after("RUN rm -r /t/a", "COPY d /t/a", "RUN rm /t/a/c", "COPY a /t/a/c"),
    "layer-remove-and-copy-kinds": _after(
        "RUN rm -r /t/a", "COPY a /t/a", "RUN rm /t/a", "COPY d /t/a/", "RUN rm -r /t/a && ln -s x /t/a"
    ),
    "layer-bin-replaced": _after(
        "RUN mkdir /new && cp -a /bin/* /new/ && rm /new/ls && rm -r /bin; /new/busybox mv /new /bin"
    ),
    "layer-many-files": _after(
        "RUN mkdir /m && cd /m && touch $(seq 1 500)", "RUN cd /m && rm $(seq 1 2 500) && mkdir 1 3"
    ),
    "layer-moves-from-the-base": _after(
        "RUN mv /var /v2 && mkdir /var && mv /etc/group /var/", "RUN mv /bin/ls /bin/ls2; mv /tmp /tmp2"
    ),
    "layer-empty-directories": _after(
        "RUN mkdir -p /e/1/2/3 && rmdir /e/1/2/3", "RUN rmdir /e/1/2", "RUN mkdir /e/1/2"
    ),
    "layer-sticky-and-setgid": _after(
        "RUN mkdir /g && chgrp 2000 /g && chmod 2775 /g && mkdir /g/in && touch /g/f",
        "RUN touch /g/in/f; chmod g-s /g",
    ),
    "layer-copy-attributes": _after(
        "ADD attributes.tar /caps/",
        "RUN mv /caps/capable /moved",
        "RUN chmod 700 /moved",
        "RUN ln /moved /linked",
    ),
    "layer-copy-attributes-lost": _after(
        "ADD attributes.tar /caps/", "RUN echo x >> /caps/capable", "RUN chown 5 /caps/incapable"
    ),
    "layer-copy-attributes-and-owner": _after("ADD attributes.tar /caps/", "RUN chown 5 /caps/capable"),
}
