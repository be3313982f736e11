"""``python -m neural_hive_specialists``."""

import sys

from neural_hive_specialists.cli import main

sys.exit(main())
