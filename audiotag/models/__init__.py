"""Networks that turn log-mel spectrograms into class logits, their published weights, and their files."""

import lazy_loader

# The names are those of __init__.pyi, which type checkers read too: no module is imported before it is used.
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
