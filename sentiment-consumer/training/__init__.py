"""Trains the model of the sentiment consumer: `python -m training FOLDER_OF_TEXTS`."""
