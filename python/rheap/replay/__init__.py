"""Traces played on heaps: what that measures, and placement policies of one's own."""
