"""What every Neural Hive-Mind specialist needs: configuration, logging, health and provenance."""

from neural_hive_specialists.errors import ConfigurationError
from neural_hive_specialists.logs import configure_logging, trace
from neural_hive_specialists.provenance import Provenance
from neural_hive_specialists.readiness import Readiness, Report, Status
from neural_hive_specialists.runtime import Runtime
from neural_hive_specialists.settings import Settings
from neural_hive_specialists.version import __version__

__all__ = [
    "ConfigurationError",
    "Provenance",
    "Readiness",
    "Report",
    "Runtime",
    "Settings",
    "Status",
    "__version__",
    "configure_logging",
    "trace",
]
