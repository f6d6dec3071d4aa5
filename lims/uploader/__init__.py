"""Watching a folder for measured files; icosa_upload.py runs by itself on the computer of an instrument."""
