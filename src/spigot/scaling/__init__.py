"""Parsing corpora on many machines, on Ray Data.

parts.py cuts files into parts, output.py knows which of them are done, actors.py parses: a part, or the rows of a
dataset of one's own.
"""
