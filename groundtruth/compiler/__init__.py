"""From a RASP program to weights that equal it on its declared domain, or an error that says why not."""
