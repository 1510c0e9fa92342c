"""The Hugging Face Hub: how it is asked, what is fetched, and what its client raises."""

from .access import Access, resolve
from .fetching import fetch, fetch_meanwhile, has
from .hashes import is_intact, named

__all__ = ["Access", "fetch", "fetch_meanwhile", "has", "is_intact", "named", "resolve"]
