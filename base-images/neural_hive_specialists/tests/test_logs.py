"""Every line of log is one JSON object, whoever wrote it."""

import io
import json
import logging

import pytest
import structlog

from neural_hive_specialists import Settings, __version__, configure_logging, trace

HEADER = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.fixture
def log():
    """Configure logging into memory; return a function that gives the lines as objects."""
    root = logging.getLogger()
    level, handlers = root.level, root.handlers[:]
    stream = io.StringIO()

    def lines(**settings):
        if settings or not stream.getvalue():
            configure_logging(Settings.load(**settings), stream)
        return [json.loads(line) for line in stream.getvalue().splitlines()]

    yield lines
    root.setLevel(level)
    root.handlers[:] = handlers


def test_a_structlog_event_is_one_json_object(log):
    """Values stay values, and the service and the library are named."""
    log(service_name="specialist-business")
    structlog.get_logger("a.b").info("decided", score=0.5, name="José")
    (line,) = log()
    assert line["event"] == "decided"
    assert (line["score"], line["name"], line["level"], line["logger"]) == (0.5, "José", "info", "a.b")
    assert ("specialist-business", __version__) == (line["service"], line["library_version"])
    assert line["timestamp"].endswith("Z")


def test_the_standard_library_s_logs_look_the_same(log):
    """What other libraries log is not lost and not plain text."""
    log()
    logging.getLogger("pymongo").warning("lost %s of %d", "one", 3)
    (line,) = log()
    assert (line["event"], line["level"], line["logger"]) == ("lost one of 3", "warning", "pymongo")
    assert "service" in line


def test_a_line_below_the_level_is_not_written(log):
    """HIVE_LOG_LEVEL counts for both kinds of loggers."""
    log(log_level="warning")
    structlog.get_logger("a").info("quiet")
    logging.getLogger("b").info("quiet")
    assert log() == []


def test_a_traceback_stays_on_one_line(log):
    """A log collector must not cut an exception into pieces."""
    log()
    try:
        raise ValueError("bad\nvalue")
    except ValueError:
        structlog.get_logger("a").exception("failed")
    (line,) = log()
    assert line["exception"][0]["exc_type"] == "ValueError"


def test_configuring_twice_does_not_double_the_lines(log):
    """The second configuration replaces the first."""
    log()
    log(log_level="info")
    structlog.get_logger("a").info("once")
    assert len(log()) == 1


def test_uvicorn_has_no_handlers_of_its_own_afterwards(log):
    """Its lines would be printed twice."""
    own = io.StringIO()
    logging.getLogger("uvicorn").addHandler(logging.StreamHandler(own))
    log()
    logging.getLogger("uvicorn.error").info("hello")
    assert own.getvalue() == ""
    assert [line["event"] for line in log()] == ["hello"]


def test_the_console_format_is_for_people():
    """No JSON and, outside a terminal, no colours."""
    root = logging.getLogger()
    before = root.handlers[:]
    stream = io.StringIO()
    configure_logging(Settings.load(log_format="console"), stream)
    structlog.get_logger("a").info("hello", count=3)
    root.handlers[:] = before
    assert "hello" in stream.getvalue()
    assert "count=3" in stream.getvalue()
    assert "\x1b" not in stream.getvalue()


def test_a_valid_trace_is_continued_with_a_span_of_our_own(log):
    """The trace is the caller's, the span is not."""
    log()
    with trace(HEADER) as onward:
        structlog.get_logger("a").info("in")
    structlog.get_logger("a").info("out")
    inside, outside = log()
    assert inside["trace_id"] == "0af7651916cd43dd8448eb211c80319c"
    assert inside["span_id"] != "b7ad6b7169203331"
    assert onward == f"00-{inside['trace_id']}-{inside['span_id']}-01"
    assert "trace_id" not in outside


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "garbage",
        HEADER.upper(),
        "ff" + HEADER[2:],
        f"00-{'0' * 32}-b7ad6b7169203331-01",
        HEADER + "\n",
        HEADER[:-1],
    ],
)
def test_an_invalid_header_starts_a_new_trace(header):
    """Nothing of a malformed header reaches the logs."""
    with trace(header) as onward:
        assert "0af7651916cd43dd8448eb211c80319c" not in onward
        assert "0" * 32 not in onward
