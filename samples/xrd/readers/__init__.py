"""Vendor files in, PowderPattern out. The format is decided by content, never by name."""
