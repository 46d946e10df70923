"""How the user's own files of text, pairs, sound and images are read: what a loader needs, and nothing of its split."""
