"""Tells people by e-mail or Telegram what became of their pictures, in Portuguese or English."""
