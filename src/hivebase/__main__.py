"""``python -m hivebase``."""

from hivebase.cli import main

main()
