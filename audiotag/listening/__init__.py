"""Listening: a microphone, a stream of samples or a file at its own pace in, sounds that begin and end out."""
