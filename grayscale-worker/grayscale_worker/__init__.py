"""Turns every uploaded picture into black and white."""
