"""From a damaged file to a repaired one: what is damaged, what fills it, and how."""
