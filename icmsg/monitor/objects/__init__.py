"""The objects behind the names of the Monitor: what Renode's classes show, over the embedded engine."""
