"""Walks a plan in parallel: reads the hive from disk, finds the bases, drives the engine."""
