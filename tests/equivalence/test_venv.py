"""Interpreters that are not Debian's own: virtual environments, a prefix of its own, other versions of pip."""

from __future__ import annotations

import pytest
from tests.equivalence.conftest import BASE, WITH_VENV

pytestmark = [pytest.mark.engine, pytest.mark.root]

# What official images have: site-packages below the interpreter's own prefix. Debian's Python is made to believe so.
LIKE_OFFICIAL = f"""\
FROM {BASE}
RUN mkdir -p /opt/py/bin /opt/py/lib \\
 && cp /usr/bin/python3.11 /opt/py/bin/ && ln -s python3.11 /opt/py/bin/python \\
 && cp -a /usr/lib/python3.11 /opt/py/lib/ && rm -f /opt/py/lib/python3.11/EXTERNALLY-MANAGED \\
 && sed -i "s/scheme = 'posix_local'/scheme = 'posix_prefix'/" /opt/py/lib/python3.11/sysconfig.py \\
 && cd /opt/py/lib/python3.11 && rm sitecustomize.py \\
 && echo "import site; site.addsitedir('/opt/py/lib/python3.11/site-packages')" > sitecustomize.py
RUN python -m pip --python /opt/py/bin/python install --prefix /opt/py pip==25.0.1
ENV PATH=/opt/py/bin:$PATH
"""


def test_a_virtual_environment(sides, awkward_names):
    """Its own pip, called by its path."""
    names = " ".join(awkward_names)
    sides.both("venv", f"{WITH_VENV}RUN /venv/bin/pip install --no-cache-dir {names}\n").check()


@pytest.mark.parametrize("version", ["22.3.1", "25.0.1"])
def test_another_pip(sides, awkward_names, real, version):
    """The pip that does it is replaced first; the next installation writes scripts as the new one does."""
    dockerfile = (
        f"{WITH_VENV}ENV PATH=/venv/bin:$PATH\n"
        f"RUN pip install --no-cache-dir pip=={version}\n"
        f"RUN pip install --no-cache-dir {' '.join(awkward_names)} setuptools==75.8.0\n"
    )
    sides.both(f"pip-{version}", dockerfile).check()


def test_a_prefix_with_site_packages(sides, awkward_names, real):
    """As in the official images of Python."""
    names = " ".join(awkward_names)
    dockerfile = f"{LIKE_OFFICIAL}RUN pip3 install --no-cache-dir {names} six==1.16.0\n"
    pair = sides.both("official", dockerfile)
    assert "opt/py/lib/python3.11/site-packages/six.py" in pair.composed
    pair.check()
