"""The promotion engine's server: a Python product around the compiled data plane."""

__version__ = "0.1.0"
