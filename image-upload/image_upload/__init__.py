"""The upload page: stores and publishes pictures, and shows every result live."""
