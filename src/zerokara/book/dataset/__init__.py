"""The book's package ``dataset``, by its names."""
