"""Jobs, both books, blobs, and who is due."""
