"""What TensorBoard shows of a training and of an evaluation, written without TensorFlow: alike on every backend."""
