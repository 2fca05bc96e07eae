"""report.html and the model card of a run: plain values in, one file out; torch is not needed."""
