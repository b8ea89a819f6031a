"""Sound tokens: one of a few hundred kinds of sound at every step of time, and a language model that predicts them."""

from __future__ import annotations

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "building": ["build"],
        "data": ["TokenData", "open", "open_data"],
        "language_model": ["LanguageModel", "is_language_model", "open_model"],
        "tokenizer": ["Tokenizer"],
    },
)
