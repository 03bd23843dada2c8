"""`python -m bot` is the `stillmotion` command."""

from bot.cli import main

main()
