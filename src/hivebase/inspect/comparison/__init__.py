"""Two images held against each other: trees, configurations, histories, and what may differ."""
