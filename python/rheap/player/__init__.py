"""The player: a run as one page for a browser, which needs nothing but itself."""
