"""What Ctrl-C and SIGTERM do to a verb that has to clean up."""

from __future__ import annotations

import signal


def second_interrupt_kills() -> None:
    """Make the first Ctrl-C or SIGTERM stop the work in order, and the second one end it at once."""

    def first(_number: int, _frame: object) -> None:
        for name in (signal.SIGINT, signal.SIGTERM):
            signal.signal(name, signal.SIG_DFL)
        raise KeyboardInterrupt

    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, first)
