"""MIB's leaderboards: its file formats, submissions and protocols."""
