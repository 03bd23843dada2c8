"""Where people ask and where videos go: one folder or file a platform; this folder's listing is the list."""
