"""The official wheel is taken if it is the right one, a stand-in only if it cannot be had."""

import hashlib
import http.server
import socket
import threading
import time

import obtain
import pytest

CONTENT = b"a wheel" * 1000


@pytest.fixture
def site(clean_proxies):  # noqa: ARG001 -- used for its effect
    """Serve CONTENT at /ok, half of it at /cut, and an error elsewhere; return the address."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            if self.path not in {"/ok", "/cut"}:
                self.send_error(403)
                return
            self.send_response(200)
            self.send_header("Content-Length", str(len(CONTENT)))
            self.end_headers()
            self.wfile.write(CONTENT if self.path == "/ok" else CONTENT[:100])

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def model(url, content=CONTENT):
    return obtain.Model("pt_core_news_sm", "3.8.0", "pt", url, hashlib.sha256(content).hexdigest())


def test_the_right_wheel_is_kept(site, tmp_path):
    """Under the name that pip expects."""
    wheel = obtain.fetch(model(f"{site}/ok"), tmp_path)
    assert wheel.read_bytes() == CONTENT
    assert wheel.name == "pt_core_news_sm-3.8.0-py3-none-any.whl"


def test_other_bytes_are_an_error_and_never_a_reason_for_a_stand_in(site, tmp_path):
    """Somebody who can change the answer must not choose what is installed."""
    with pytest.raises(obtain.WrongContentError, match="expected"):
        obtain.obtain(model(f"{site}/ok", b"else"), tmp_path, stand_ins_allowed=True)


@pytest.mark.parametrize("path", ["/forbidden", "/cut"])
def test_an_answer_that_is_not_the_file_means_unreachable_or_wrong(site, tmp_path, path):
    """A proxy's refusal, and a transfer that breaks off."""
    with pytest.raises((obtain.UnreachableError, obtain.WrongContentError)):
        obtain.fetch(model(site + path), tmp_path)


def test_nobody_listening_means_unreachable(tmp_path, clean_proxies):  # noqa: ARG001
    """At once, not after a minute."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}/x"
        with pytest.raises(obtain.UnreachableError):
            obtain.fetch(model(url), tmp_path)


def test_silence_means_unreachable_after_the_time_limit(tmp_path, monkeypatch, clean_proxies):  # noqa: ARG001
    """A firewall that drops packets costs seconds, not minutes."""
    monkeypatch.setattr(obtain, "TIMEOUT_SECONDS", 0.2)
    started = time.monotonic()
    with socket.create_server(("127.0.0.1", 0)) as silent, pytest.raises(obtain.UnreachableError):
        obtain.fetch(model(f"http://127.0.0.1:{silent.getsockname()[1]}/x"), tmp_path)
    assert time.monotonic() - started < 5


def test_a_file_address_is_not_fetched(tmp_path):
    """models.toml names web addresses."""
    with pytest.raises(obtain.UnreachableError):
        obtain.fetch(model("file:///etc/passwd"), tmp_path)


def test_never_refuses_the_stand_in_and_says_what_failed(site, tmp_path):
    """The address and the setting are in the message."""
    with pytest.raises(obtain.UnreachableError, match=r"/no.*HIVEBASE_STAND_INS=never"):
        obtain.obtain(model(f"{site}/no"), tmp_path, stand_ins_allowed=False)


def test_auto_trains_the_stand_in(site, tmp_path):
    """A wheel of the same name and version."""
    assert not obtain.obtain(model(f"{site}/no"), tmp_path, stand_ins_allowed=True)
    assert [path.name for path in tmp_path.iterdir()] == ["pt_core_news_sm-3.8.0-py3-none-any.whl"]


def test_models_toml_names_both_pipelines_with_a_hash():
    """Version 3.8.0, from the official releases."""
    models = obtain.read_models(obtain.HERE / "models.toml")
    assert {("pt_core_news_sm", "pt"), ("en_core_web_sm", "en")} == {(entry.name, entry.lang) for entry in models}
    for entry in models:
        assert entry.version == "3.8.0"
        assert len(bytes.fromhex(entry.sha256)) == 32
        assert entry.url.startswith("https://")
        assert entry.url.endswith(entry.file_name)
