"""hivebase beside Docker, BuildKit's bake and buildah, on one machine, in one run (``scripts/bench.sh``)."""
