"""Discord as a platform, over discord.py."""
