"""Which installations of Python packages a RUN contains, and whether they can be composed instead of run."""
