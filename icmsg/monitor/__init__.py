"""Renode's Monitor: its command language, and what it says about ICMsg."""
