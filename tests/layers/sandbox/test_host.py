"""What a step sees of its host's configuration, and what it does not."""

from __future__ import annotations

import pytest

from hivebase.layers.sandbox.host import HostConfiguration, collect
from hivebase.layers.sandbox.remap import TARGET

_CERTIFICATE = "-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n"


@pytest.fixture
def root(tmp_path):
    """An empty root of a host."""
    (tmp_path / "root/etc").mkdir(parents=True)
    return tmp_path / "root"


@pytest.fixture
def environ(tmp_path):
    """A user's environment with a home and without any program on PATH."""
    (tmp_path / "home").mkdir()
    (tmp_path / "bin").mkdir()
    return {"HOME": str(tmp_path / "home"), "PATH": str(tmp_path / "bin")}


def test_a_host_without_configuration_adds_nothing(environ, root):
    """No file and no variable."""
    assert collect(environ, root) == HostConfiguration()


def test_no_other_variable_of_the_host_gets_in(environ, root):
    """Only named settings are taken."""
    environ |= {
        "SECRET": "x",
        "AWS_SECRET_ACCESS_KEY": "x",
        "LANG": "x",
        "PIP_TARGET": "x",
        "SOURCE_DATE_EPOCH": "1",
    }

    assert collect(environ, root) == HostConfiguration()


def test_proxies_are_set_in_both_cases(environ, root):
    """Programs read one or the other."""
    environ |= {"HTTPS_PROXY": "http://proxy:1", "no_proxy": "a,b"}

    assert dict(collect(environ, root).env) == {
        "https_proxy": "http://proxy:1",
        "HTTPS_PROXY": "http://proxy:1",
        "no_proxy": "a,b",
        "NO_PROXY": "a,b",
    }


def test_certificates_of_all_places_are_one_bundle(environ, root, tmp_path):
    """The user's bundle and the system's are joined, each once, and every program is told of the result."""
    system = root / "etc/ssl/certs/ca-certificates.crt"
    system.parent.mkdir(parents=True)
    system.write_text(_CERTIFICATE.format("system"))
    own = tmp_path / "own.pem"
    own.write_text(_CERTIFICATE.format("own"))
    (tmp_path / "link.pem").symlink_to(own)
    environ |= {
        "SSL_CERT_FILE": str(own),
        "PIP_CERT": str(tmp_path / "link.pem"),
        "CURL_CA_BUNDLE": "/no/such",
    }

    host = collect(environ, root)

    assert host.texts[host.ca] == _CERTIFICATE.format("own") + _CERTIFICATE.format("system")
    assert set(dict(host.env).values()) == {f"{TARGET}/{host.ca}", f"{TARGET}/apt.conf"}
    assert {"SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "NODE_EXTRA_CA_CERTS"} <= {
        n for n, _ in host.env
    }


def test_the_certificate_of_pips_configuration_counts(environ, root, tmp_path):
    """A bundle that only pip knows joins the others, and its path on the host is not passed on."""
    own = tmp_path / "own.pem"
    own.write_text(_CERTIFICATE.format("own"))
    (root / "etc/pip.conf").write_text(f"[global]\ncert = {own}\n")

    host = collect(environ, root)

    assert host.texts[host.ca] == _CERTIFICATE.format("own")
    assert str(own) not in "".join(host.texts.values())


def test_of_apts_configuration_only_the_transport_is_taken(environ, root, tmp_path):
    """Proxies and date checks, but neither sources nor commands nor anything that weakens signatures."""
    program = tmp_path / "bin/apt-config"
    program.write_text(
        """#!/bin/sh
echo 'Acquire::Check-Valid-Until "false";'
echo 'Acquire::http::Proxy "http://user:hidden@proxy:3142";'
echo 'Acquire::https::Proxy::mirror.example "DIRECT";'
echo 'Acquire::Retries "3";'
echo 'Acquire::http::Proxy-Auto-Detect "/usr/bin/detect";'
echo 'Acquire::AllowInsecureRepositories "true";'
echo 'APT::Get::AllowUnauthenticated "true";'
echo 'DPkg::Post-Invoke:: "touch /evil";'
echo 'Acquire::Languages "";'
echo 'Acquire::http::Timeout "a\\"; DPkg::Pre-Invoke {"x"}; //";'
"""
    )
    program.chmod(0o755)

    host = collect(environ, root)

    assert host.texts["apt.conf"] == (
        'Acquire::Check-Valid-Until "false";\n'
        'Acquire::http::Proxy "http://user:hidden@proxy:3142";\n'
        'Acquire::https::Proxy::mirror.example "DIRECT";\n'
        'Acquire::Retries "3";\n'
    )
    assert dict(host.env) == {"APT_CONFIG": f"{TARGET}/apt.conf"}
    assert host.secrets == ("hidden",)


def test_passwords_are_known_for_masking_and_not_in_reprs(environ, root):
    """Every password in a URL is a secret; showing the configuration in a traceback does not show it."""
    environ |= {"PIP_INDEX_URL": "https://u:pw-one@index/simple", "http_proxy": "http://u:pw-two@proxy"}

    host = collect(environ, root)

    assert host.secrets == ("pw-one", "pw-two")
    assert "pw-" not in repr(host)


@pytest.mark.parametrize("own", ["http_proxy", "HTTP_PROXY"])
def test_the_steps_own_variables_win_in_either_case(own):
    """If the step sets one spelling, the other is not added."""
    host = HostConfiguration(env=(("HTTP_PROXY", "h"), ("http_proxy", "h"), ("X", "h")))

    assert host.additions([(own, "mine")]) == [("X", "h")]
