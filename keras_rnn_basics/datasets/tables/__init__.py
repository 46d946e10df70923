"""How the user's own tables are read: the layout of a file, its columns, its times, and the repairs of its rows."""
