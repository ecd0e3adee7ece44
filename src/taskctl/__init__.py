"""One command line for every API that generates media asynchronously."""

__version__ = "0.1.0"
