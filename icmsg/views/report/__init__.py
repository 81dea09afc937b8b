"""Report of a trace as one page for a browser: written at the end, from figures and rows of bounded size."""
