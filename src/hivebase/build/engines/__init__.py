"""Engines that are not ours: they build whole images from the same plan (docs/decisions/0008)."""
