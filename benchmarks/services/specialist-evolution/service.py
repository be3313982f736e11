"""The evolution specialist of the benchmark: one module, as a service in the middle of development has."""

from neural_hive_specialists import __version__

REVISION = 0


def main() -> None:
    """Say what this is."""
    print(f"specialist-evolution revision {REVISION} on neural_hive_specialists {__version__}")


if __name__ == "__main__":
    main()
