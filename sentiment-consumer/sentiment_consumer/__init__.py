"""Tells how every message to the chatbot sounds, and calls a human where it must be."""
