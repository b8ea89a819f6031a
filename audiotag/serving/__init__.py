"""Serving: a page and an API on this machine, by whatever scores sound."""
