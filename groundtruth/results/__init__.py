"""What was measured and how it is read: cells, scores, and the results that hold them. Nothing here runs a model."""
