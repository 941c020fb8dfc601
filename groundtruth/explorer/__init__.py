"""One HTML page that runs a model in the browser: what is exported to it, and how the file is made."""
