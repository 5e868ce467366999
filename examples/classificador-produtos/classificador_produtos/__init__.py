"""Tells from its description whether a product is a book, a toy, make-up or a game."""
