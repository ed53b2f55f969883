"""The book's own scripts at home here: its ``common`` and ``dataset``, and what runs a script.

The packages keep the names, signatures and behaviour of K. Saitoh, *Deep Learning from Scratch*,
volume 1; the code is our own. What differs on purpose is listed in docs/book.md.
"""
