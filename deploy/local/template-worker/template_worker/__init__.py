"""Flips every uploaded picture, left to right."""
