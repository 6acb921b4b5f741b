"""A page on this machine that shows parses, and what the end task's loss would change in them."""
