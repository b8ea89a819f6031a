"""Speech: texts as characters, what a network says of every step decoded into characters, and words with times."""

from __future__ import annotations

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submodules=["decoding", "text", "word_list", "words"],
    submod_attrs={
        "decoding": ["Spelling", "beam_search", "greedy"],
        "text": ["labels", "normalised"],
        "word_list": ["WordList"],
        "words": ["Word", "words_of"],
    },
)
