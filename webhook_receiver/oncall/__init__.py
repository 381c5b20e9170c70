"""Who fills a role at a moment, and how they are reached."""
