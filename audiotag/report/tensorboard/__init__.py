"""A report as TensorBoard's folder."""
