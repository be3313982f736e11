"""Build, prove, publish and govern hierarchies of Python container base images."""

__version__ = "1.0.0"
