"""What every Neural Hive-Mind specialist needs: configuration, logging, health and provenance."""

__version__ = "1.0.0"
