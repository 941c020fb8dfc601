"""What each command shows, as values and tables that the writers of this room print."""
