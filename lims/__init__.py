"""The lab's whole: settings, addresses, roles, and the commands that start things."""

__version__ = "0.1.0"
