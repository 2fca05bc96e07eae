"""The trained half of a recipe: batches of sequences, the recognizer, the linear SVM."""
