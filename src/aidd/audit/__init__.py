"""A page on which the repairs of a recording are looked at, listened to, and accepted or rejected."""
