"""A leaderboard without a server: bundles of results, one board of them, and cells that anyone runs again."""
