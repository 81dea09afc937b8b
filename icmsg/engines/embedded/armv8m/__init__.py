"""The Armv8-M processor: instructions by unicorn, everything around the instruction stream here."""
