"""A model's folder for the Hub: its files, its card, and the commit that publishes it."""
