"""Providers as data, and their reader: builds requests and reads answers, does no I/O but to load its own files."""
