"""The Renode engine: the same machine on Renode, in this process, through pyrenode3."""
