"""Takes photos in a browser, stores and publishes them, and shows every result live."""
