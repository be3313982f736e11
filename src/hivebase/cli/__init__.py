"""One file per verb: arguments, one library call, output and exit code."""
