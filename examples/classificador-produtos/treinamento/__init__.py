"""Writes product titles from lists of words, and trains the classifier on them: `python -m treinamento`."""
