"""How the user's own files of text, pairs, sound and images are read; the loaders split what comes out."""
