"""Files that nobody vouches for: read with distrust, checked before they are used."""
