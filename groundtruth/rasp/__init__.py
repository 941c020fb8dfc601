"""RASP programs: their expressions as a graph, the values these take, and what Tracr cannot compile."""
