"""Backups of the whole lab: database and files, as they were at one moment, in a folder that only ever grows whole pieces."""
