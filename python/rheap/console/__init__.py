"""Text for people at a terminal, and what they answer."""
