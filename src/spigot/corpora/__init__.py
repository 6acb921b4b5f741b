"""Open corpora: from what their projects publish to the files that training reads.

Read `catalog.py` first: one entry a corpus, with its sources, licence and converter. A converter is a function
`convert(source, out, *, processes, progress) -> Summary` that reads a folder and writes a folder.
"""
