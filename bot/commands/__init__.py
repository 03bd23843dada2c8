"""What each word after `stillmotion` does; bot/cli.py says how it is written."""
