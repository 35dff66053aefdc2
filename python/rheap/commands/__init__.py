"""The command `rheap`, one file or folder a subcommand; main.py has the table of them."""
