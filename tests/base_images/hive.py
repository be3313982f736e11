"""What is known of the five images: where they are, and what the project asks of each."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
BASE_IMAGES: Final = ROOT / "base-images"

PARENTS: Final = {
    "python-ml-base": "python:${PYTHON_VERSION}-slim",
    "python-grpc-base": "neural-hive-mind/python-ml-base:${BASE_IMAGE_VERSION}",
    "python-mlops-base": "neural-hive-mind/python-grpc-base:${BASE_IMAGE_VERSION}",
    "python-nlp-base": "neural-hive-mind/python-grpc-base:${BASE_IMAGE_VERSION}",
    "python-specialist-base": "neural-hive-mind/python-nlp-base:${BASE_IMAGE_VERSION}",
}

# The ranges that the project's own documentation promises.
PROMISED: Final = {
    "python-ml-base": ("pip==24.0",),
    "python-grpc-base": (
        "grpcio>=1.60.0",
        "grpcio-tools>=1.68.0",
        "grpcio-health-checking>=1.60.0",
        "protobuf>=5.27.0",
    ),
    "python-mlops-base": (
        "pandas>=2.1.3",
        "numpy>=1.26.2",
        "scipy>=1.11.0",
        "scikit-learn>=1.4.0,<1.6.0",
        "mlflow>=2.9.0",
    ),
    "python-nlp-base": ("spacy>=3.7.0",),
    "python-specialist-base": (
        "mlflow>=2.9.0",
        "pymongo",
        "motor",
        "redis>=5.0.1",
        "neo4j>=5.15.0",
        "opentelemetry-api",
        "opentelemetry-sdk",
        "prometheus-client",
        "fastapi>=0.104.1",
        "uvicorn>=0.24.0",
        "pydantic>=2.5.2",
        "tenacity>=8.2.3",
        "pybreaker>=1.0.1",
        "pandas>=2.1.3",
        "numpy>=1.26.2",
        "scikit-learn>=1.4.0",
        "structlog>=23.2.0",
    ),
}


def locked(image: str) -> dict[str, tuple[str, ...]]:
    """Return ``name==version`` of the lock of ``image``, each with its hashes."""
    text = (BASE_IMAGES / image / "requirements.txt").read_text()
    found: dict[str, tuple[str, ...]] = {}
    for entry in re.split(r"(?m)^(?=[a-z0-9])", text):
        if entry.strip() and not entry.startswith("#"):
            found[entry.split()[0]] = tuple(re.findall(r"--hash=sha256:([0-9a-f]{64})", entry))
    return found


def versions(image: str) -> dict[str, str]:
    """Return the locked version by name."""
    return dict(item.split("==") for item in locked(image))
