"""The shapes of the database, one file a change, never edited once released."""
