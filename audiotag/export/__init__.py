"""One file that scores sound wherever it is opened: LiteRT, ONNX, SavedModel, Keras."""
