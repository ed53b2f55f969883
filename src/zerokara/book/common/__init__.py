"""The book's package ``common``, by its names."""
