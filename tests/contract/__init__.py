"""What every layer promises: a file per group of promises, a function per promise."""
