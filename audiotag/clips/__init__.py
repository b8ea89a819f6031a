"""Clips: what there is to build a data set of, where it lies, and with which labels, in which split."""
