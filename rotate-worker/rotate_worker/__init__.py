"""Turns every uploaded picture."""
