"""Wheel files, read without trusting them: the archive, its names, its metadata, its checked contents."""
