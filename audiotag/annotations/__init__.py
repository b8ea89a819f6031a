"""Files in which people mark what sounds when in a recording: a module a format, and what they have in common."""
