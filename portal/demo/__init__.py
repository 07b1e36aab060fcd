"""Demo data: an invented district whose portal files are written, faults included, and then really imported.

`world` draws who lives where, what was billed and what was paid; one module per kind of file writes that down in
the portal's formats (`shared` in `writers`); `truth` keeps count of what an importer must make of each row;
`generate` runs it all as one stream. Every unit has a random stream of its own, so the same seed and options give
the same files, and memory does not grow with the number of units.
"""
