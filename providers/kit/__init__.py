"""What provider files are built from; it knows no provider."""
