"""Who makes videos: one file a provider; this folder's listing is the catalogue."""
