"""A real service on loopback: both servers, the switch, and a clean end."""

import json
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

import pytest

from neural_hive_specialists import __version__
from neural_hive_specialists.cli import main
from neural_hive_specialists.grpc_health import probe


def get(service, path, headers=None):
    """Return status, headers and body of a GET."""
    request = urllib.request.Request(f"http://127.0.0.1:{service.runtime.http_port}{path}", headers=headers or {})
    try:
        with urllib.request.urlopen(request, timeout=5) as answer:  # noqa: S310
            return answer.status, answer.headers, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.headers, error.read().decode()


def eventually(expected, look, seconds=5.0):
    deadline = time.monotonic() + seconds
    while (actual := look()) != expected and time.monotonic() < deadline:
        time.sleep(0.02)
    assert expected == actual


def test_a_started_service_is_healthy_over_grpc_and_http(serve):
    """Both protocols agree."""
    service = serve()
    address = f"127.0.0.1:{service.runtime.grpc.port}"
    eventually("SERVING", lambda: probe(address))
    assert (get(service, "/healthz")[0], json.loads(get(service, "/healthz")[2])) == (200, {"status": "alive"})
    assert json.loads(get(service, "/readyz")[2]) == {"status": "ready", "checks": {}}


def test_the_version_page_tells_provenance(serve):
    """Name, library and digest of the sources."""
    body = json.loads(get(serve(service_name="specialist-technical"), "/version")[2])
    assert ("specialist-technical", __version__) == (body["service"], body["library_version"])
    assert body["source_digest"].startswith("sha256:")


def test_a_failing_check_turns_both_protocols_red_and_liveness_stays_green(serve):
    """Not ready is 503 and NOT_SERVING; restarting the process would not help, so liveness says alive."""
    broken = []

    def check():
        if broken:
            raise OSError

    service = serve(lambda runtime: runtime.readiness.add_check("ledger", check))
    address = f"127.0.0.1:{service.runtime.grpc.port}"
    eventually("SERVING", lambda: probe(address))
    broken.append(True)
    status, _, body = get(service, "/readyz")
    assert (status, json.loads(body)["checks"]) == (503, {"ledger": "failed: OSError"})
    eventually("NOT_SERVING", lambda: probe(address))
    assert get(service, "/healthz")[0] == 200
    broken.clear()
    eventually("SERVING", lambda: probe(address))


def test_an_optional_failure_is_degraded_and_still_serving(serve):
    """200, and the metric says one half."""

    def check():
        raise OSError

    service = serve(lambda runtime: runtime.readiness.add_check("graph", check, required=False))
    status, _, body = get(service, "/readyz")
    assert (status, json.loads(body)["status"]) == (200, "degraded")
    assert "\nhive_ready 0.5\n" in get(service, "/metrics")[2]
    eventually("SERVING", lambda: probe(f"127.0.0.1:{service.runtime.grpc.port}"))


def test_the_metrics_page_is_prometheus_text(serve):
    """With the build's labels and the process's figures."""
    status, headers, body = get(serve(), "/metrics")
    assert (status, headers["content-type"].startswith("text/plain")) == (200, True)
    assert "\nhive_ready 1.0\n" in body
    assert f'version="{__version__}"' in body
    assert "process_resident_memory_bytes" in body


def test_a_request_continues_the_caller_s_trace(serve):
    """The answer names the trace."""
    header = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    assert "0af7651916cd43dd8448eb211c80319c" in get(serve(), "/healthz", {"traceparent": header})[1]["traceresponse"]


def test_there_are_no_pages_that_load_scripts_from_elsewhere(serve):
    """Interactive documentation needs a network that an image may not have."""
    service = serve()
    assert [get(service, path)[0] for path in ("/docs", "/redoc")] == [404, 404]


def test_an_unknown_service_is_unknown_and_a_dead_one_is_unavailable(serve):
    """The probe tells the two apart."""
    service = serve()
    address = f"127.0.0.1:{service.runtime.grpc.port}"
    assert probe(address, "no.such.Service") == "NOT_FOUND"
    service.stop()
    assert probe(address, timeout_seconds=1) in {"UNAVAILABLE", "DEADLINE_EXCEEDED"}


@pytest.mark.parametrize("protocol", ["grpc_port", "http_port"])
def test_a_port_that_is_taken_is_an_error_and_leaves_nothing_running(serve, protocol):
    """The other server does not stay behind half alive."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        service = serve(**{protocol: taken.getsockname()[1]})
        service.wait()
        assert isinstance(service.error, OSError)
        assert "cannot listen" in str(service.error)


def free_port():
    with socket.socket() as probe_socket:
        probe_socket.bind(("127.0.0.1", 0))
        return probe_socket.getsockname()[1]


def test_the_program_serves_until_sigterm_and_ends_well(monkeypatch, capsys):
    """As a container runs it: a process, a health command, a signal."""
    ports = {"HIVE_GRPC_PORT": str(free_port()), "HIVE_HTTP_PORT": str(free_port())}
    for name, value in ports.items():
        monkeypatch.setenv(name, value)
    command = [sys.executable, "-m", "neural_hive_specialists", "serve"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603
        try:
            eventually(0, lambda: main(["check"]), seconds=20)
        finally:
            process.send_signal(signal.SIGTERM)
            output = process.communicate(timeout=15)[0]
    assert process.returncode == 0
    assert [json.loads(line)["event"] for line in output.splitlines()][-1] == "stopped"
    assert main(["check", "--timeout", "1"]) == 1
    assert "SERVING" in capsys.readouterr().out


def test_the_command_line_tells_version_and_configuration(capsys, monkeypatch):
    """For people and for programs."""
    assert main(["version"]) == 0
    assert capsys.readouterr().out == f"neural_hive_specialists {__version__}\n"
    assert main(["version", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["library_version"] == __version__
    monkeypatch.setenv("HIVE_SERVICE_NAME", "specialist-evolution")
    assert main(["config"]) == 0
    assert json.loads(capsys.readouterr().out)["service_name"] == "specialist-evolution"


def test_a_wrong_configuration_is_one_line_and_exit_code_two(capsys, monkeypatch):
    """No traceback for a typing mistake."""
    monkeypatch.setenv("HIVE_HTTP_PORT", "x")
    assert main(["serve"]) == 2
    assert capsys.readouterr().err.startswith("error: HIVE_HTTP_PORT")
