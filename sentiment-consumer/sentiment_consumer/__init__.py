"""Classifies the sentiment of every message to the chatbot, and calls a human for the most negative ones."""
