"""Writes its file name on every uploaded picture."""
